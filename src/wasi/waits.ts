/**
 * Waiting in the middle of a call, so that the call can be cut off there.
 *
 * host.wait() may throw to take the guest off its thread. The guest then issues the same call again, with the same arguments,
 * perhaps in another Worker. What the call had already done when it began to wait is kept here meanwhile and is part of the
 * state: bytes it had given away are not given away twice, and a relative deadline still counts from the first beginning.
 */

import type { Deadline, WasiHost } from "./host.ts";

export interface Interrupted {
  readonly takenBytes: number;
  readonly wallNs: bigint;
  readonly monotonicNs: bigint;
}

export class Waits {
  readonly #host: WasiHost;
  interrupted: Interrupted | undefined;

  constructor(host: WasiHost) {
    this.#host = host;
  }

  /** Bytes that this call had moved before it was cut off; a fresh call had moved none. */
  takenBytes(): number {
    const { interrupted } = this;
    if (interrupted === undefined) return 0;
    this.interrupted = undefined;
    return interrupted.takenBytes;
  }

  /** When this call began, however often it has been issued. */
  begun(): Interrupted {
    const { clock } = this.#host;
    const begun = this.interrupted ?? { takenBytes: 0, wallNs: clock.wallNs(), monotonicNs: clock.monotonicNs() };
    this.interrupted = undefined;
    return begun;
  }

  wait(done: Interrupted, seen: number, until?: Deadline): void {
    this.interrupted = done;
    this.#host.wait(until === undefined ? { seen } : { seen, until });
    this.interrupted = undefined;
  }

  /** Waits for the bell in a call that has moved `takenBytes` so far. */
  waitHavingTaken(takenBytes: number, seen: number, until?: Deadline): void {
    this.wait({ takenBytes, wallNs: 0n, monotonicNs: 0n }, seen, until);
  }
}
