/**
 * Polls: where guest code looks whether somebody wants it to stop.
 *
 * A poll loads the hint word of the ledger and, if it is not zero, calls out of line:
 *
 *   i32.const 0  i32.load $ledger offset=OFF_HINT  if  call $poll  end            ;; the `if` is hinted unlikely
 *
 * $poll calls entry SLOW_POLL of the slow table, where the host has put a function that parks. Engines do not hoist loads of
 * linear memory out of loops, though the memory model would let them hoist a plain one: where a start-up test finds that
 * they do, images have atomic loads.
 *
 * Every loop that some branch repeats is polled. Most of what polls cost is in small innermost loops without calls, so these
 * poll less than once in an iteration:
 *
 *   small      block $exit  loop $P  poll                       the body several times in a row. A branch to the loop goes to
 *                block $1  body  br $exit  end                  the end of its copy's block, which takes the loop's place in
 *                block $2  body  br $exit  end …                the nesting; labels further out are two more
 *                br $P  end  end
 *   larger     loop $P  poll  (local.set $c 1024)               a counter; labels further out than the loop are one more
 *                loop $L  (br_if $P (i32.eqz (local.tee $c (i32.sub $c 1))))  body  end  end
 *   others     loop $L  poll  body  end
 *
 * Recursion without loops is polled at function entry, see cycles.ts.
 */

import { OFF_HINT, SLOW_POLL } from "../abi.ts";
import { bodyOf } from "../wasm/module.ts";
import type { Writer } from "../wasm/writer.ts";
import { writeUnwindingWord } from "./capture.ts";
import { type Layout, MEMORY_LEDGER } from "./layout.ts";
import type { Options } from "./options.ts";
import { type FunctionScan, LOOP_CALL, LOOP_CATCH, LOOP_LOOP } from "./scan.ts";

export type LoopShape =
  | { readonly kind: "polled" }
  | { readonly kind: "counted" }
  | { readonly kind: "unrolled"; readonly copies: number };

/** How often a counted loop goes round between two polls: some microseconds. */
export const COUNTED_ROUNDS = 1024;

/**
 * A body of more bytes than this is not repeated; one of fewer is repeated until about twice as much is there. Engines unroll small
 * loops themselves, and a counter does not keep them from it: only where it weighs against what the body does are copies better.
 */
const UNROLL_BODY_BYTES_MAX = 60;
const UNROLL_COPIES_MAX = 4;
/** In larger functions nothing is repeated, so that none outgrows what engines accept: copies are at most eight times as long. */
const UNROLL_FUNCTION_BYTES_MAX = 256 * 1024;

/** How the loop that begins at token `t` is polled. Follows from the original bytes alone. */
export function loopShape(scan: FunctionScan, t: number): LoopShape {
  const { at, facts, peer, count, module } = scan;
  if ((facts[t]! & (LOOP_CALL | LOOP_LOOP | LOOP_CATCH)) !== 0 || hasParams(scan, t)) return { kind: "polled" };
  const bodyBytes = at[peer[t]!]! - at[t + 1]!;
  const functionBytes = at[count]! - bodyOf(module, scan.functionIndex).start;
  if (bodyBytes > UNROLL_BODY_BYTES_MAX || functionBytes > UNROLL_FUNCTION_BYTES_MAX) return { kind: "counted" };
  const copies = Math.floor((2 * UNROLL_BODY_BYTES_MAX) / bodyBytes);
  return { kind: "unrolled", copies: Math.min(Math.max(copies, 2), UNROLL_COPIES_MAX) };
}

function hasParams(scan: FunctionScan, t: number): boolean {
  // A block type is a type index or, as a u32, far beyond any.
  const type = scan.module.types[scan.value[t]!];
  return type?.kind === "function" && type.params.length > 0;
}

/** A poll up to and with its `if`; gives where that is, for the hint. */
export function openPoll(code: Writer, { polls }: Pick<Options, "polls">): number {
  code.put(0x41, 0); // i32.const 0
  if (polls === "atomic") code.put(0xfe, 0x10);
  else code.put(0x28);
  code.put(0x42, MEMORY_LEDGER); // 4-byte alignment, and a memory
  code.u32(OFF_HINT);
  const at = code.length;
  code.put(0x04, 0x40);
  return at;
}

/** Body of $poll: out of line, so that a poll is small. With capture it passes on whether the guest is to leave. */
export function writePollFunction(code: Writer, layout: Layout, { capture }: Pick<Options, "capture">): void {
  code.put(0, 0x41, SLOW_POLL, 0x11);
  code.u32(layout.types.plain);
  code.u32(layout.slowTable);
  if (capture) {
    writeUnwindingWord(code);
    code.put(0x24);
    code.u32(layout.unwinding);
  }
  code.put(0x0b);
}

/** Opens the two loops of a counted loop; gives where its branch to the poll is, for the hint. */
export function writeCounter(code: Writer, counter: number, blockType: Uint8Array): number {
  code.put(0x41);
  code.signed(COUNTED_ROUNDS);
  code.put(0x21);
  code.u32(counter);
  code.put(0x03); // loop
  code.copy(blockType);
  code.put(0x20);
  code.u32(counter);
  code.put(0x41, 1, 0x6b, 0x22); // i32.const 1, i32.sub, local.tee
  code.u32(counter);
  code.put(0x45); // i32.eqz
  const at = code.length;
  code.put(0x0d, 1);
  return at;
}
