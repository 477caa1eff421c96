/**
 * Hands a guest over at random moments until it ends or has moved often enough, each time to a Worker of its own, at times while
 * it is held; and counts what was hit.
 */

import type { Guest, HandoverOptions } from "../../dist/index.js";
import { ContinuationMaker } from "../../dist/resume/maker.js";
import { sleep } from "./guests.ts";
import type { Random } from "./random.ts";

export interface Moves {
  handovers: number;
  /** How many found the guest how. */
  readonly how: Record<string, number>;
  /** Had frames of the guest to take along. */
  inMotion: number;
  /** Had frames of continuations among them: the same work had been moved before. */
  again: number;
  readonly depths: number[];
  /** Distinct places at which a captured frame was to go on: function and site. */
  readonly places: Set<string>;
  readonly blackoutsMs: number[];
}

export function newMoves(): Moves {
  return { handovers: 0, how: {}, inMotion: 0, again: 0, depths: [], places: new Set(), blackoutsMs: [] };
}

/** What is asked here is whether a guest notices, not how fast a busy machine is. */
const BUDGET_MS = 60_000;

export interface MovingOptions extends HandoverOptions {
  readonly handoversMax: number;
  /** Longest time between two handovers, ms; besides, the guest runs while its next host starts. */
  readonly apartMsMax?: number;
  /** Never while it is held: JavaScript around the guest would not come to its end. */
  readonly neverHeld?: boolean;
  /** Which piece of work the guest is on; a new number for each. */
  readonly work?: () => number;
  /** It is over, whether or not the guest has ended. */
  readonly over?: () => boolean;
}

/** Frames that were captured while `run` runs, as continuations are asked for by function and site. */
async function watchingPlaces<T>(places: Set<string>, run: () => Promise<T>): Promise<T> {
  const { make } = ContinuationMaker.prototype;
  ContinuationMaker.prototype.make = function (sites) {
    for (const { functionIndex, site } of sites) places.add(`${functionIndex}:${site}`);
    return make.call(this, sites);
  };
  try {
    return await run();
  } finally {
    ContinuationMaker.prototype.make = make;
  }
}

export function move(guest: Guest, random: Random, moves: Moves, options: MovingOptions): Promise<void> {
  return watchingPlaces(moves.places, () => moveOn(guest, random, moves, options));
}

async function moveOn(
  guest: Guest,
  random: Random,
  moves: Moves,
  {
    handoversMax,
    apartMsMax = 20,
    neverHeld = false,
    work = () => 0,
    over = () => false,
    budgetMs = BUDGET_MS,
    ...options
  }: MovingOptions,
): Promise<void> {
  let ended = false;
  void guest.exited.then(() => {
    ended = true;
  });
  let moved: number | undefined;
  while (moves.handovers < handoversMax && !ended && !over()) {
    await sleep(random.below(apartMsMax + 1));
    const held = random.oneIn(8) && !neverHeld;
    try {
      if (held) await guest.freeze();
      const now = work();
      const { how, frames, blackoutMs } = await guest.handover({ ...options, budgetMs });
      moves.handovers++;
      moves.how[how!] = (moves.how[how!] ?? 0) + 1;
      moves.depths.push(frames);
      if (!held) moves.blackoutsMs.push(blackoutMs);
      if (frames > 0) {
        moves.inMotion++;
        if (moved === now && work() === now) moves.again++;
        moved = now;
      }
      if (held) await guest.resume();
    } catch (error) {
      // The program has come to its end by itself; how, whoever started it looks at.
      await Promise.race([guest.exited, sleep(5000)]);
      if (!ended) throw error;
    }
  }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
}

export function movesText({ handovers, how, inMotion, again, depths, places, blackoutsMs }: Moves): string {
  const found = Object.entries(how).map(([word, count]) => `${word} ${count}`);
  const frames = depths.toSorted((a, b) => a - b);
  const ms = blackoutsMs.toSorted((a, b) => a - b);
  return (
    `${handovers} handovers (${found.join(", ")}), ${inMotion} in mid-execution, ${again} of those with continuations on the stack, ` +
    `${places.size} places, frames p50 ${at(frames, 0.5)} max ${at(frames, 1)}, ` +
    `blackout p50 ${at(ms, 0.5).toFixed(1)} p99 ${at(ms, 0.99).toFixed(1)} ms`
  );
}
