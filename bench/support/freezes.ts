/** Freezes of one guest and what their reports say, as a candidate for rounds. Between its turns the guest is held frozen. */

import type { FreezeReport, Guest, ResumeReport } from "../../dist/index.js";
import type { Random } from "../../test/support/random.ts";
import type { Candidate } from "./rounds.ts";

/** Longest wait for a safepoint, ms: far more than any guest here needs, so that it only tells of a fault. */
export const BUDGET_MS = 10_000;
/** Longest time between a resume and the next freeze, ms. */
const APART_MS_MAX = 1;
const RUN_UP_MS = 3;

const never = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps for a time that has nothing to do with what the guest does: the moment of the next freeze. */
export function pause(random: Random): void {
  Atomics.wait(never, 0, 0, (random.below(1000) / 1000) * APART_MS_MAX);
}

/** A thread runs for a moment before its turn: caches and the scheduler have got used to it by then. */
export function runUp(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, RUN_UP_MS));
}

export class Freezes {
  readonly safepointMs: number[] = [];
  readonly blackoutMs: number[] = [];
  /** How many freezes found the guest in mid-execution. */
  parked = 0;
  copied = 0;

  /** What the round trip took, ms. */
  add({ tripMs, freeze, resume }: { tripMs: number; freeze: FreezeReport; resume: ResumeReport }): number {
    this.safepointMs.push(freeze.timeToSafepointMs);
    this.blackoutMs.push(resume.blackoutMs);
    if (freeze.how === "parked") this.parked++;
    this.copied += freeze.guestBytesCopied;
    return tripMs;
  }

  clear(): void {
    this.safepointMs.length = 0;
    this.blackoutMs.length = 0;
    this.parked = 0;
    this.copied = 0;
  }

  /** Share of freezes that found the guest in mid-execution, percent. */
  get parkedPercent(): number {
    return (100 * this.parked) / this.safepointMs.length;
  }
}

export interface FreezeCandidate extends Candidate {
  readonly freezes: Freezes;
}

/** Freezes and resumes `guest`, by the blocking calls or by the others. `timed` says how much of it counts. */
export function freezing(
  guest: Guest,
  { name, sync, timed, random }: { name: string; sync: boolean; timed: "freeze" | "both"; random: Random },
): FreezeCandidate {
  const freezes = new Freezes();
  const measureSync = (): number => {
    pause(random);
    const from = performance.now();
    const freeze = guest.freezeSync({ budgetMs: BUDGET_MS });
    const frozen = performance.now();
    const resume = guest.resumeSync();
    const resumed = performance.now();
    return freezes.add({ tripMs: (timed === "freeze" ? frozen : resumed) - from, freeze, resume });
  };
  const measureAsync = async (): Promise<number> => {
    pause(random);
    const from = performance.now();
    const freeze = await guest.freeze({ budgetMs: BUDGET_MS });
    const frozen = performance.now();
    const resume = await guest.resume();
    const resumed = performance.now();
    return freezes.add({ tripMs: (timed === "freeze" ? frozen : resumed) - from, freeze, resume });
  };
  return {
    name,
    freezes,
    measure: sync ? measureSync : measureAsync,
    begin: async () => {
      guest.resumeSync();
      await runUp();
    },
    end: () => {
      guest.freezeSync({ budgetMs: BUDGET_MS });
    },
    warm: () => freezes.clear(),
  };
}
