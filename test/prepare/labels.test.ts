// Goal: what names a block by counting still names the same one in a loop that got another shape. Method: each kind of branch
// leaves a small (unrolled) or a large (counted) loop, several blocks out, and the answer tells where it went.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { assemble } from "../support/assemble.ts";
import { original, preparedSides, type Running, type Side } from "../support/sides.ts";

/** `leave` is done in the loop when the parameter has come down to 3. Blocks give 1, 2, 3 from inside out, the end gives 9. */
function program(leave: string, padding: number): string {
  const pad = "(local.set $x (i32.mul (i32.add (local.get $x) (i32.const 77777)) (i32.const 99999)))".repeat(padding);
  return `(module (func (export "f") (param $n i32) (result i32) (local $x i32)
    (block $c (block $b (block $a
      (loop $again
        ${pad}
        (if (i32.eq (local.get $n) (i32.const 3)) (then ${leave}))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (return (i32.const 9)))
      (return (i32.const 1)))
      (return (i32.const 2)))
    (i32.const 3)))`;
}

const LEAVES: readonly (readonly [name: string, leave: string, answer: number])[] = [
  ["br to the first block around", "(br $a)", 1],
  ["br to the second", "(br $b)", 2],
  ["br_if to the third", "(br_if $c (local.get $n))", 3],
  ["br_table to the second, past the loop itself", "(br_table $again $a $c $b (local.get $n))", 2],
  ["a branch to the loop", "(local.set $n (i32.const 2)) (br $again)", 9],
  ["return", "(return (i32.const 5))", 5],
];

const RETHROW = `(module (tag $outer) (tag $inner)
  (func (export "f") (param $n i32) (result i32)
    (try (result i32)
      (do
        (try $first (do (throw $outer))
          (catch $outer
            (try $second (do (throw $inner))
              (catch $inner
                (loop $again
                  (if (i32.eq (local.get $n) (i32.const 3)) (then (rethrow $first)))
                  (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))))
        (i32.const 9))
      (catch $outer (i32.const 1))
      (catch $inner (i32.const 2)))))`;

const quiet = { poll(): void {} };
const f = ({ exports }: Running): ((n: number) => number) => exports.f as (n: number) => number;

function answer(side: Side, text: string): readonly number[] {
  const running = side.load(assemble(text)!).instantiate({}, quiet);
  return [5, 2].map((n) => f(running)(n));
}

const labels = suite("labels");

for (const [name, leave, expected] of LEAVES) {
  labels(`${name} goes where it went`, () => {
    for (const padding of [0, 20]) {
      const text = program(leave, padding);
      const { counts } = prepareSync(assemble(text)!).info;
      assert.is(padding === 0 ? counts.loopsUnrolled : counts.loopsCounted, 1);
      assert.equal(answer(original, text), [expected, 9]);
      for (const side of preparedSides) assert.equal(answer(side, text), [expected, 9], side.name);
    }
  });
}

labels("rethrow throws what the same handler had caught", () => {
  assert.equal(answer(original, RETHROW), [1, 9]);
  for (const side of preparedSides) assert.equal(answer(side, RETHROW), [1, 9], side.name);
});

labels.run();
