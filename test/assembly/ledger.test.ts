// Goal: the core and the host mean the same addresses, and instantiating the core once more changes nothing anywhere.
// Method: compare every constant that the debug build exports by name, both ways, and look into the sections of all four modules.

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../dist/abi.js";
import { noGuest } from "../support/core.ts";

const outputs = ["core", "core.debug", "scan", "scan.debug"];
const bytesOf = (name: string): Uint8Array => readFileSync(new URL(`../../dist/${name}.wasm`, import.meta.url));

/** Names in src/abi.ts that concern prepared modules or are derived; the core has no use for them. */
const HOST_ONLY = /^(IMPORT_|EXPORT_|SLOW_|SECTION_|DIRTY_SLACK_BYTES$)/;

/** What the modules import besides their memory. */
const host = { ...noGuest, number: 0, now: (): bigint => 0n, lost: (): void => {} };

interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

function readU32(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let shift = 0, next = at; ; shift += 7) {
    const byte = bytes[next++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value: value >>> 0, next };
  }
}

function* sectionsOf(bytes: Uint8Array): Generator<Section> {
  for (let at = 8; at < bytes.length; ) {
    const { value: size, next } = readU32(bytes, at + 1);
    yield { id: bytes[at]!, body: bytes.subarray(next, next + size) };
    at = next + size;
  }
}

/** How many globals a global section defines, and which of them are mutable. All are i32, i64 or floats with a constant. */
function mutableGlobals(body: Uint8Array): number {
  let { value: count, next: at } = readU32(body, 0);
  let mutable = 0;
  for (; count > 0; count--) {
    mutable += body[at + 1]!;
    const opcode = body[at + 2]!;
    at += 3;
    if (opcode === 0x41 || opcode === 0x42) while (body[at++]! >= 0x80);
    else if (opcode === 0x43) at += 4;
    else if (opcode === 0x44) at += 8;
    else throw new Error(`a global starts with opcode ${opcode}`);
    if (body[at++] !== 0x0b) throw new Error("a global's initialiser is longer than one constant");
  }
  return mutable;
}

const ledger = suite("ledger");

/** What the debug build exports besides functions: the constants of assembly/ledger.ts. */
function constants(): Record<string, unknown> {
  const memory = new WebAssembly.Memory({ initial: abi.LEDGER_PAGES, maximum: abi.LEDGER_PAGES, shared: true });
  const module = new WebAssembly.Module(bytesOf("core.debug") as BufferSource);
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, host });
  const globals = Object.entries(exports).filter(([, value]) => value instanceof WebAssembly.Global);
  return Object.fromEntries(globals.map(([name, value]) => [name, (value as WebAssembly.Global).value]));
}

ledger("the core exports every number of src/abi.ts with the same value", () => {
  const core = constants();
  const shared = Object.entries(abi).filter(([name]) => !HOST_ONLY.test(name));
  assert.ok(shared.length > 40);
  for (const [name, value] of shared) assert.is(core[name], value, name);
});

ledger("src/abi.ts has every constant that the core exports", () => {
  const host = abi as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(constants())) assert.is(host[name], value, name);
});

ledger("both builds export the same functions, and the released one nothing else", () => {
  const exportsOf = (name: string) => WebAssembly.Module.exports(new WebAssembly.Module(bytesOf(name) as BufferSource));
  const released = exportsOf("core");
  assert.ok(released.length > 20);
  assert.ok(released.every(({ kind }) => kind === "function"));
  const functions = exportsOf("core.debug").filter(({ kind }) => kind === "function");
  const names = (list: WebAssembly.ModuleExportDescriptor[]) => list.map(({ name }) => name).sort();
  assert.equal(names(functions), names(released));
});

for (const name of outputs) {
  ledger(`${name}.wasm has no data segment, no start function, no mutable global`, () => {
    const sections = [...sectionsOf(bytesOf(name))];
    assert.ok(sections.some(({ id }) => id === 10));
    assert.not(
      sections.some(({ id }) => id === 8),
      "start section",
    );
    assert.not(
      sections.some(({ id }) => id === 11 || id === 12),
      "data section",
    );
    for (const { body } of sections.filter(({ id }) => id === 6)) assert.is(mutableGlobals(body), 0);
  });

  ledger(`${name}.wasm imports its memory, shared, and defines none`, () => {
    const bytes = bytesOf(name);
    assert.not(
      [...sectionsOf(bytes)].some(({ id }) => id === 5),
      "memory section",
    );
    const module = new WebAssembly.Module(bytes as BufferSource);
    assert.equal(
      WebAssembly.Module.imports(module).filter(({ kind }) => kind === "memory"),
      [{ module: "env", name: "memory", kind: "memory" }],
    );
    const unshared = new WebAssembly.Memory({ initial: abi.LEDGER_PAGES, maximum: abi.LEDGER_PAGES });
    assert.throws(() => new WebAssembly.Instance(module, { env: { memory: unshared }, host }));
  });

  ledger(`instantiating ${name}.wasm writes nothing`, () => {
    const memory = new WebAssembly.Memory({ initial: abi.LEDGER_PAGES, maximum: abi.LEDGER_PAGES, shared: true });
    const words = new BigUint64Array(memory.buffer);
    words.fill(0x5a5a_5a5a_5a5a_5a5an);
    const module = new WebAssembly.Module(bytesOf(name) as BufferSource);
    new WebAssembly.Instance(module, { env: { memory }, host });
    assert.ok(words.every((word) => word === 0x5a5a_5a5a_5a5a_5a5an));
  });
}

ledger("no two fields overlap, and the areas follow one another", () => {
  const wide = /_NS$/;
  const fields = Object.entries(abi)
    .filter(([name, value]) => name.startsWith("OFF_") && typeof value === "number")
    .map(([name, value]) => ({ name, start: value as number, bytes: wide.test(name) ? 8 : 4 }))
    .sort((a, b) => a.start - b.start);
  for (const [index, field] of fields.entries()) {
    assert.is(field.start % field.bytes, 0, `${field.name} is not aligned`);
    const next = fields[index + 1];
    if (next !== undefined) assert.ok(field.start + field.bytes <= next.start, `${field.name} overlaps ${next.name}`);
  }
  const areas: readonly (readonly [start: number, bytes: number])[] = [
    [abi.OFF_RINGS, 3 * abi.RING_STRIDE],
    [abi.OFF_DESCRIPTORS, 4 * abi.DESCRIPTOR_SLOTS],
    [abi.OFF_RUNS, 8 * abi.RUNS_MAX],
    [abi.OFF_RING_BYTES, 3 * abi.RING_BYTES],
    [abi.OFF_DIRTY_MAP, abi.DIRTY_MAP_BYTES],
    [abi.OFF_FRAMES, abi.FRAMES_BYTES],
    [abi.LEDGER_PAGES * 65536, 0],
  ];
  for (let index = 0; index + 1 < areas.length; index++) {
    const [start, bytes] = areas[index]!;
    assert.ok(start + bytes <= areas[index + 1]![0], `the area at ${start} reaches into the next`);
  }
});

ledger.run();
