/**
 * Where everything that the preparer adds will be. Nothing of the original moves: types, functions, tables and exports are
 * appended to their index spaces, memories are the original's one (or an empty one) and the ledger after it.
 *
 * With capture there is one more global, the unwinding flag, behind the original's: see capture.ts.
 *
 * The layout follows from the original alone. An image with marks and one without have the same indices up to `markRange`,
 * which comes last, so what is said about one (a captured stack, a function's number) holds for the other.
 */

import type { Module } from "../wasm/module.ts";
import { type FunctionType, I32, I64 } from "../wasm/types.ts";

export const MEMORY_LEDGER = 1;

export interface Layout {
  /** Types, appended in the order of TYPES. */
  readonly types: {
    readonly plain: number;
    readonly wait32: number;
    readonly wait64: number;
    readonly slowWait32: number;
    readonly slowWait64: number;
    readonly range: number;
  };
  readonly slowTable: number;
  /** The global that is set while frames leave. Only with capture. */
  readonly unwinding: number;
  /** Functions, appended in this order. */
  readonly boot: number;
  readonly poll: number;
  readonly wait32: number;
  readonly wait64: number;
  /** Only with marks. */
  readonly markRange: number;
}

const fn = (params: number[], results: number[]): FunctionType => ({ kind: "function", params, results });

/** In the order of `Layout.types`. What a wait takes last is the offset of its memarg. */
export const TYPES: readonly FunctionType[] = [
  fn([], []),
  fn([I32, I32, I64, I32], [I32]),
  fn([I32, I64, I64, I32], [I32]),
  fn([I32, I32, I64], [I32]),
  fn([I32, I64, I64], [I32]),
  fn([I32, I32], []),
];

export function layoutOf({ types, functions, tables, globals }: Module): Layout {
  const t = types.length;
  const f = functions.length;
  return {
    types: { plain: t, wait32: t + 1, wait64: t + 2, slowWait32: t + 3, slowWait64: t + 4, range: t + 5 },
    slowTable: tables.length,
    unwinding: globals.length,
    boot: f,
    poll: f + 1,
    wait32: f + 2,
    wait64: f + 3,
    markRange: f + 4,
  };
}
