/** What tests take from the runtime that they run in, here a page; test/support/runtime.ts is the same for Node. */

const parameters = new URLSearchParams(location.search);

export const SEED: number = Number(parameters.get("seed"));

/** A page may not block. */
export const MAY_BLOCK: boolean = false;

export const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

export const FULL: boolean = parameters.has("full");

/** Ordinary runs do half of what they do on Node, which has counted the rest already. */
export function share(full: number, ordinary: number): number {
  return FULL ? full : Math.ceil(ordinary / 2);
}

/** What the unprepared CPython prints on Node, which runs it. Blocks. */
export function pythonUnprepared(source: string): string {
  const request = new XMLHttpRequest();
  request.open("POST", "/unprepared", false);
  request.send(source);
  if (request.status !== 200) throw new Error(request.responseText);
  return request.responseText;
}
