/**
 * Last calls: those after which a function has nothing left to do but to return what they gave it.
 *
 * They are tail calls in all but name. A guest that is captured inside of one needs no frame of the function around it, since
 * whoever called that can as well go on with the results of what it called last: nothing is saved, and nothing has to be
 * looked at when the call returns. Wrappers, of which programs are full, stay as they were.
 *
 *   call $f  end                    the end of the function, or of constructs whose ends lead there
 *   call $f  return
 *   call $f  br $l                  where the end of $l leads there
 *   … call $f  else … end  end      what ends an `if` leads to behind it
 *
 * The text is walked from its end, so what follows a token is known when the token is met. A construct must give as many
 * results as the function does: then nothing was dropped on the way out, and nothing lay below. The types of the results have to
 * be the function's own. A function that catches exceptions has none: it is still needed while it calls.
 */

import type { Module } from "../wasm/module.ts";
import { EMPTY, type FunctionType, type ValueType } from "../wasm/types.ts";
import type { FunctionScan } from "./scan.ts";
import { OP_TRY, OP_TRY_TABLE } from "./survey.ts";

/** Of an open construct: the function is over where its end, or a branch to it, leads. */
const OVER_AT_END = 1;
const OVER_AT_LABEL = 2;

/** Calls in the scanned function after which nothing is left; `results` are the function's. Their own have to be compared yet. */
export function lastCalls(scan: FunctionScan, results: readonly ValueType[]): ReadonlySet<number> {
  const { op, value, peer, count, module } = scan;
  const calls = new Set<number>();
  const open: number[] = [];
  // Whether the function is over after the present token.
  let over = true;
  for (let t = count - 2; t >= 0; t--) {
    switch (op[t]!) {
      case OP_TRY:
      case OP_TRY_TABLE:
        return new Set();
      case 0x10: // call
      case 0x11: // call_indirect
      case 0x14: // call_ref
        if (over) calls.add(t);
        over = false;
        break;
      case 0x0b: {
        // end
        const opener = peer[t]!;
        const end: boolean = over && resultCount(module, value[opener]!) === results.length;
        open.push(end ? OVER_AT_END | (op[opener] === 0x03 ? 0 : OVER_AT_LABEL) : 0);
        over = end;
        break;
      }
      case 0x05: // else
        over = (open.at(-1)! & OVER_AT_END) !== 0;
        break;
      case 0x02: // block
      case 0x03: // loop
      case 0x04: // if
        open.pop();
        over = false;
        break;
      case 0x0c: {
        // br; a label beyond all constructs is the function's
        const target = open.at(-1 - value[t]!);
        over = target === undefined || (target & OVER_AT_LABEL) !== 0;
        break;
      }
      case 0x0f: // return
        over = true;
        break;
      default:
        over = false;
    }
  }
  return calls;
}

/** How many results a construct of a block type gives. */
function resultCount({ types }: Module, blockType: number): number {
  const type = types[blockType] as FunctionType | undefined;
  return type === undefined ? ((blockType | 0) === -1 - EMPTY ? 0 : 1) : type.results.length;
}
