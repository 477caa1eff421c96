/**
 * Which loops a continuation shares, and how much code it may be without them.
 *
 * A continuation goes on inside of a loop and needs the whole loop again for its next turn. A larger loop has a continuation of its
 * own, to which all those inside of it go. A smaller one is written once more, so a continuation has a site once, and once
 * more for each small loop around it. In a nest of small loops with much to save at each site that adds up, and a
 * continuation that no engine takes must not come to light when the frame has left its thread: it is counted beforehand.
 */

import { EDIT_LOOP, type FunctionScan } from "./scan.ts";

/** A loop of so many bytes is shared. */
export const SHARED_LOOP_BYTES_MIN = 256;

/** For each of these tokens, in the order of the text, how often a continuation has it at most. */
export function copiesAt({ op, at, peer, edit }: FunctionScan, tokens: readonly number[]): number[] {
  // The ends of small loops around the present token.
  const ends: number[] = [];
  let t = 0;
  return tokens.map((token) => {
    for (; t <= token; t++) {
      if (ends.at(-1) === t) ends.pop();
      const isLoop = op[t] === 0x03 && (edit[t]! & EDIT_LOOP) !== 0;
      if (isLoop && at[peer[t]!]! - at[t]! < SHARED_LOOP_BYTES_MIN) ends.push(peer[t]!);
    }
    return 1 + ends.length;
  });
}
