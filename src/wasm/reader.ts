/**
 * Reads bytes that nobody has vouched for. Every read checks its bounds; what is wrong becomes a ModuleInvalidError with the
 * byte offset, so callers never meet `undefined`, a wrapped length or an endless loop.
 */

import { ModuleInvalidError } from "../errors.ts";

const utf8: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  fail(message: string, offset: number = this.at): never {
    throw new ModuleInvalidError(message, offset);
  }

  u8(): number {
    if (this.at >= this.end) this.fail("unexpected end");
    return this.bytes[this.at++]!;
  }

  u32(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let result = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.u8();
      // The fifth byte has room for four bits.
      if (shift === 28 && byte > 0x0f) this.fail("integer too large", this.at - 1);
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    return this.fail("integer too long");
  }

  /** A signed number of at most 33 bits, as in block types and heap types. Exact, as a double. */
  s33(): number {
    let result = 0;
    let scale = 1;
    for (let count = 0; count < 5; count++) {
      const byte = this.u8();
      result += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        const value = byte & 0x40 ? result - scale : result;
        if (value < -(2 ** 32) || value >= 2 ** 32) this.fail("integer too large", this.at - 1);
        return value;
      }
    }
    return this.fail("integer too long");
  }

  s32(): number {
    const at = this.at;
    const value = this.s33();
    if (value < -(2 ** 31) || value >= 2 ** 31) this.fail("integer too large", at);
    return value;
  }

  /** Passes over a signed number of at most 64 bits. */
  skipS64(): void {
    for (let count = 0; count < 10; count++) if (this.u8() < 0x80) return;
    this.fail("integer too long");
  }

  skip(count: number): void {
    if (count > this.end - this.at) this.fail("unexpected end");
    this.at += count;
  }

  /** The length of a vector. Its elements take at least one byte each, so a length beyond the end is refused at once. */
  count(): number {
    const at = this.at;
    const count = this.u32();
    if (count > this.end - this.at) this.fail("vector longer than what holds it", at);
    return count;
  }

  name(): string {
    const length = this.count();
    const at = this.at;
    this.skip(length);
    try {
      return utf8.decode(this.bytes.subarray(at, at + length));
    } catch {
      return this.fail("name is not UTF-8", at);
    }
  }

  /** A reader of the next `length` bytes, which this one then leaves behind. */
  part(length: number): Reader {
    const at = this.at;
    this.skip(length);
    return new Reader(this.bytes, at, at + length);
  }
}
