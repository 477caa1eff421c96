/**
 * Who is impacted, in all of the fleet: never two update domains of a set at once, a time to recover between them, and no more guests
 * being replaced at once than there are slots. All waves of a fleet go through the same one.
 */

import type { Clock } from "./clock.ts";

interface Last {
  readonly updateDomain: number;
  readonly endedMs: number;
}

export class Impacts {
  readonly #clock: Clock;
  readonly #impacted = new Map<string, number>();
  /** Which domain of a set was impacted last. */
  readonly #last = new Map<string, Last>();
  readonly #waiting: (() => void)[] = [];
  #slotsFree: number;

  constructor(clock: Clock, { concurrencyMax }: { concurrencyMax: number }) {
    this.#clock = clock;
    this.#slotsFree = concurrencyMax;
  }

  begin(set: string, updateDomain: number): void {
    const impacted = this.#impacted.get(set);
    if (impacted !== undefined) {
      throw new Error(`update domain ${updateDomain} of set ${set} would be impacted together with ${impacted}`);
    }
    this.#impacted.set(set, updateDomain);
  }

  end(set: string): void {
    const updateDomain = this.#impacted.get(set);
    if (updateDomain === undefined) return;
    this.#impacted.delete(set);
    this.#last.set(set, { updateDomain, endedMs: this.#clock.nowMs() });
  }

  /** How long a set needs until this domain may be impacted: its other domains are given time to recover. */
  recoveryMs(set: string, updateDomain: number, recoveryMs: number): number {
    const last = this.#last.get(set);
    if (last === undefined || last.updateDomain === updateDomain) return 0;
    return Math.max(last.endedMs + recoveryMs - this.#clock.nowMs(), 0);
  }

  /** The set has no guests any more. */
  forget(set: string): void {
    this.#last.delete(set);
  }

  /** Does something to a guest, once a slot is free for it. */
  async inSlot<T>(work: () => Promise<T>): Promise<T> {
    if (this.#slotsFree > 0) this.#slotsFree--;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // A slot is passed on: whoever comes in between does not get it.
      if (next === undefined) this.#slotsFree++;
      else next();
    }
  }
}
