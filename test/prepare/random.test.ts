// Goal: preparing changes nothing that a program or its host can see, for programs nobody wrote. Method: seeded random modules,
// half of loops of our own making (test/support/loops.ts), half binaryen's (test/support/fuzz.ts). Every export is called with
// seeded arguments, as it is and prepared under every combination of passes; results and globals to the last bit, traps in the
// engine's words, the calls to the host with their arguments, and the bytes of memory must be equal. With marks on, every byte
// that a call changed lies in a page that it marked, or in the slack behind one.
//
// A failure names the module: SP_SEED=… SP_MODULE=… runs that one alone, and SP_DUMP=FILE writes it out.
import { writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DIRTY_MAP_BYTES, DIRTY_SLACK_BYTES, OFF_DIRTY_MAP } from "../../dist/abi.js";
import { assemble } from "../support/assemble.ts";
import { caller, globalBits, isConcrete } from "../support/bridge.ts";
import { combinations } from "../support/combinations.ts";
import { Fuzzer } from "../support/fuzz.ts";
import { FUEL, loopProgram } from "../support/loops.ts";
import { Random, SEED } from "../support/random.ts";
import { original, prepared, type Running, type Side } from "../support/sides.ts";
import { type FunctionType, readSignatures, type Signatures } from "../support/signatures.ts";
import type { Value } from "../support/values.ts";

const FULL = process.env.SP_FULL === "1";
const ONLY = process.env.SP_MODULE === undefined ? undefined : Number(process.env.SP_MODULE);
const MODULES = FULL ? 2000 : 80;
const CALLS_OF_EACH = 3;
/** More polls than any of these programs reaches; a program that passes it has been broken into one that does not end. */
const POLLS_MAX = 10_000_000;

/** What could be seen of one call: how it ended, what it told the host, the globals after it. */
interface Step {
  readonly seen: string;
  /** All of memory after it; the prepared sides' is compared in place. */
  readonly memory: Uint8Array;
}

interface Subject {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly signatures: Signatures;
  readonly calls: readonly { readonly name: string; readonly type: FunctionType; readonly args: readonly Value[] }[];
}

const totals = { modules: 0, calls: 0, exhausted: 0, pagesMarked: 0, pagesChanged: 0 };

function valueText(value: Value): string {
  if (typeof value === "bigint") return `0x${value.toString(16)}`;
  return typeof value === "string" || value === null ? String(value) : typeof value;
}

function errorText(error: unknown): string {
  if (error instanceof WebAssembly.Exception) return "threw";
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  throw error;
}

const INTERESTING = [0n, 1n, -1n, 2n, 7n, 4095n, 4096n, 65536n, 0x7fffffffn, 0x80000000n, 0x3ff0000000000000n];

/** JavaScript can pass these; a reference is passed as null. */
const PASSABLE: Readonly<Record<number, number>> = { 127: 32, 126: 64, 125: 32, 124: 64, 123: 128, 112: 0, 111: 0 };

function argument(random: Random, bits: number): Value {
  if (bits === 0) return null;
  const value = random.oneIn(2) ? random.pick(INTERESTING) : BigInt(random.u32());
  return BigInt.asUintN(bits, value);
}

function subjectOf(name: string, bytes: Uint8Array<ArrayBuffer>, random: Random): Subject {
  const all = readSignatures(bytes);
  // What is of a type that only this module can name stays inside.
  const nameable = [...all.globals].filter(([, { type }]) => !isConcrete(type));
  const signatures: Signatures = { ...all, globals: new Map(nameable) };
  const callable = [...all.functions].filter(
    ([, type]) => type.params.every(([first]) => first! in PASSABLE) && !type.results.some(isConcrete),
  );
  const calls = callable.flatMap(([name, type]) =>
    Array.from({ length: CALLS_OF_EACH }, () => ({
      name,
      type,
      args: type.params.map(([first]) => argument(random, PASSABLE[first!]!)),
    })),
  );
  return { name, bytes, signatures, calls };
}

/** Whatever a module wants to import: functions that write down their calls, and something of each other kind. */
function importsOf(signatures: Signatures, log: string[]): WebAssembly.Imports {
  const imports: Record<string, WebAssembly.ModuleImports> = {};
  for (const { module, name, type } of signatures.imports) {
    let value: WebAssembly.ImportValue;
    if (type === undefined) {
      const { JSTag } = WebAssembly as unknown as { JSTag: WebAssembly.Tag };
      const tag = name === "jstag" ? JSTag : new WebAssembly.Tag({ parameters: ["i32"] });
      value = tag as unknown as WebAssembly.ImportValue; // the declarations have not heard of tags here
    } else if ("mutable" in type) {
      // A small integer is a reference of all the kinds that these modules import, which a Global could not be.
      value = type.mutable ? new WebAssembly.Global({ value: "externref", mutable: true }, 5) : 5;
    } else {
      const nothing = type.results[0]?.[0] === 0x7e ? 0n : 0;
      value = (...args: Value[]) => {
        log.push(`${name}(${args.map((arg) => (typeof arg === "number" ? arg : valueText(arg)))})`);
        if (name === "throw") throw new Error("from the host");
        return nothing;
      };
    }
    (imports[module] ??= {})[name] = value;
  }
  return imports;
}

/** Runs all calls of a subject on one side; `after` sees the instance after its start and after each call. */
function run(subject: Subject, side: Side, after: (seen: string, running: Running) => void): void {
  const log: string[] = [];
  let polls = 0;
  const host = {
    poll() {
      if (++polls > POLLS_MAX) throw new Error("it does not end");
    },
  };
  const program = side.load(subject.bytes);
  let running: Running;
  try {
    running = program.instantiate(importsOf(subject.signatures, log), host);
  } catch (error) {
    // From the start function, whatever it is.
    if (error instanceof WebAssembly.LinkError) throw error;
    after(errorText(error), { exports: {}, memory: undefined, ledger: undefined });
    return;
  }
  after("started", running);
  const { fuel } = running.exports;
  for (const { name, type, args } of subject.calls) {
    if (fuel instanceof WebAssembly.Global) fuel.value = FUEL;
    log.length = 0;
    polls = 0;
    let seen: string;
    try {
      seen = caller(running.exports[name], type)(args).map(valueText).join(", ");
    } catch (error) {
      seen = errorText(error);
    }
    const globals = [...subject.signatures.globals].map(
      ([name, type]) => `${name}=${valueText(globalBits(running.exports[name], type))}`,
    );
    after(`${name}(${args.map(valueText)}): ${seen}; ${log.join(" ")}; ${globals.join(" ")}`, running);
  }
}

function memoryOf({ exports, memory }: Running): Uint8Array {
  const buffer = (memory ?? (exports.memory as WebAssembly.Memory | undefined))?.buffer;
  return buffer === undefined ? new Uint8Array(0) : new Uint8Array(buffer);
}

/** What memory holds before anything is written there. */
const ZEROS = new Uint8Array(65536);

/** Fails unless each byte that differs lies in a marked page or the slack behind one. Clears the map. */
function checkMarks(place: string, before: Uint8Array, now: Uint8Array, map: Uint8Array, pageBytes: number): void {
  const pages = now.length / pageBytes;
  for (let page = 0; page < pages; page++) {
    const start = page * pageBytes;
    const then = start < before.length ? before.subarray(start, start + pageBytes) : ZEROS.subarray(0, pageBytes);
    const current = now.subarray(start, start + pageBytes);
    const changed = Buffer.compare(then, current) !== 0;
    if (changed) totals.pagesChanged++;
    if (map[page] !== 0) totals.pagesMarked++;
    else if (changed) {
      const slackBytes = page > 0 && map[page - 1] !== 0 ? DIRTY_SLACK_BYTES : 0;
      for (let at = slackBytes; at < pageBytes; at++) {
        assert.is(current[at], then[at], `${place}: byte ${start + at} changed without a mark`);
      }
    }
  }
  map.fill(0);
}

function compare(subject: Subject): void {
  const expected: Step[] = [];
  run(subject, original, (seen, running) => expected.push({ seen, memory: memoryOf(running).slice() }));
  totals.modules++;
  totals.calls += expected.length;
  // Where the stack ends depends on the size of frames, and with it all that follows.
  if (expected.some(({ seen }) => seen.includes("call stack"))) {
    totals.exhausted++;
    return;
  }
  for (const options of combinations) {
    const side = prepared(options);
    let step = 0;
    let before: Uint8Array = new Uint8Array(0);
    run(subject, side, (seen, running) => {
      const place = `${subject.name}, prepared ${side.name}, step ${step}`;
      const { seen: wanted, memory } = expected[step++]!;
      assert.is(seen, wanted, place);
      if (running.memory === undefined) return;
      const now = memoryOf(running);
      if (memory.length > 0) assert.is(Buffer.compare(now, memory), 0, `${place}: memory differs`);
      if (options.track === "marks") {
        const map = new Uint8Array(running.ledger!.buffer, OFF_DIRTY_MAP, DIRTY_MAP_BYTES / (options.pageBytes / 4096));
        checkMarks(place, before, now, map, options.pageBytes);
        before = memory;
      }
    });
    assert.is(step, expected.length, `${subject.name}, prepared ${side.name}`);
  }
}

const random = suite("random modules");

random(`${MODULES} of them behave as before under all combinations, and no change goes unmarked`, async () => {
  using fuzzer = new Fuzzer();
  for (let i = 0; i < MODULES; i++) {
    if (ONLY !== undefined && i !== ONLY) continue;
    const source = new Random(i);
    const bytes = i % 2 === 0 ? assemble(loopProgram(source)) : await fuzzer.make(source, 1000 + source.below(6000));
    assert.ok(bytes, `module ${i} is not well-formed`);
    if (process.env.SP_DUMP !== undefined) writeFileSync(process.env.SP_DUMP, bytes);
    const name = `SP_SEED=${SEED} SP_MODULE=${i}`;
    try {
      compare(subjectOf(name, bytes, source));
    } catch (error) {
      console.log(`failing module: ${name}`);
      throw error;
    }
  }
  const { modules, calls, exhausted, pagesMarked, pagesChanged } = totals;
  console.log(
    `# random: ${modules} modules, ${calls} calls compared on ${combinations.length} prepared sides; ` +
      `${exhausted} not compared because they exhaust the stack; ${pagesMarked} pages marked, ${pagesChanged} changed`,
  );
  assert.ok(exhausted * 20 <= modules, "too many modules exhaust the stack");
});

random.run();
