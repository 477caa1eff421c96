/**
 * What a request line asks for. Callers behind a proxy setting send the absolute form, with any host in front; that part means
 * nothing here. Nothing is normalised: a path with `..`, `//` or encoded slashes names nothing.
 *
 *   /metadata/…                the fleet as operators see it, or a guest if the listener is a guest's
 *   /guests/NAME/metadata/…    the same as the guest NAME sees it; NAME is percent-encoded
 */

export interface Target {
  /** From the path's prefix. */
  readonly guest: string | undefined;
  /** What follows `/metadata/`, in lower case: readers differ in how they spell it. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

function decode(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** Undefined for what cannot name anything. */
export function parseTarget(requestTarget: string): Target | undefined {
  const local = requestTarget.replace(/^https?:\/\/[^/?#]*/i, "");
  const mark = local.indexOf("?");
  const path = mark === -1 ? local : local.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? "" : local.slice(mark + 1));
  const [before, ...segments] = path.split("/");
  if (before !== "") return undefined;
  if (segments.length > 1 && segments.at(-1) === "") segments.pop();
  let guest: string | undefined;
  if (segments[0]?.toLowerCase() === "guests") {
    guest = decode(segments[1] ?? "");
    if (guest === undefined || guest === "") return undefined;
    segments.splice(0, 2);
  }
  const [root, ...rest] = segments.map((segment) => segment.toLowerCase());
  return root === "metadata" ? { guest, path: rest, query } : undefined;
}

/** Whether a parameter is given more than once, which makes it unclear what is asked. */
export function repeats(query: URLSearchParams): boolean {
  return new Set(query.keys()).size < query.size;
}
