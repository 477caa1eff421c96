/**
 * Bytes that are put together at the end. Parts are kept as they are until join() knows how many bytes there are, and copies each
 * of them once, to its place: so a large module is not in memory once more for every step that adds to it.
 */

import { Writer } from "./writer.ts";

export class Parts {
  readonly #parts: Uint8Array[] = [];
  /** Of all bytes so far. */
  length: number = 0;

  /** They are kept, not copied, and must not change before join(). */
  add(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.length += part.length;
    }
  }

  section(id: number, ...content: readonly Uint8Array[]): void {
    const head = new Writer(6);
    head.u8(id);
    head.u32(content.reduce((sum, { length }) => sum + length, 0));
    this.add(head.view, ...content);
  }

  customSection(name: string, ...content: readonly Uint8Array[]): void {
    const head = new Writer(name.length + 8);
    head.name(name);
    this.section(0, head.view, ...content);
  }

  join(): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }
}
