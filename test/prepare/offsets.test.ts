// Goal: a stack trace of a prepared program leads back to the original's bytes. Method: programs trap in every kind of rewritten
// code, on both sides; each frame's offset in the engine's trace must map to the offset in the trace of the original. Besides,
// the mapping of every byte of some stock functions: instructions found there are those of the original.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Image } from "../../dist/prepare/image.js";
import { originalOffset } from "../../dist/prepare/offsets.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { parseModule } from "../../dist/wasm/module.js";
import { combinations } from "../support/combinations.ts";
import { runOriginal, runPrepared, wat } from "../support/wat.ts";

const offsets = suite("offsets");

interface Frame {
  readonly functionIndex: number;
  readonly offset: number;
}

/** Frames of the guest when it traps, innermost first. */
function frames(act: () => unknown): Frame[] {
  try {
    act();
  } catch (error) {
    const found = String((error as Error).stack).matchAll(/wasm-function\[(\d+)\]:(0x[0-9a-f]+)/g);
    return [...found].map(([, index, offset]) => ({ functionIndex: Number(index), offset: Number(offset) }));
  }
  return assert.unreachable("it did not trap") as never;
}

const COUNT = `(local.set $i (i32.add (local.get $i) (i32.const 1)))`;
const PADDING = `(global.set $g (i32.add (global.get $g) (i32.const 100000)))`.repeat(20);
/** Traps when the counter reaches the parameter, in the middle of a store or a division. */
const TRAP = `(i32.store offset=4 (i32.const 64) (i32.div_u (i32.const 1) (i32.sub (local.get $n) (local.get $i))))`;

const BODIES: Readonly<Record<string, string>> = {
  "straight code after marks": `(i32.store (local.get $n) (i32.const 1)) (i32.store offset=8 (i32.add (local.get $n) (i32.const 4)) (i32.const 2)) (unreachable)`,
  "a store that is marked": `(i32.store (i32.sub (i32.const 0) (local.get $n)) (i32.const 1))`,
  "a bulk operation": `(memory.fill (local.get $n) (i32.const 1) (i32.const -1))`,
  "an unrolled loop": `(loop $l ${COUNT} ${TRAP} (br_if $l (local.get $i)))`,
  "an unrolled loop, by way of its moved branches": `(block $out (loop $l ${COUNT} (br_if $out (i32.eq (local.get $i) (local.get $n))) (br $l))) (unreachable)`,
  "a counted loop": `(loop $l ${COUNT} ${PADDING} ${TRAP} (br_if $l (local.get $i)))`,
  "a loop that calls": `(loop $l ${COUNT} (call $leaf (i32.sub (local.get $n) (local.get $i))) (br_if $l (local.get $i)))`,
  recursion: `(if (local.get $n) (then (call $run (i32.sub (local.get $n) (i32.const 1)))) (else (unreachable)))`,
};

for (const [name, body] of Object.entries(BODIES)) {
  offsets(`lead back from a trap in ${name}`, () => {
    const bytes =
      wat(`(module (memory 1) (global $g (mut i32) (i32.const 0)) (func $leaf (param i32) (i32.store (i32.const 8) (i32.div_u (i32.const 1) (local.get 0))))
      (func $run (export "run") (param $n i32) (local $i i32) ${body}))`);
    const original = runOriginal(bytes);
    for (const turns of [1, 7, 39]) {
      const expected = frames(() => original.call.run!(turns));
      for (const options of combinations) {
        const image = prepareSync(bytes, options);
        const { call } = runPrepared(bytes, options);
        const found = frames(() => call.run!(turns));
        const back = found.map(({ functionIndex, offset }) => ({
          functionIndex,
          offset: originalOffset(image, functionIndex, offset),
        }));
        assert.equal(back, expected);
      }
    }
  });
}

offsets("lead back from a wait, past the code that replaces it", () => {
  const bytes = wat(
    `(module (memory 1 1 shared) (func (export "run") (param i32) (drop (memory.atomic.wait32 offset=4 (local.get 0) (i32.const 1) (i64.const 0)))))`,
  );
  const image = prepareSync(bytes);
  const [expected] = frames(() => runOriginal(bytes).call.run!(65536));
  const found = frames(() => runPrepared(bytes).call.run!(65536)).map(({ functionIndex, offset }) =>
    originalOffset(image, functionIndex, offset),
  );
  assert.equal(found, [undefined, expected!.offset]);
});

const BRANCHES = [0x0c, 0x0d, 0x0e];

offsets("find each byte of stock functions where the original has it, in order", () => {
  const bytes = new Uint8Array(readFileSync(fileURLToPath(import.meta.resolve("quickjs-wasi/quickjs.wasm"))));
  const module = parseModule(bytes);
  for (const options of combinations.filter(({ polls, capture }) => polls === "plain" && !capture)) {
    const image = Image.open(prepareSync(bytes, options).bytes);
    const prepared = parseModule(image.moduleBytes());
    for (let f = 3; f < module.bodies.length; f += 211) {
      const { start, end } = prepared.bodies[f]!;
      const functionIndex = module.functionsImported + f;
      const body = module.bodies[f]!;
      const seen = new Set<number>();
      for (let at = start; at < end; at++) {
        const original = originalOffset(image, functionIndex, at);
        if (original === undefined) continue;
        assert.ok(original >= body.start && original < body.end);
        // A branch out of a loop of a new shape is written anew: all of its bytes lead to where it begins.
        const isBranch = BRANCHES.includes(bytes[original]!);
        assert.ok(isBranch || image.bytes[at] === bytes[original], `function ${functionIndex}`);
        seen.add(original);
      }
      // All but what is written anew: declarations of locals, and in loops of a new shape headers, ends and labels.
      assert.ok(
        seen.size > 0.8 * (body.end - body.start) - 40,
        `function ${functionIndex}: ${seen.size} of ${body.end - body.start} bytes`,
      );
    }
  }
});

offsets("are undefined for added functions, imports and places outside of a function", () => {
  const bytes = wat(`(module (import "env" "f" (func)) (func (export "g") (loop (br 0))))`);
  const image = prepareSync(bytes);
  const { start, end } = parseModule(image.moduleBytes()).bodies[0]!;
  const asked: [functionIndex: number, offset: number][] = [
    [0, start],
    [1, start - 1],
    [1, end],
    [1, 0],
    [1, 1e9],
    [2, start],
    [3, start],
    [99, start],
    [-1, start],
  ];
  for (const [functionIndex, offset] of asked)
    assert.is(originalOffset(image, functionIndex, offset), undefined, `${functionIndex} ${offset}`);
});

offsets.run();
