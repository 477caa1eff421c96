/**
 * What a guest writes to approve events: their ids, one in a line, or what the metadata service takes,
 * {"StartRequests": [{"EventId": "…"}]}. It comes in pieces of any size and from a stranger.
 *
 * A line counts when it ends, JSON when it is whole; what is left at the end counts if it is an id. Whatever is neither is
 * refused as soon as that can be seen, and then everything of it that had not counted yet is forgotten.
 */

import { EFBIG, EINVAL } from "./errno.ts";
import { Fault } from "./fault.ts";

/** More than all events of a large fleet at once. */
const PENDING_BYTES_MAX = 65_536;

const ID: RegExp = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** How the line that is not over yet may look. */
const BEGINNING: RegExp = /^\s*[0-9a-f-]{0,36}\s*$/i;

export class RequestReader {
  #pending: string;

  /** What had been written and had not counted yet, if this goes on from another's. */
  constructor(pending = "") {
    this.#pending = pending;
  }

  get pending(): string {
    return this.#pending;
  }

  /** Ids that count now. */
  take(from: Uint8Array): string[] {
    const pending = this.#pending;
    this.#pending = "";
    if (pending.length + from.length > PENDING_BYTES_MAX) throw new Fault(EFBIG);
    // Byte by byte: an id is ASCII, and nothing else of what JSON may hold is looked at.
    let text = pending;
    for (const byte of from) text += String.fromCharCode(byte);
    return text.trimStart().startsWith("{") ? this.#object(text) : this.#lines(text);
  }

  /** Ids that count because nothing more will come. */
  end(): string[] {
    const rest = this.#pending.trim();
    this.#pending = "";
    return rest === "" ? [] : [checked(rest)];
  }

  #lines(text: string): string[] {
    const lines = text.split("\n");
    const rest = lines.pop() ?? "";
    if (!BEGINNING.test(rest)) throw new Fault(EINVAL);
    const ids = lines.map((line) => line.trim()).filter((line) => line !== "");
    for (const id of ids) checked(id);
    this.#pending = rest;
    return ids;
  }

  #object(text: string): string[] {
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      this.#pending = text;
      return [];
    }
    const { StartRequests: requests } = request as { StartRequests?: unknown };
    if (!Array.isArray(requests)) throw new Fault(EINVAL);
    return requests.map((entry) => checked((entry as { EventId?: unknown } | null)?.EventId));
  }
}

function checked(id: unknown): string {
  if (typeof id !== "string" || !ID.test(id)) throw new Fault(EINVAL);
  return id;
}
