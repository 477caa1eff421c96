/** Bytes by a request that blocks, for tests that read a file where they stand. */
export function bytesOf(
  method: "GET" | "POST",
  url: URL | string,
  body: string | null = null,
): Uint8Array<ArrayBuffer> {
  const request = new XMLHttpRequest();
  request.open(method, url, false);
  // The one way to have bytes of a request that blocks: each becomes a character.
  request.overrideMimeType("text/plain; charset=x-user-defined");
  request.send(body);
  if (request.status !== 200) throw new Error(`${url}: ${request.status}`);
  return Uint8Array.from(request.responseText, (character) => character.charCodeAt(0) & 0xff);
}
