// Goal: `prepare` makes files that run, whole or not at all, and `inspect` says what they are. Method: stock QuickJS and small
// modules through the command, their descriptions read as JSON.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepare } from "../../dist/index.js";
import { QUICKJS_WASM, scratch, stillpoint, writeWat } from "../support/command.ts";

const directory = scratch();
const image = join(directory, "quickjs.image.wasm");

async function inspected(file: string): Promise<Record<string, any>> {
  const { status, stdout, stderr } = await stillpoint(["inspect", file, "--json"]);
  assert.is(status, 0, stderr);
  return JSON.parse(stdout.toString());
}

const preparing = suite("prepare");

preparing("writes an image that says of which module it was made", async () => {
  const { status, stdout } = await stillpoint(["prepare", QUICKJS_WASM, "-o", image, "--json"]);
  assert.is(status, 0);
  const report = JSON.parse(stdout.toString());
  const bytes = readFileSync(QUICKJS_WASM);
  assert.equal(Object.keys(report), ["input", "output", "bytesBefore", "bytesAfter", "ms", "image"]);
  assert.is(report.bytesBefore, bytes.length);
  assert.is(report.bytesAfter, readFileSync(image).length);
  assert.is(report.image.sha256, createHash("sha256").update(bytes).digest("hex"));
  assert.ok(WebAssembly.validate(readFileSync(image)));

  const found = await inspected(image);
  assert.is(found.prepared, true);
  assert.equal(found.image, report.image);
  const before = await inspected(QUICKJS_WASM);
  assert.is(before.prepared, false);
  assert.is(before.refusal, null);
  assert.equal(before.image, report.image);
});

preparing("prepares an image anew with other options", async () => {
  const marked = join(directory, "marked.wasm");
  const { status } = await stillpoint([
    "prepare",
    image,
    "-o",
    marked,
    "--track",
    "marks",
    "--polls",
    "atomic",
    "--page-bytes",
    "65536",
  ]);
  assert.is(status, 0);
  const [plain, found] = [await inspected(image), await inspected(marked)];
  assert.is(found.image.sha256, plain.image.sha256);
  assert.equal(found.image.options, { ...plain.image.options, track: "marks", polls: "atomic", pageBytes: 65536 });
  assert.is(plain.image.counts.marks, 0);
  assert.ok(found.image.counts.marks > 1000);
});

preparing("leaves no file behind when it fails, and an older one as it was", async () => {
  const output = join(directory, "kept.wasm");
  writeFileSync(output, "older");
  const invalid = join(directory, "invalid.wasm");
  writeFileSync(invalid, readFileSync(QUICKJS_WASM).subarray(0, 100_000));
  const failed = await stillpoint(["prepare", invalid, "-o", output]);
  assert.is(failed.status, 1);
  assert.match(failed.stderr, /^stillpoint: SP_MODULE_INVALID: .*\(at byte \d+\)\n$/);
  assert.is(readFileSync(output, "utf8"), "older");

  const nowhere = await stillpoint(["prepare", QUICKJS_WASM, "-o", join(directory, "nowhere", "x.wasm")]);
  assert.is(nowhere.status, 1);
  assert.match(nowhere.stderr, /^stillpoint: cannot write .*: no such file or directory\n$/);
  assert.not(existsSync(join(directory, "nowhere")));
  assert.equal(
    readdirSync(directory).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

preparing.run();

const inspecting = suite("inspect");

inspecting("names what cannot be prepared, and where", async () => {
  const two = writeWat(join(directory, "two.wasm"), "(module (memory 1) (memory 1))");
  const found = await inspected(two);
  assert.equal(Object.keys(found), ["file", "bytes", "prepared", "image", "eligibility", "refusal"]);
  assert.is(found.image, null);
  assert.is(found.eligibility, null);
  assert.is(found.refusal.code, "SP_MODULE_UNSUPPORTED");
  assert.is(found.refusal.feature, "a second memory");
  // The offset is that of the second memory's limits: a byte of flags, then the minimum.
  assert.is(readFileSync(two)[found.refusal.offset + 1], 1);

  const { status, stdout } = await stillpoint(["inspect", two]);
  assert.is(status, 0);
  assert.match(stdout.toString(), /cannot be prepared\n {2}a second memory, at byte \d+\n$/);
});

inspecting("lists memory, imports, exports and what is added", async () => {
  const module = writeWat(
    join(directory, "small.wasm"),
    `(module (import "env" "tell" (func $tell (param i32 f64) (result i64)))
      (memory (export "memory") 2 16)
      (func (export "loops") (param i32) (loop $again (drop (call $tell (local.get 0) (f64.const 1)))
        (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`,
  );
  const { stdout } = await stillpoint(["inspect", module]);
  const text = stdout.toString();
  assert.match(text, "a reactor of 1 function, can be prepared");
  assert.match(text, "128.0 KiB at first, at most 1.0 MiB");
  assert.match(text, "env.tell (i32, f64) -> (i64)");
  assert.match(text, "loops (i32) -> ()");
  assert.match(text, "polls in 1 of 1 loop (plain)");
  assert.not.match(text, "\x1b");
});

inspecting("says what can be captured, and why the rest cannot", async () => {
  const module = writeWat(
    join(directory, "holds.wasm"),
    `(module (func (export "plain") (loop $l (br $l)))
      (func $holds (local $r externref) (loop $l (drop (local.get $r)) (br $l))))`,
  );
  const { stdout } = await stillpoint(["inspect", module]);
  assert.match(stdout.toString(), /\nHandover\n {2}1 of 2 functions that may suspend can be captured \(50 %\)\n/);
  assert.match(stdout.toString(), /\n {2}not holds: a reference [a-z ]+\n$/);
  const { eligibility } = await inspected(module);
  assert.is(eligibility.ok, true);
  assert.is(eligibility.functions.captured, 1);

  const parks = join(directory, "parks.wasm");
  writeFileSync(parks, (await prepare(readFileSync(module), { capture: false })).bytes);
  assert.match(
    (await stillpoint(["inspect", parks])).stdout.toString(),
    /cannot be handed over: .* without capture\n$/,
  );
  assert.is((await inspected(parks)).eligibility.code, "SP_MODULE_UNSUPPORTED");
});

inspecting("refuses what is no module", async () => {
  const text = join(directory, "text.wasm");
  writeFileSync(text, "plain text");
  const { status, stdout, stderr } = await stillpoint(["inspect", text, "--json"]);
  assert.is(status, 1);
  assert.is(stdout.length, 0);
  assert.match(stderr, /^stillpoint: SP_MODULE_INVALID: /);
});

inspecting.run();
