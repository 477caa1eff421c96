/**
 * The rings of standard input and output as the two sides see them. The core counts; the bytes are copied here, from and to
 * wherever the caller has them.
 */

import type { Core } from "../core/core.ts";
import type { InputStream, OutputStream } from "../wasi/host.ts";

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

/** Either end of a ring. */
class RingEnd {
  protected readonly core: Core;
  protected readonly ring: number;
  /** The ledger's. */
  protected readonly bytes: Uint8Array;
  readonly terminal: boolean;

  constructor(core: Core, ledger: WebAssembly.Memory, ring: number, { terminal = false }: { terminal?: boolean } = {}) {
    this.terminal = terminal;
    this.core = core;
    this.ring = ring;
    this.bytes = new Uint8Array(ledger.buffer);
  }
}

export class RingReader extends RingEnd implements InputStream {
  readable(): number {
    return this.core.buffered(this.ring);
  }

  ended(): boolean {
    // In this order: what was written before the end was marked is seen by the second look.
    return this.core.ended(this.ring) !== 0 && this.core.buffered(this.ring) === 0;
  }

  read(into: Uint8Array): number {
    let done = 0;
    while (done < into.length) {
      const bytes = Math.min(this.core.readable(this.ring), into.length - done);
      if (bytes === 0) break;
      const ptr = this.core.readPtr(this.ring);
      into.set(this.bytes.subarray(ptr, ptr + bytes), done);
      this.core.read(this.ring, bytes);
      done += bytes;
    }
    return done;
  }

  refuse(): void {
    this.core.refuseRing(this.ring);
  }
}

export class RingWriter extends RingEnd implements OutputStream {
  writable(): number {
    return this.core.writable(this.ring);
  }

  refused(): boolean {
    return this.core.refused(this.ring) !== 0;
  }

  write(from: Uint8Array): number {
    let done = 0;
    while (done < from.length) {
      const bytes = Math.min(this.core.writable(this.ring), from.length - done);
      if (bytes === 0) break;
      this.bytes.set(from.subarray(done, done + bytes), this.core.writePtr(this.ring));
      this.core.wrote(this.ring, bytes);
      done += bytes;
    }
    return done;
  }

  end(): void {
    this.core.endRing(this.ring);
  }
}

/** An output that nobody reads. */
export const NOWHERE: OutputStream = {
  writable: () => 0x7fffffff,
  refused: () => false,
  write: (from) => from.length,
};
