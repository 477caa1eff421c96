/**
 * The list of the system's descriptors that are open for a guest, kept in the ledger. A Worker that dies closes nothing and
 * a Worker that is replaced must not, so the owner closes what is left when the guest has ended.
 */

import { DESCRIPTOR_SLOTS, OFF_DESCRIPTORS } from "../abi.ts";

export class Descriptors {
  readonly #slots: Int32Array;

  constructor(ledger: WebAssembly.Memory) {
    this.#slots = new Int32Array(ledger.buffer, OFF_DESCRIPTORS, DESCRIPTOR_SLOTS);
  }

  opened(descriptor: number): void {
    const slot = this.#slots.indexOf(0);
    if (slot >= 0) this.#slots[slot] = descriptor + 1;
  }

  closed(descriptor: number): void {
    const slot = this.#slots.indexOf(descriptor + 1);
    if (slot >= 0) this.#slots[slot] = 0;
  }

  /** Takes all that are left off the list. */
  drain(): number[] {
    const left: number[] = [];
    for (const [slot, held] of this.#slots.entries()) {
      if (held !== 0) left.push(held - 1);
      this.#slots[slot] = 0;
    }
    return left;
  }
}
