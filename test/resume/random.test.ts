// Goal: a guest that is captured anywhere and goes on in another instance does what it would have done. Method: seeded random
// programs, rich in loops and calls (test/support/loops.ts) or of every kind of instruction (test/support/fuzz.ts), captured at
// random polls and host calls, continuations included, against the oracle of test/support/oracle.ts. A failure names the program: SP_SEED=… SP_MODULE=… runs that one alone, and
// SP_DUMP=FILE writes it out.
import { writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { assemble } from "../support/assemble.ts";
import { isCallable } from "../support/bridge.ts";
import { Fuzzer } from "../support/fuzz.ts";
import { loopProgram } from "../support/loops.ts";
import { compareCaptured } from "../support/oracle.ts";
import { Random, SEED } from "../support/random.ts";
import { readSignatures, type Signatures } from "../support/signatures.ts";

const FULL = process.env.SP_FULL === "1";
const ONLY = process.env.SP_MODULE === undefined ? undefined : Number(process.env.SP_MODULE);
const MODULES = FULL ? 5000 : 150;
/** So that a program that polls a million times does not take a minute. */
const CAPTURES_MAX = 400;

/** Types of values that these tests pass and compare, with their bits. */
const BITS: Readonly<Record<number, number>> = { 127: 32, 126: 64, 125: 32, 124: 64, 123: 128 };

/** Host functions that write down their calls, and something of each other kind that a module may want. */
function importsOf({ imports }: Signatures, log: (entry: string) => void): Record<string, Record<string, unknown>> {
  const all: Record<string, Record<string, unknown>> = {};
  const { JSTag } = WebAssembly as unknown as { JSTag: WebAssembly.Tag };
  for (const { module, name, type } of imports) {
    let value: unknown;
    if (type === undefined) value = name === "jstag" ? JSTag : new WebAssembly.Tag({ parameters: ["i32"] });
    // A small integer is a reference of all the kinds that these modules import.
    else if ("mutable" in type)
      value = type.mutable ? new WebAssembly.Global({ value: "externref", mutable: true }, 5) : 5;
    else {
      value = (...args: unknown[]) => {
        log(`${name}(${args.map((arg) => (typeof arg === "object" ? "object" : String(arg)))})`);
        if (name === "throw") throw new Error("from the host");
        return type.results[0]?.[0] === 0x7e ? 0n : 0;
      };
    }
    (all[module] ??= {})[name] = value;
  }
  return all;
}

const random = suite("random programs, captured");

random(`${MODULES} of them end as they would have, wherever they are captured`, async () => {
  using fuzzer = new Fuzzer();
  let captures = 0;
  let left = 0;
  let framesMax = 0;
  let places = 0;
  let pinned = 0;
  for (let i = 0; i < MODULES; i++) {
    if (ONLY !== undefined && i !== ONLY) continue;
    const source = new Random(i);
    const bytes = i % 3 === 2 ? await fuzzer.make(source, 1000 + source.below(6000)) : assemble(loopProgram(source));
    assert.ok(bytes, `program ${i} is not well-formed`);
    if (process.env.SP_DUMP !== undefined) writeFileSync(process.env.SP_DUMP, bytes);
    if (prepareSync(bytes, { capture: true }).info.capture!.notCarried.length > 0) continue;
    const signatures = readSignatures(bytes);
    if ([...signatures.globals.values()].some(({ type }) => BITS[type[0]!] === undefined)) continue;
    const calls = [...signatures.functions].flatMap(([name, type]) => {
      const all = [...type.params, ...type.results];
      if (!isCallable(type) || all.some(([first]) => BITS[first!] === undefined)) return [];
      const args = type.params.map(([first]) =>
        BigInt.asUintN(BITS[first!]!, BigInt(source.oneIn(2) ? source.u32() : source.below(100))),
      );
      return [{ name, args }];
    });
    const every = source.pick([1, 2, 10, 100]);
    let more = CAPTURES_MAX;
    const counts = compareCaptured(
      `SP_SEED=${SEED} SP_MODULE=${i}`,
      bytes,
      { track: source.pick(["none", "marks"]) },
      calls,
      (log) => importsOf(signatures, log),
      () => more > 0 && source.oneIn(every) && more-- > 0,
      { sameInstance: source.oneIn(4), sharedLoopBytesMin: source.pick([0, 256, 1_000_000]) },
    );
    pinned += counts.pinned;
    captures += counts.captures;
    left += counts.left;
    framesMax = Math.max(framesMax, counts.framesMax);
    places += counts.places.size;
  }
  console.log(
    `# random: ${captures} captures, ${left} of them in host calls, at ${places} places, up to ${framesMax} frames deep; ` +
      `${pinned} not possible because of a frame that cannot be captured`,
  );
  if (ONLY === undefined) assert.ok(captures > 20 * MODULES && left > 0 && framesMax > 5);
});

random.run();
