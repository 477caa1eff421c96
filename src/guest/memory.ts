/** The guest's memory in the owner's hands: read and written only while nothing else does, and every copied byte counted. */

import { invalid } from "../checks.ts";
import type { Core } from "../core/core.ts";

export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  readonly #core: Core;
  /** Bytes of guest memory that the library has copied so far. Every place that copies any counts here. */
  bytesCopied = 0;

  constructor(memory: WebAssembly.Memory, core: Core) {
    this.memory = memory;
    this.#core = core;
  }

  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  #check(ptr: number, bytes: number): void {
    const whole = Number.isSafeInteger(ptr) && Number.isSafeInteger(bytes) && ptr >= 0 && bytes >= 0;
    if (!whole || ptr + bytes > this.bytes) {
      throw invalid(`${bytes} bytes at ${ptr} are not within the guest's ${this.bytes} bytes of memory`);
    }
  }

  read({ ptr, bytes }: { ptr: number; bytes: number }): Uint8Array<ArrayBuffer> {
    this.#check(ptr, bytes);
    this.bytesCopied += bytes;
    return new Uint8Array(new Uint8Array(this.memory.buffer, ptr, bytes));
  }

  write({ ptr, data }: { ptr: number; data: Uint8Array }): void {
    this.#check(ptr, data.length);
    this.bytesCopied += data.length;
    new Uint8Array(this.memory.buffer).set(data, ptr);
    this.#core.markRange(ptr, data.length);
  }
}
