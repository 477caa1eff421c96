// Goal: a program cannot tell that its memory is shared now, nor that there is a ledger beside it. Method: small programs for
// each way to have a memory, on both sides; and what the prepared module says of its imports and exports.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  EXPORT_GLOBAL,
  IMPORT_LEDGER,
  IMPORT_MEMORY,
  IMPORT_MODULE,
  SLOW_WAIT32,
  SLOW_WAIT64,
} from "../../dist/abi.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { runOriginal, runPrepared, trapOf, wat } from "../support/wat.ts";

const memories = suite("memories");

const memoryImports = (bytes: Uint8Array<ArrayBuffer>) =>
  WebAssembly.Module.imports(new WebAssembly.Module(prepareSync(bytes).moduleBytes()))
    .filter(({ kind }) => kind === "memory")
    .map(({ module, name }) => `${module} ${name}`);

memories("turns a defined memory into an import and keeps the names under which it is exported", () => {
  const bytes = wat(`(module (memory (export "memory") (export "again") 2 5))`);
  assert.equal(memoryImports(bytes), [`${IMPORT_MODULE} ${IMPORT_MEMORY}`, `${IMPORT_MODULE} ${IMPORT_LEDGER}`]);
  const { info } = prepareSync(bytes);
  assert.equal(info.memory, {
    minimumPages: 2,
    maximumPages: 5,
    importModule: IMPORT_MODULE,
    importName: IMPORT_MEMORY,
    exportNames: ["memory", "again"],
    wasShared: false,
    was: "defined",
  });
  const { exports, memory } = runPrepared(bytes);
  assert.is(exports.memory, memory);
  assert.is(exports.again, memory);
});

memories("keeps the names and limits of an imported memory, wherever it stands among the imports", () => {
  const bytes = wat(
    `(module (import "env" "f" (func)) (import "env" "mem" (memory 1 7)) (import "env" "g" (func)) (func (export "go") call 1))`,
  );
  assert.equal(memoryImports(bytes), ["env mem", `${IMPORT_MODULE} ${IMPORT_LEDGER}`]);
  let called = "";
  const env = {
    mem: new WebAssembly.Memory({ initial: 1, maximum: 7, shared: true }),
    f: () => void (called += "f"),
    g: () => void (called += "g"),
  };
  runPrepared(bytes, {}, { imports: { env } }).call.go!();
  assert.is(called, "g");
});

memories("gives a program without memory an empty one, so that the ledger is memory 1", () => {
  const bytes = wat(
    `(module (func (export "loop") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`,
  );
  const { info } = prepareSync(bytes);
  assert.is(info.memory.was, "absent");
  assert.is(info.memory.minimumPages, 0);
  let polls = 0;
  runPrepared(bytes, {}, { poll: () => void polls++ }).call.loop!(100);
  assert.ok(polls > 0);
});

memories("lets memory grow to the declared maximum and no further", () => {
  const bytes = wat(`(module (memory 1 3) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size)))`);
  for (const { call } of [runOriginal(bytes), runPrepared(bytes), runPrepared(bytes, { track: "marks" })])
    assert.equal(
      [call.grow!(1), call.size!(), call.grow!(2), call.grow!(1), call.grow!(1), call.size!()],
      [1, 2, -1, 2, -1, 3],
    );
});

memories("declares all that 32 bits address where the original has no maximum", () => {
  assert.is(prepareSync(wat(`(module (memory 1))`)).info.memory.maximumPages, 65_536);
});

memories("exports each mutable global once, under the original's name if it has one", () => {
  const bytes =
    wat(`(module (import "env" "in" (global (mut i32))) (global (mut i64) (i64.const 5)) (global i32 (i32.const 1))
    (global (export "sp") (mut i32) (i32.const 7)))`);
  const { info } = prepareSync(bytes);
  assert.equal(info.globals, [
    { index: 0, type: "i32", imported: true },
    { index: 1, type: "i64", imported: false, export: `${EXPORT_GLOBAL}1` },
    { index: 3, type: "i32", imported: false, export: "sp" },
  ]);
  const env = { in: new WebAssembly.Global({ value: "i32", mutable: true }, 0) };
  const { exports } = runPrepared(bytes, {}, { imports: { env } });
  assert.is((exports[`${EXPORT_GLOBAL}1`] as WebAssembly.Global).value, 5n);
  assert.is((exports.sp as WebAssembly.Global).value, 7);
});

const WAITS = `
  (func (export "wait32") (param i32 i32 i64) (result i32) (memory.atomic.wait32 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32) (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "far") (param i32) (result i32) (memory.atomic.wait32 offset=0xfffffff8 (local.get 0) (i32.const 0) (i64.const 0)))
  (func (export "notify") (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1))))`;

memories("keeps waiting a trap where memory was not shared, and notifying harmless", () => {
  const bytes = wat(`(module (memory 1) ${WAITS}`);
  for (const { call } of [runOriginal(bytes), runPrepared(bytes)]) {
    assert.ok(trapOf(() => call.wait32!(0, 0, 0n)));
    assert.ok(trapOf(() => call.wait64!(0, 0n, 0n)));
    assert.is(call.notify!(64), 0);
    assert.is(
      trapOf(() => call.notify!(0x10000)),
      "memory access out of bounds",
    );
  }
});

memories(
  "waits at the address with its offset where memory was shared, and traps as the original where that cannot be",
  () => {
    const bytes = wat(`(module (import "env" "memory" (memory 1 1 shared)) ${WAITS}`);
    const side = (run: typeof runOriginal) => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      new Int32Array(memory.buffer)[(64 + 8) / 4] = 9;
      return run(bytes, { env: { memory } }).call;
    };
    const asIs = side(runOriginal);
    const call = side((bytes, imports) => runPrepared(bytes, {}, { imports: imports! }));
    const tries: ((call: typeof asIs) => unknown)[] = [
      (call) => call.wait32!(64, 8, 0n),
      (call) => call.wait32!(64, 9, 0n),
      (call) => call.wait64!(64, 8n, 0n),
      (call) => call.wait64!(64, 9n, 1000n),
      (call) => call.wait32!(66, 9, 0n),
      (call) => call.wait64!(68, 9n, 0n),
      (call) => call.wait32!(0xfff8, 0, 0n),
      (call) => call.wait32!(-8, 0, 0n),
      (call) => call.far!(8),
      (call) => call.far!(64),
      (call) => call.far!(0),
    ];
    const outcome = (act: () => unknown) => {
      try {
        return act();
      } catch (error) {
        return (error as Error).message;
      }
    };
    for (const [i, attempt] of tries.entries())
      assert.is(
        outcome(() => attempt(call)),
        outcome(() => attempt(asIs)),
        `attempt ${i}`,
      );
    assert.is(SLOW_WAIT64, SLOW_WAIT32 + 1);
  },
);

memories.run();
