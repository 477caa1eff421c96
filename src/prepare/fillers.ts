/**
 * Fillers: functions that do nothing and that nobody calls, behind all others. They tell the engine to inline.
 *
 * Engines take the share of small functions in a module for a sign of how much its compiler has inlined already, and give
 * their own inliner the more to spend the more of them there are. What we add to code makes small functions larger, so a
 * prepared module looks like one in which there is nothing left to inline, and would run slower for that alone than for
 * all its polls and checks. A filler counts as a small function and costs four bytes. There are as many as it takes for V8
 * (its inlining-tree.h) to grant all that it ever grants: code in which a call is followed by a check gains the more from being
 * inlined, and so do original functions whose compiler did less than their sizes suggest.
 *
 * Nothing refers to fillers: they have no names, they are in no table, and the indices of all else are as they would be
 * without them.
 */

import { LIMITS } from "../wasm/module.ts";
import type { Writer } from "../wasm/writer.ts";

/** V8 calls a function small whose body has fewer bytes. */
const SMALL_BYTES = 50;
/** V8 grants all that it ever does where this share of a module's own functions is small. */
const SMALL_SHARE = 0.5;
/** No locals, end. */
const FILLER: readonly number[] = [0, 0x0b];

/** How many functions to add to `bodies`, the sizes of those that are there. `functions` counts imports as well. */
export function fillerCount(bodies: Iterable<number>, functions: number): number {
  let count = 0;
  let small = 0;
  for (const bytes of bodies) {
    count++;
    if (bytes < SMALL_BYTES) small++;
  }
  // (small + fillers) / (count + fillers) = SMALL_SHARE
  const wanted = Math.ceil((SMALL_SHARE * count - small) / (1 - SMALL_SHARE));
  return Math.max(0, Math.min(wanted, LIMITS.functions - functions));
}

export function writeFiller(code: Writer): void {
  code.put(FILLER.length, ...FILLER);
}
