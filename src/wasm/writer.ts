/**
 * Builds bytes: a buffer that grows by doubling, numbers in LEB128, and ranges copied whole. Unchanged code travels through
 * copy(), which is why rewriting a large module costs little more than reading it.
 */

const utf8: TextEncoder = new TextEncoder();

export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  /** How much has been written. */
  length: number = 0;

  constructor(capacity: number = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** What has been written; valid until the next write. */
  get view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.view);
    this.#bytes = grown;
  }

  u8(value: number): void {
    if (this.length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** Single bytes, such as opcodes. */
  put(...bytes: readonly number[]): void {
    for (const byte of bytes) this.u8(byte);
  }

  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Room of so many bytes for a number that is not known yet. */
  room(byteCount: number): void {
    for (let i = 0; i < byteCount; i++) this.u8(0);
  }

  /** Fills such room: the number as LEB128, padded to its size. */
  fill(at: number, value: number, byteCount: number): void {
    for (let i = 0; i < byteCount; i++) {
      const more = i < byteCount - 1 ? 0x80 : 0;
      this.#bytes[at + i] = ((value >>> (7 * i)) & 0x7f) | more;
    }
  }

  /** A signed number that a double holds exactly. */
  signed(value: number): void {
    let rest = value;
    while (rest < -64 || rest > 63) {
      const low = rest - Math.floor(rest / 128) * 128;
      this.u8(low | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.u8(rest & 0x7f);
  }

  copy(bytes: Uint8Array, from: number = 0, to: number = bytes.length): void {
    const count = to - from;
    this.#reserve(count);
    if (count < 24) {
      const target = this.#bytes;
      for (let i = 0; i < count; i++) target[this.length + i] = bytes[from + i]!;
    } else {
      this.#bytes.set(bytes.subarray(from, to), this.length);
    }
    this.length += count;
  }

  name(text: string): void {
    const bytes = utf8.encode(text);
    this.u32(bytes.length);
    this.copy(bytes);
  }

  /** Bytes with their length before them. */
  sized(content: Uint8Array): void {
    this.u32(content.length);
    this.copy(content);
  }
}
