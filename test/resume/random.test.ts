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
import { type Call, compareCaptured } from "../support/oracle.ts";
import { Random, SEED } from "../support/random.ts";
import { readSignatures, type Signatures } from "../support/signatures.ts";

const FULL = process.env.SP_FULL === "1";
const ONLY = process.env.SP_MODULE === undefined ? undefined : Number(process.env.SP_MODULE);
/** So many are captured; those that never come to a safepoint are not counted. */
const MODULES = FULL ? 5000 : 150;

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

/** Moments among so many, in bursts: a guest that has just gone on is captured again at once, and again. */
function momentsOf(random: Random, count: number): Set<number> {
  const moments = new Set<number>();
  for (let bursts = 1 + random.below(16); bursts > 0; bursts--) {
    const first = random.below(count);
    const length = random.pick([1, 1, 2, 5, 20]);
    for (let moment = first; moment < first + length; moment++) moments.add(moment);
  }
  return moments;
}

/** A program, or undefined if it has what an image cannot carry along. */
async function programOf(
  random: Random,
  index: number,
  fuzzer: Fuzzer,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; signatures: Signatures; calls: Call[] } | undefined> {
  const bytes =
    index % 3 === 2
      ? await fuzzer.make(random, 1000 + random.below(6000), { gc: random.oneIn(8) })
      : assemble(loopProgram(random));
  assert.ok(bytes, `program ${index} is not well-formed`);
  if (process.env.SP_DUMP !== undefined) writeFileSync(process.env.SP_DUMP, bytes);
  if (prepareSync(bytes, { capture: true }).info.capture!.notCarried.length > 0) return undefined;
  const signatures = readSignatures(bytes);
  const calls = [...signatures.functions].flatMap(([name, type]) => {
    const all = [...type.params, ...type.results];
    if (!isCallable(type) || all.some(([first]) => BITS[first!] === undefined)) return [];
    const args = type.params.map(([first]) =>
      BigInt.asUintN(BITS[first!]!, BigInt(random.oneIn(2) ? random.u32() : random.below(100))),
    );
    return [{ name, args }];
  });
  return { bytes, signatures, calls };
}

const random = suite("random programs, captured");

random(`${MODULES} of them end as they would have, wherever they are captured`, async () => {
  using fuzzer = new Fuzzer();
  const sum = { modules: 0, tried: 0, captures: 0, left: 0, places: 0, pinned: 0, framesMax: 0 };
  for (let i = ONLY ?? 0; sum.modules < MODULES && (ONLY === undefined || i === ONLY); i++) {
    const source = new Random(i);
    sum.tried++;
    const program = await programOf(source, i, fuzzer);
    if (program === undefined) continue;
    const { bytes, signatures, calls } = program;
    let moments = new Set<number>();
    let moment = 0;
    const counts = compareCaptured(
      `SP_SEED=${SEED} SP_MODULE=${i}`,
      bytes,
      { track: source.pick(["none", "marks"]) },
      calls,
      (log) => importsOf(signatures, log),
      () => moments.has(moment++),
      {
        sameInstance: source.oneIn(4),
        sharedLoopBytesMin: source.pick([0, 256, 1_000_000]),
        chances: (count) => {
          moments = momentsOf(source, count);
          moment = 0;
        },
      },
    );
    if (counts.captures > 0) sum.modules++;
    sum.captures += counts.captures;
    sum.left += counts.left;
    sum.places += counts.places.size;
    sum.pinned += counts.pinned;
    sum.framesMax = Math.max(sum.framesMax, counts.framesMax);
  }
  const { modules, tried, captures, left, places, pinned, framesMax } = sum;
  console.log(
    `# random: ${modules} modules of ${tried}, ${captures} captures, ${left} of them in host calls, at ${places} places, ` +
      `up to ${framesMax} frames deep; ${pinned} not possible because of a frame that cannot be captured`,
  );
  if (ONLY === undefined) assert.ok(captures > 20 * MODULES && left > 0 && framesMax > 5);
});

random.run();
