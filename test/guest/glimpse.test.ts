// Goal: the first handover of a program finds most of the places known at which its guest stands still, because the guest was
// seen there while it ran. Method: a stack of twenty functions, each stopped at a place of its own; what is made in the blackout
// is counted. One that stood still while it could have been seen is the comparison.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { sleep } from "../support/guests.ts";

const LEVELS = 20;

/** top() goes down through LEVELS functions and stays at the last until the word at 0 is set. Each adds what it has kept. */
function tower(): string {
  const levels = Array.from({ length: LEVELS }, (_, i) => {
    const inner = i + 1 === LEVELS ? "$stay" : `$level${i + 1}`;
    return `(func $level${i} (param $kept i64) (result i64)
      (i64.add (call ${inner} (i64.mul (local.get $kept) (i64.const 3))) (local.get $kept)))`;
  });
  return `(module
    (memory (export "memory") 1)
    (func $stay (param $kept i64) (result i64)
      (i32.store (i32.const 4) (i32.const 1))
      (loop $l (br_if $l (i32.eqz (i32.atomic.load (i32.const 0)))))
      (local.get $kept))
    ${levels.join("\n")}
    (func (export "top") (result i64) (call $level0 (i64.const 1))))`;
}

const SUM = Array.from({ length: LEVELS }, (_, i) => 3n ** BigInt(i)).reduce(
  (sum, kept) => sum + kept,
  3n ** BigInt(LEVELS),
);

async function innermost(guest: Guest): Promise<void> {
  const words = new Int32Array(guest.memory.buffer);
  while (Atomics.load(words, 1) === 0) await sleep(1);
}

const glimpse = suite<{ fleet: Fleet }>("glimpse");
glimpse.before(async (context) => {
  context.fleet = await Fleet.open();
});
glimpse.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

glimpse("where a guest is seen while it runs is known when it is handed over", async ({ fleet }) => {
  await using guest = await fleet.boot(await prepare(assemble(tower())!), { name: "seen" });
  const sum = guest.call<bigint>("top");
  sum.catch(() => undefined);
  await innermost(guest);
  const { frames, cacheMisses, glimpsesMs } = await guest.handover();
  assert.ok(glimpsesMs > 0, "it stood still for that");
  // One for each level, and the innermost; top() has nothing left to do.
  assert.is(frames, LEVELS + 1);
  // The poll lies in code that is not the program's own.
  assert.ok(cacheMisses <= 1, `${cacheMisses} of ${frames} places were not known`);
  Atomics.store(new Int32Array(guest.memory.buffer), 0, 1);
  assert.is(await sum, SUM);
});

glimpse("of one that stood still meanwhile everything is made when it leaves its thread", async ({ fleet }) => {
  await using guest = await fleet.boot(await prepare(assemble(tower())!), { name: "unseen" });
  const sum = guest.call<bigint>("top");
  sum.catch(() => undefined);
  await innermost(guest);
  await guest.freeze();
  const { frames, cacheMisses, glimpsesMs } = await guest.handover();
  assert.is(glimpsesMs, 0);
  assert.is(cacheMisses, frames);
  await guest.resume();
  Atomics.store(new Int32Array(guest.memory.buffer), 0, 1);
  assert.is(await sum, SUM);
});

glimpse.run();
