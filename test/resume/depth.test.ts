// Goal: deep stacks are captured and go on. Method: recursion of many levels, captured at the innermost, on threads with their
// usual stack; each level adds to the result what it kept across the call, so no level can be lost.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { assemble } from "../support/assemble.ts";
import { CapturedGuest } from "../support/captured.ts";

const bytes = assemble(`(module
  (func $down (export "down") (param $n i32) (param $kept i64) (result i64)
    (if (i32.eqz (local.get $n)) (then
      (loop $l (br_if $l (i32.lt_s (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3))))
      (return (i64.const 1))))
    (i64.add (i64.mul (call $down (i32.sub (local.get $n) (i32.const 1)) (i64.add (local.get $kept) (i64.const 1))) (i64.const 3))
      (local.get $kept))))`)!;
const image = prepareSync(bytes, { capture: true });
const module = new WebAssembly.Module(image.moduleBytes());
const type = { params: [[0x7f], [0x7e]], results: [[0x7e]] };

function model(n: bigint, kept: bigint): bigint {
  let result = 1n;
  for (let level = n - 1n; level >= 0n; level--) result = BigInt.asUintN(64, result * 3n + kept + level);
  return result;
}

const depth = suite("deep stacks");

for (const levels of [1, 10, 100, 1000, 10_000]) {
  depth(`${levels} frames are captured, go on in another instance, and are captured again from continuations`, () => {
    let polls = 0;
    const guest = new CapturedGuest(image, module, {}, () => {
      // Polls at the entry of each level; then those of the loop.
      polls++;
      return polls === levels + 1 || polls === levels + 2;
    });
    guest.boot();
    const [result] = guest.call("down", type, [BigInt(levels), 5n]);
    assert.is(result, model(BigInt(levels), 5n));
    assert.ok(guest.counts.captures >= 1);
    assert.ok(guest.counts.framesMax >= levels);
    // One continuation serves all frames that are at the same place.
    assert.ok(guest.counts.places.size <= 4);
  });
}

depth.run();
