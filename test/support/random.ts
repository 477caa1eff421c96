/**
 * Seeded randomness for tests: the same SP_SEED gives the same run. Without it a seed is drawn; it is printed either way, and
 * the runner shows it with whatever failed.
 */

import { SEED } from "./runtime.ts";

export { SEED };

export class Random {
  #state: number;

  /** `stream` keeps the draws of one test apart from those of another under the same seed. */
  constructor(stream: number = 0, seed: number = SEED) {
    this.#state = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0;
  }

  /** Any 32-bit number, unsigned. (A counter through the finaliser of MurmurHash3.) */
  u32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let h = this.#state;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  }

  /** 0 … count - 1. */
  below(count: number): number {
    return Math.floor((this.u32() / 2 ** 32) * count);
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** So many of them, in their order; all where there are no more. */
  some<T>(from: readonly T[], count: number): T[] {
    let wanted = Math.min(count, from.length);
    return from.filter((_, at) => {
      if (this.below(from.length - at) >= wanted) return false;
      wanted--;
      return true;
    });
  }
}
