/** Freezes a guest at random moments until it is told to stop, and keeps account. */

import { setTimeout as sleep } from "node:timers/promises";
import { type FreezeReport, type Guest, GuestStateError, type ResumeReport } from "stillpoint";

/** Longest time between two pauses, ms. */
const GAP_MS = 10;
/** Every fourth pause is held; the others end as soon as they have begun. */
const HELD_EVERY = 4;
const HELD_MS = { min: 5, max: 25 };

/** Numbers from 0 to 1, the same for the same seed: mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Storm {
  readonly freezes: FreezeReport[] = [];
  readonly resumes: ResumeReport[] = [];
  /** Pages written since the pause before, of all pauses together. */
  dirtyPages = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(guest: Guest, seed: number) {
    this.#done = this.#run(guest, randomNumbers(seed));
  }

  async #run(guest: Guest, random: () => number): Promise<void> {
    try {
      while (!this.#stopped) {
        await sleep(random() * GAP_MS);
        const freeze = await guest.freeze();
        this.dirtyPages += (await guest.dirty({ clear: true })).pages;
        if (this.freezes.length % HELD_EVERY === 0) await sleep(HELD_MS.min + random() * (HELD_MS.max - HELD_MS.min));
        const resume = await guest.resume();
        this.freezes.push(freeze);
        this.resumes.push(resume);
      }
    } catch (error) {
      // The program has come to its end between two pauses.
      if (!(error instanceof GuestStateError)) throw error;
    }
  }

  /** Begins no further pause; resolves when the guest is left running. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#done;
  }

  found(how: FreezeReport["how"]): number {
    return this.freezes.filter((freeze) => freeze.how === how).length;
  }
}
