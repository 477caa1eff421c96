// Goal: a stack is taken along whatever its depth, and one that is too deep for a thread ends as it does without us. Method:
// recursion in which each level adds to the result what it kept across the call, so that no level can be lost; handovers at its
// innermost, after which it goes back, or on until there is no stack left.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { codeOf, share, sleep } from "../support/guests.ts";

/** down(n, kept) stays at level 0 until the word at 0 is set; the word at 4 says that it is there. */
const image = prepare(
  assemble(`(module
  (memory (export "memory") 1)
  (func $stay
    (i32.store (i32.const 4) (i32.const 1))
    (loop $l (br_if $l (i32.eqz (i32.atomic.load (i32.const 0))))))
  (func $down (export "down") (param $n i32) (param $kept i64) (result i64)
    (if (i32.eqz (local.get $n)) (then (call $stay) (return (i64.const 1))))
    (i64.add
      (i64.mul (call $down (i32.sub (local.get $n) (i32.const 1)) (i64.add (local.get $kept) (i64.const 1))) (i64.const 3))
      (local.get $kept)))
  (func $fall (export "fall") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (call $stay)))
    (i32.add (call $fall (i32.sub (local.get $n) (i32.const 1))) (i32.const 1))))`)!,
  { capture: true },
);

function model(n: bigint, kept: bigint): bigint {
  let result = 1n;
  for (let level = n - 1n; level >= 0n; level--) result = BigInt.asIntN(64, result * 3n + kept + level);
  return result;
}

async function innermost(guest: Guest): Promise<void> {
  const words = new Int32Array(guest.memory.buffer);
  while (Atomics.load(words, 1) === 0) await sleep(1);
}

function goBack(guest: Guest): void {
  Atomics.store(new Int32Array(guest.memory.buffer), 0, 1);
}

const depth = suite<{ fleet: Fleet }>("handover of deep stacks");
depth.before(async (context) => {
  context.fleet = await Fleet.open();
});
depth.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

for (const levels of [1, 1000, 10_000, 100_000]) {
  depth(`${levels} frames go from Worker to Worker and all come back`, async ({ fleet }) => {
    await using guest = await fleet.boot(await image, { name: "deep" });
    const result = guest.call<bigint>("down", [levels, 5n]);
    await innermost(guest);
    const blackouts: string[] = [];
    for (let i = 0; i < share(10, 3); i++) {
      const { frames, blackoutMs } = await guest.handover();
      assert.is(frames, levels + 2);
      blackouts.push(blackoutMs.toFixed(1));
    }
    goBack(guest);
    assert.is(await result, model(BigInt(levels), 5n));
    console.log(`# ${levels} levels, blackouts ${blackouts.join(" ")} ms`);
  });
}

depth("frames that were made by optimised code find room in those of another Worker", async ({ fleet }) => {
  await using guest = await fleet.boot(await image, { name: "optimised" });
  const shallow = 5000;
  goBack(guest);
  for (let i = 0; i < 40; i++) assert.is(await guest.call("down", [shallow, 5n]), model(BigInt(shallow), 5n));
  const words = new Int32Array(guest.memory.buffer);
  words.fill(0, 0, 2);
  // More than the ledger has room for at first.
  const levels = 800_000;
  const result = guest.call<bigint>("down", [levels, 5n]);
  await innermost(guest);
  for (let i = 0; i < 2; i++) assert.is((await guest.handover()).frames, levels + 2);
  goBack(guest);
  assert.is(await result, model(BigInt(levels), 5n));
});

for (const handovers of [0, 2]) {
  depth(`recursion without an end ends as a trap after ${handovers} handovers`, async ({ fleet }) => {
    const guest = await fleet.boot(await image, { name: "endless" });
    const code = codeOf(guest.call("fall", [10_000]));
    await innermost(guest);
    for (let i = 0; i < handovers; i++) assert.is((await guest.handover()).frames, 10_002);
    goBack(guest);
    assert.is(await code, "SP_GUEST_TRAP");
    const end = await guest.exited;
    assert.match(end.kind === "failed" ? end.error.message : end.kind, /call stack/);
  });
}

depth.run();
