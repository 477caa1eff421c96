/**
 * Freezes and resumes a guest at random moments until it ends or has been frozen often enough: by turns with and without
 * blocking, held for 0 to 3 ms, at times held twice, and at times withdrawn before a guest could have answered.
 */

import type { Guest } from "../../dist/index.js";
import { digestOf, sleep } from "./guests.ts";
import type { Random } from "./random.ts";
import { MAY_BLOCK, nextTurn } from "./runtime.ts";

export interface Tally {
  freezes: number;
  withdrawn: number;
  /** How many freezes found the guest how. */
  readonly how: Record<string, number>;
  /** How often the digest of all of memory was taken twice in one freeze. */
  digests: number;
  /** How often the two differed. */
  changes: number;
}

export function newTally(): Tally {
  return { freezes: 0, withdrawn: 0, how: { parked: 0, waiting: 0, idle: 0 }, digests: 0, changes: 0 };
}

export interface StormOptions {
  readonly freezesMax: number;
  /** Every how many freezes memory is digested. */
  readonly digestEvery: number;
}

/** Passes a time that a timer is too coarse for. */
function pass(us: number): void {
  const until = performance.now() + us / 1000;
  while (performance.now() < until);
}

export async function storm(
  guest: Guest,
  random: Random,
  tally: Tally,
  { freezesMax, digestEvery }: StormOptions,
): Promise<void> {
  const ended = guest.exited.then(() => true);
  const over = (): Promise<boolean> => Promise.race([ended, nextTurn().then(() => false)]);

  const freeze = async (): Promise<boolean> => {
    // A budget that is used up at once makes a request that races with its own withdrawal.
    const budgetMs = random.oneIn(8) ? 0.001 : 5000;
    try {
      const report = random.oneIn(2) && MAY_BLOCK ? guest.freezeSync({ budgetMs }) : await guest.freeze({ budgetMs });
      tally.how[report.how] = (tally.how[report.how] ?? 0) + 1;
      tally.freezes++;
      if (!(report.timeToSafepointMs >= 0)) throw new Error(`a safepoint after ${report.timeToSafepointMs} ms`);
      return true;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "SP_FREEZE_TIMEOUT" && budgetMs < 1) tally.withdrawn++;
      else if (code !== "SP_GUEST_STATE") throw error;
      return false;
    }
  };

  const resume = async (held: number): Promise<void> => {
    const report = random.oneIn(2) && MAY_BLOCK ? guest.resumeSync() : await guest.resume();
    if (!(report.blackoutMs >= 0)) throw new Error(`a blackout of ${report.blackoutMs} ms`);
    if (report.held !== held) throw new Error(`${report.held} holds are left, not ${held}`);
  };

  while (tally.freezes < freezesMax && !(await over())) {
    if (!(await freeze())) continue;
    const twice = random.oneIn(4);
    if (twice) await guest.freeze();
    if (tally.freezes % digestEvery === 0) {
      const before = digestOf(guest.memory);
      await sleep(1);
      tally.digests++;
      if (digestOf(guest.memory) !== before) tally.changes++;
    } else {
      pass(random.below(1000));
      for (let ms = random.below(3); ms > 0; ms--) await sleep(1);
    }
    if (twice) await resume(1);
    await resume(0);
    pass(random.below(1000));
    for (let ms = random.below(3); ms > 0; ms--) await sleep(1);
  }
}

export function histogram({ freezes, withdrawn, how, digests }: Tally): string {
  const found = Object.entries(how).map(([word, count]) => `${word} ${count}`);
  return `${freezes} freezes (${found.join(", ")}), ${withdrawn} withdrawn, memory compared ${digests} times`;
}
