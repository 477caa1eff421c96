/** Elements of a page by their ids, and controls that say what they do. */

export function at<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export function say(text: string): void {
  at("status").textContent = text;
}

/** Errors of the library, and of a fleet that is asked over HTTP, have a code. */
function messageOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return error instanceof Error && typeof code === "string" ? `${error.message} (${code})` : String(error);
}

/** Runs what a control does; what goes wrong is said, not thrown. */
export function on(id: string, type: string, work: () => void | Promise<void>): void {
  at(id).addEventListener(type, () => {
    void (async () => work())().catch((error) => say(messageOf(error)));
  });
}
