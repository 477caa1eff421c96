/**
 * Loops in functions that are called once and do not return: a nest over dense matrices, one long chain of table look-ups, and a
 * loop of calls. Each counts its turns in a word of memory, by which its speed is read from outside, whatever thread it is on.
 */

import { assemble } from "../../test/support/assemble.ts";
import type { SharedMemoryImport } from "../support/shared-memory.ts";

/** Where the count is: an i64 at this address. */
export const TURNS_PTR = 0;

export interface Nest {
  readonly name: string;
  /** The export that is called, once. */
  readonly run: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const PAGES = 24;
export const MEMORY: SharedMemoryImport = { module: "bench", name: "memory", minimumPages: PAGES, maximumPages: PAGES };

const TURN = "(i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))";

function nest(name: string, run: string, functions: string): Nest {
  const memory = `(memory (import "${MEMORY.module}" "${MEMORY.name}") ${PAGES} ${PAGES} shared)`;
  return { name, run, bytes: assemble(`(module ${memory} ${functions})`)! };
}

/** Address of cell (row, column) of a matrix of 100 by 100 numbers. */
const cell = (row: string, column: string): string =>
  `(i32.shl (i32.add (i32.mul (local.get ${row}) (i32.const 100)) (local.get ${column})) (i32.const 3))`;
const next = (label: string, index: string): string =>
  `(br_if ${label} (i32.lt_u (local.tee ${index} (i32.add (local.get ${index}) (i32.const 1))) (i32.const 100)))`;

export const nests: readonly Nest[] = [
  nest(
    "matrices",
    "multiply",
    `(func (export "multiply") (local $i i32) (local $j i32) (local $k i32) (local $factor f64) (local $at i32)
      (loop $round
        (local.set $i (i32.const 0))
        (loop $rows
          (local.set $k (i32.const 0))
          (loop $inner
            (local.set $factor (f64.load offset=100000 ${cell("$i", "$k")}))
            (local.set $j (i32.const 0))
            (loop $cells
              (local.set $at ${cell("$i", "$j")})
              (f64.store offset=500000 (local.get $at) (f64.add (f64.load offset=500000 (local.get $at))
                (f64.mul (local.get $factor) (f64.load offset=300000 ${cell("$k", "$j")}))))
              ${next("$cells", "$j")})
            ${next("$inner", "$k")})
          ${TURN}
          ${next("$rows", "$i")})
        (br $round)))`,
  ),
  nest(
    "stencil",
    "relax",
    `(func (export "relax") (local $i i32) (local $j i32) (local $at i32)
      (loop $round
        (local.set $i (i32.const 1))
        (loop $rows
          (local.set $j (i32.const 1))
          (loop $cells
            (local.set $at ${cell("$i", "$j")})
            (f64.store offset=500000 (local.get $at)
              (f64.mul (f64.const 0.25)
                (f64.add
                  (f64.add (f64.load offset=99200 (local.get $at)) (f64.load offset=100800 (local.get $at)))
                  (f64.add (f64.load offset=99992 (local.get $at)) (f64.load offset=100008 (local.get $at))))))
            ${next("$cells", "$j")})
          ${TURN}
          ${next("$rows", "$i")})
        (br $round)))`,
  ),
  nest(
    "hash chain",
    "chain",
    `(func (export "chain") (local $key i32) (local $at i32) (local $left i32)
      (local.set $key (i32.const 0x9e3779b9))
      (loop $round
        (local.set $left (i32.const 1000))
        (loop $links
          (local.set $key (i32.xor (local.get $key) (i32.shl (local.get $key) (i32.const 13))))
          (local.set $key (i32.xor (local.get $key) (i32.shr_u (local.get $key) (i32.const 17))))
          (local.set $key (i32.xor (local.get $key) (i32.shl (local.get $key) (i32.const 5))))
          (local.set $at (i32.and (i32.mul (local.get $key) (i32.const 0x85ebca6b)) (i32.const 0xfffc)))
          (i32.store offset=65536 (local.get $at) (i32.add (i32.load offset=65536 (local.get $at)) (local.get $key)))
          (br_if $links (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        ${TURN}
        (br $round)))`,
  ),
];
