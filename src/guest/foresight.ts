/**
 * Foresight: the first handover of a program has continuations made for where its guest is seen while it runs (glimpse.ts), and
 * finds few of them missing when the guest stands still for it. What is seen is a guess, since the guest is elsewhere a moment
 * later: nothing but the speed of the handover follows from it.
 *
 *   owner   sets `glimpse`, freezes, resumes ──────────────────────────────────▶ places ─▶ maker       several times
 *   host                    asked for the time, on the guest's stack: reads it ─┘
 */

import { OFF_GLIMPSE, RUNNING } from "../abi.ts";
import type { ContinuationMaker } from "../resume/maker.ts";
import type { CodePlace } from "../resume/site.ts";
import type { Budget } from "./budget.ts";
import { inTime, type RecallSide } from "./recall.ts";

/** Longest that one takes, ms. A guest that computes in JavaScript has nothing to show. */
const GLIMPSE_MS = 100;
/** The outer frames stay, the inner ones change: after so many there is little new. */
const GLIMPSES = 6;
/** Longest that all of it puts the handover off, ms, and which share of its budget. */
const FORESEE_MS = 1000;
const FORESEE_SHARE = 0.25;

interface Glimpse {
  readonly places: readonly CodePlace[];
  readonly blackoutMs: number;
}

const NOTHING: Glimpse = { places: [], blackoutMs: 0 };

/** Has continuations made of a program that has none yet, for where its guest is seen. Answers for how long that kept it, ms. */
export async function foresee(
  side: RecallSide & { readonly next: ContinuationMaker },
  budget: Budget,
): Promise<number> {
  const { maker, next } = side;
  await next.warm();
  let keptMs = 0;
  if (maker.modules.length > 0) return keptMs;
  const until = performance.now() + Math.min(FORESEE_MS, FORESEE_SHARE * budget.leftMs());
  const seen = new Set<string>();
  for (let i = 0; i < GLIMPSES; i++) {
    const { places, blackoutMs } = budget.over ? NOTHING : await glimpse(side);
    keptMs += blackoutMs;
    for (const place of places) {
      const key = `${place.functionIndex}:${place.offset}`;
      if (seen.has(key)) continue;
      if (budget.over || performance.now() >= until) return keptMs;
      seen.add(key);
      await next.foresee(place);
    }
  }
  return keptMs;
}

/**
 * Where the guest is, the innermost frame first; nothing of a guest that does not run. Only of one that has never gone on from
 * continuations, whose frames are those of other modules. It stands still for that like for any freeze.
 */
async function glimpse({ host, freezing, words }: RecallSide): Promise<Glimpse> {
  if (freezing.state !== RUNNING) return NOTHING;
  const seen = host.next("glimpsed");
  Atomics.store(words, OFF_GLIMPSE >> 2, 1);
  try {
    await freezing.freeze({ budgetMs: GLIMPSE_MS });
    const { blackoutMs } = await freezing.resume();
    return { places: (await inTime(seen, GLIMPSE_MS))?.places ?? [], blackoutMs };
  } catch {
    // It has ended, or cannot be frozen just now: whoever wants more of it than a guess finds that out.
    return NOTHING;
  } finally {
    Atomics.store(words, OFF_GLIMPSE >> 2, 0);
  }
}
