/**
 * The guest's memory as its services may touch it: pointers come from the guest and are hostile, so nothing is read or
 * written before its bounds are checked, and everything written is marked.
 *
 * Views are renewed only when an access lies beyond them. That is enough: memory only grows, a view of shared memory stays
 * good, and a view of memory that is not shared has no bytes left once the memory has grown.
 */

import { EFAULT, EILSEQ, EINVAL, ENAMETOOLONG } from "./errno.ts";
import { Fault } from "./fault.ts";
import { IOVEC_BYTES } from "./layout.ts";

/** Longest path, as on Linux; the zero byte included. */
const PATH_BYTES_MAX = 4096;
/** Most buffers in one call, as in wasi-libc. */
const IOVECS_MAX = 1024;
const CHUNK_BYTES = 65536;

interface Marked {
  readonly memory: WebAssembly.Memory;
  mark(range: { ptr: number; bytes: number }): void;
}

const decoder: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class GuestMemory {
  readonly #host: Marked;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(host: Marked) {
    this.#host = host;
    this.#bytes = new Uint8Array(host.memory.buffer);
    this.#view = new DataView(host.memory.buffer);
  }

  /** The address that a pointer means, once it is known that `bytes` bytes are there. */
  check(ptr: number, bytes: number): number {
    const address = ptr >>> 0;
    if (address + bytes > this.#bytes.length) {
      const buffer = this.#host.memory.buffer;
      if (buffer !== this.#bytes.buffer) {
        this.#bytes = new Uint8Array(buffer);
        this.#view = new DataView(buffer);
      }
      if (address + bytes > this.#bytes.length) throw new Fault(EFAULT);
    }
    return address;
  }

  readU8(ptr: number): number {
    return this.#view.getUint8(this.check(ptr, 1));
  }

  readU16(ptr: number): number {
    return this.#view.getUint16(this.check(ptr, 2), true);
  }

  readU32(ptr: number): number {
    return this.#view.getUint32(this.check(ptr, 4), true);
  }

  readU64(ptr: number): bigint {
    return this.#view.getBigUint64(this.check(ptr, 8), true);
  }

  writeU32(ptr: number, value: number): void {
    const address = this.check(ptr, 4);
    this.#view.setUint32(address, value, true);
    this.#host.mark({ ptr: address, bytes: 4 });
  }

  writeU64(ptr: number, value: bigint): void {
    const address = this.check(ptr, 8);
    this.#view.setBigUint64(address, value, true);
    this.#host.mark({ ptr: address, bytes: 8 });
  }

  /** Copies in; `source` is ordinary memory. */
  writeBytes(ptr: number, source: Uint8Array): void {
    const address = this.check(ptr, source.length);
    this.#bytes.set(source, address);
    if (source.length > 0) this.#host.mark({ ptr: address, bytes: source.length });
  }

  /** The bytes themselves, for one copy now. Who writes to them calls wrote(). */
  span(ptr: number, bytes: number): Uint8Array {
    const address = this.check(ptr, bytes);
    return this.#bytes.subarray(address, address + bytes);
  }

  wrote(span: Uint8Array, bytes: number): void {
    if (bytes > 0) this.#host.mark({ ptr: span.byteOffset, bytes });
  }

  /** The buffers that a call names, all of them checked before any is touched. They may overlap. */
  spans(ptr: number, count: number): Uint8Array[] {
    const length = count >>> 0;
    if (length > IOVECS_MAX) throw new Fault(EINVAL);
    const base = this.check(ptr, length * IOVEC_BYTES);
    const spans = new Array<Uint8Array>(length);
    let total = 0;
    for (let index = 0; index < length; index++) {
      const at = base + index * IOVEC_BYTES;
      const span = this.span(this.readU32(at), this.readU32(at + 4));
      total += span.length;
      spans[index] = span;
    }
    // What a call did is answered in 32 bits.
    if (total > 0xffff_ffff) throw new Fault(EINVAL);
    return spans;
  }

  /** A path. Copied first, because decoders refuse shared memory, and because nobody can change it then. */
  path(ptr: number, bytes: number): string {
    const length = bytes >>> 0;
    const shared = this.span(ptr, length);
    if (length >= PATH_BYTES_MAX) throw new Fault(ENAMETOOLONG);
    const copy = new Uint8Array(shared);
    if (copy.includes(0)) throw new Fault(EINVAL);
    try {
      return decoder.decode(copy);
    } catch {
      throw new Fault(EILSEQ);
    }
  }

  /** Fills a range piece by piece: generators of random numbers take only so much at once. */
  fill(ptr: number, bytes: number, fill: (piece: Uint8Array) => void): void {
    const span = this.span(ptr, bytes >>> 0);
    for (let at = 0; at < span.length; at += CHUNK_BYTES) {
      const piece = span.subarray(at, at + CHUNK_BYTES);
      fill(piece);
      this.wrote(piece, piece.length);
    }
  }
}
