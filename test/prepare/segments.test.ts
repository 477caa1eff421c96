// Goal: instantiating a prepared module touches no memory, and its boot export does what instantiating the original did. Method:
// programs whose data overlaps, does not fit, depends on globals or is used again later, on both sides.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EXPORT_BOOT, IMPORT_MODULE, LEDGER_PAGES, OFF_DIRTY_MAP } from "../../dist/abi.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { runOriginal, runPrepared, trapOf, wat } from "../support/wat.ts";

const segments = suite("segments");

/** An instance that has not booted. */
function unbooted(bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports = {}) {
  const image = prepareSync(bytes);
  const { minimumPages, maximumPages } = image.info.memory;
  const memory = new WebAssembly.Memory({ initial: minimumPages, maximum: maximumPages, shared: true });
  const ledger = new WebAssembly.Memory({ initial: LEDGER_PAGES, maximum: LEDGER_PAGES, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(image.moduleBytes()), {
    ...imports,
    [IMPORT_MODULE]: { memory, ledger },
  });
  return { exports, bytes: new Uint8Array(memory.buffer), boot: exports[EXPORT_BOOT] as () => void };
}

segments("are copied by boot, in order, and the start function runs after them; instantiating does neither", () => {
  let started = 0;
  const imports = { env: { start: () => void started++ } };
  const bytes = wat(`(module (import "env" "start" (func $start)) (memory 1) (start $start)
    (data (i32.const 10) "abcdef") (data (i32.const 12) "XY") (data (i32.const 65536) ""))`);
  const guest = unbooted(bytes, imports);
  assert.ok(guest.bytes.every((byte) => byte === 0));
  assert.is(started, 0);
  guest.boot();
  assert.is(new TextDecoder().decode(guest.bytes.slice(10, 16)), "abXYef");
  assert.is(started, 1);
});

segments("that do not fit trap in boot after those before them were copied, and nothing starts", () => {
  let started = 0;
  const imports = { env: { start: () => void started++ } };
  const bytes = wat(`(module (import "env" "start" (func $start)) (memory 1) (start $start)
    (data (i32.const 10) "abc") (data (i32.const 65535) "de") (data (i32.const 20) "f"))`);
  const guest = unbooted(bytes, imports);
  assert.ok(trapOf(guest.boot));
  assert.is(new TextDecoder().decode(guest.bytes.slice(10, 13)), "abc");
  assert.is(guest.bytes[20], 0);
  assert.is(started, 0);
});

segments("an empty one beyond the end traps as well", () => {
  assert.ok(trapOf(unbooted(wat(`(module (memory 1) (data (i32.const 65537) ""))`)).boot));
});

segments("may be placed by imported globals and by sums", () => {
  const bytes = wat(`(module (import "env" "base" (global $base i32)) (memory 1)
    (data (global.get $base) "one") (data (i32.add (global.get $base) (i32.const 16)) "two"))`);
  const guest = unbooted(bytes, { env: { base: 100 } });
  guest.boot();
  assert.is(new TextDecoder().decode(guest.bytes.slice(100, 103)), "one");
  assert.is(new TextDecoder().decode(guest.bytes.slice(116, 119)), "two");
});

segments(
  "that were active are dropped after boot, passive ones are not, and memory.init and data.drop go on working",
  () => {
    const bytes =
      wat(`(module (memory (export "memory") 1) (data $active (i32.const 0) "active") (data $passive "passive")
    (func (export "active") (param i32) (memory.init $active (i32.const 64) (i32.const 0) (local.get 0)))
    (func (export "passive") (memory.init $passive (i32.const 128) (i32.const 0) (i32.const 7)))
    (func (export "drop") (data.drop $passive)))`);
    for (const { call, exports } of [runOriginal(bytes), runPrepared(bytes), runPrepared(bytes, { track: "marks" })]) {
      assert.is(
        trapOf(() => call.active!(0)),
        undefined,
      );
      assert.is(
        trapOf(() => call.active!(1)),
        "memory access out of bounds",
      );
      call.passive!();
      const memory = new Uint8Array((exports.memory as WebAssembly.Memory).buffer);
      assert.is(new TextDecoder().decode(memory.slice(128, 135)), "passive");
      call.drop!();
      assert.is(
        trapOf(() => call.passive!()),
        "memory access out of bounds",
      );
    }
  },
);

segments("mark the pages they are copied to, where marks are on", () => {
  const bytes = wat(
    `(module (memory 4) (data (i32.const 4090) "across two pages") (data (i32.const 40960) "") (data (i32.const 81920) "x"))`,
  );
  const { ledger } = runPrepared(bytes, { track: "marks" });
  const map = new Uint8Array(ledger!.buffer, OFF_DIRTY_MAP, 64);
  assert.equal(
    [...map.entries()].filter(([, mark]) => mark !== 0).map(([page]) => page),
    [0, 1, 20],
  );
});

segments("of elements fill tables when the module is instantiated", () => {
  const bytes = wat(
    `(module (table (export "table") 4 funcref) (elem (i32.const 1) $f) (func $f (result i32) (i32.const 5)))`,
  );
  const { exports } = unbooted(bytes);
  assert.is((exports.table as WebAssembly.Table).get(1)(), 5);
});

segments("a start function may be one of the module's own", () => {
  const bytes = wat(`(module (memory (export "memory") 1) (data (i32.const 0) "\\07") (start $s)
    (func $s (i32.store8 (i32.const 1) (i32.add (i32.const 1) (i32.load8_u (i32.const 0))))))`);
  const { memory } = runPrepared(bytes);
  assert.equal([...new Uint8Array(memory!.buffer, 0, 2)], [7, 8]);
});

segments.run();
