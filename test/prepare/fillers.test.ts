// Goal: an engine that counts small functions finds enough of them in an image, and nothing else finds any more. Method: code
// sections are read as an engine reads them, with and without all options.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EXPORT_FUNCTIONS, IMPORT_MODULE, LEDGER_PAGES } from "../../dist/abi.js";
import { fillerCount } from "../../dist/prepare/fillers.js";
import { type PrepareOptions, prepareSync } from "../../dist/prepare/prepare.js";
import { LIMITS } from "../../dist/wasm/module.js";
import { Reader } from "../../dist/wasm/reader.js";
import { readSections, SECTION } from "../../dist/wasm/sections.js";
import { kernelsWasm } from "../support/kernels.ts";

const fillers = suite("fillers");

const SMALL_BYTES = 50;
/** No other function is as small. */
const FILLER_BYTES = 2;

/** Sizes of the bodies that a module has. */
function bodySizes(bytes: Uint8Array): number[] {
  const section = readSections(bytes).find(({ id }) => id === SECTION.code)!;
  const reader = new Reader(bytes, section.start, section.end);
  return Array.from({ length: reader.count() }, () => {
    const size = reader.u32();
    reader.part(size);
    return size;
  });
}

const isSmall = (size: number): boolean => size < SMALL_BYTES;

const combinations: readonly PrepareOptions[] = [
  { capture: false },
  { capture: true },
  { capture: true, track: "marks" },
  { capture: false, track: "marks", polls: "atomic" },
];

fillers("make half of an image's functions small, and not one more than that", () => {
  for (const options of combinations) {
    const sizes = bodySizes(prepareSync(kernelsWasm(), options).moduleBytes());
    const small = sizes.filter(isSmall).length;
    assert.ok(2 * small >= sizes.length, JSON.stringify(options));
    assert.ok(2 * (small - 1) <= sizes.length, JSON.stringify(options));
  }
});

fillers("are left out where enough functions are small, and where an engine would take no more", () => {
  assert.is(fillerCount([], 0), 0);
  assert.is(fillerCount([10, 60], 2), 0);
  assert.is(fillerCount([10, 20, 60], 3), 0);
  assert.is(fillerCount([SMALL_BYTES - 1, SMALL_BYTES], 2), 0);
  assert.is(fillerCount([SMALL_BYTES, SMALL_BYTES], 2), 2);
  assert.is(fillerCount([60, 60, 60], LIMITS.functions - 1), 1);
  assert.is(fillerCount([60, 60, 60], LIMITS.functions), 0);
});

fillers("are not in the table of what a continuation may call", () => {
  const image = prepareSync(kernelsWasm(), { capture: true });
  const bytes = image.moduleBytes();
  const module = new WebAssembly.Module(bytes);
  const functionsImported = WebAssembly.Module.imports(module).filter(({ kind }) => kind === "function").length;
  const sizes = bodySizes(bytes);
  const others = sizes.findLastIndex((size) => size > FILLER_BYTES) + 1;
  assert.ok(others < sizes.length);
  const { minimumPages, maximumPages } = image.info.memory;
  const memory = new WebAssembly.Memory({ initial: minimumPages, maximum: maximumPages, shared: true });
  const ledger = new WebAssembly.Memory({ initial: LEDGER_PAGES, maximum: LEDGER_PAGES, shared: true });
  const { exports } = new WebAssembly.Instance(module, { [IMPORT_MODULE]: { memory, ledger } });
  assert.is((exports[EXPORT_FUNCTIONS] as WebAssembly.Table).length, functionsImported + others);
});

fillers.run();
