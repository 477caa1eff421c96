// Goal: a trap is told with the guest's own stack, in names and byte offsets of the module as it was before it was prepared, and
// its memory is as the trap left it. Method: the same small module, unprepared in this thread and prepared as a guest; V8
// prints where the one trapped, the error of the other has to say the same.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type GuestTrapError, type Image } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { codeOf, endOf, services, wat } from "../support/guests.ts";

const TEXT = `(module
  (import "env" "ask" (func $ask))
  (memory (export "memory") 1 4)
  (table 2 funcref)
  (elem (i32.const 0) $inner)
  (tag $e)
  (func $inner (param $n i32)
    (local $i i32)
    (loop $again
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 3))))
    (if (i32.eq (local.get $n) (i32.const 0)) (then unreachable))
    (if (i32.eq (local.get $n) (i32.const 1)) (then (drop (i32.load (i32.const 0x7fffffff)))))
    (if (i32.eq (local.get $n) (i32.const 2)) (then (drop (i32.div_u (i32.const 1) (i32.const 0)))))
    (if (i32.eq (local.get $n) (i32.const 3)) (then (call_indirect (i32.const 1))))
    (if (i32.eq (local.get $n) (i32.const 4)) (then (i64.store (i32.const 65530) (i64.const -1))))
    (if (i32.eq (local.get $n) (i32.const 5)) (then (memory.fill (i32.const 65000) (i32.const 1) (i32.const 1000))))
    (if (i32.eq (local.get $n) (i32.const 6)) (then (call $ask)))
    (if (i32.eq (local.get $n) (i32.const 7)) (then (throw $e))))
  (func $middle (param i32)
    (loop $once (call $inner (local.get 0)) (br_if $once (i32.const 0)))
    (call $inner (i32.const 99)))
  (func (export "outer") (param i32) (call $middle (local.get 0)) (drop (i32.const 1)))
  (func $deep (export "deep") (param i64) (call $deep (i64.add (local.get 0) (i64.const 1))) (drop (i32.const 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`;

const THROWING = services(`return { imports: { env: { ask() { throw new Error("of the services"); } } } };`);

const traps = suite<{ fleet: Fleet; image: Image; bytes: Uint8Array<ArrayBuffer> }>("traps");
traps.before(async (context) => {
  context.fleet = await Fleet.open();
  context.image = await wat(TEXT);
  context.bytes = assemble(TEXT)!;
});
traps.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

interface Trap {
  readonly message: string;
  readonly frames: readonly { readonly functionIndex: number; readonly offset: number }[];
}

/** What V8 says of the unprepared module: its words, and function and offset of each frame. */
function undisturbed(bytes: Uint8Array<ArrayBuffer>, n: number): Trap {
  const ask = (): void => {
    throw new Error("of the services");
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { ask } });
  try {
    (exports.outer as (n: number) => void)(n);
  } catch (error) {
    const { message, stack } = error as Error;
    const frames = [...stack!.matchAll(/wasm-function\[(\d+)\]:(0x[0-9a-f]+)/g)];
    return {
      message,
      frames: frames.map(([, index, offset]) => ({ functionIndex: Number(index), offset: Number(offset) })),
    };
  }
  throw new Error("the unprepared module did not trap");
}

for (const [n, what] of [
  "unreachable",
  "a load out of bounds",
  "a division by zero",
  "a call of no function",
  "a store across the end of memory",
  "a fill across the end of memory",
  "an exception of the services",
].entries()) {
  for (const track of ["none", "marks"] as const) {
    traps(`${what}, track ${track}: words, names and offsets are the original's`, async (context) => {
      const guest = await context.fleet.boot(context.image, { name: "trapping", services: THROWING, track });
      const error = (await guest.call("outer", [n]).catch((caught: unknown) => caught)) as GuestTrapError;
      assert.is(error.code, "SP_GUEST_TRAP");
      const expected = undisturbed(context.bytes, n);
      assert.match(error.message, expected.message);
      assert.equal(
        error.frames.map(({ functionIndex, offset }) => ({ functionIndex, offset })),
        expected.frames,
      );
      assert.equal(
        error.frames.map((frame) => frame.function),
        ["inner", "middle", "func[3]"],
      );
      assert.is(endOf(await guest.exited), "SP_GUEST_TRAP");
      assert.is(guest.read({ ptr: 0, bytes: 1 })[0], 3, "memory is as the trap left it");
    });
  }
}

traps("an exception that nobody catches is a trap without a place", async ({ fleet, image }) => {
  const guest = await fleet.boot(image, { name: "throwing", services: THROWING });
  assert.is(await codeOf(guest.call("outer", [7])), "SP_GUEST_TRAP");
  assert.is(guest.read({ ptr: 0, bytes: 1 })[0], 3);
});

traps("a stack that overflows is a trap, and its innermost frames are named", async ({ fleet, image }) => {
  const guest = await fleet.boot(image, { name: "deep", services: THROWING });
  const error = (await guest.call("deep", [0n]).catch((caught: unknown) => caught)) as GuestTrapError;
  assert.is(error.code, "SP_GUEST_TRAP");
  assert.ok(error.frames.length > 50);
  for (const frame of error.frames) assert.is(frame.function, "deep");
  assert.is(guest.state, "failed");
});

traps("memory grows up to memoryBytesMax, or the module's own limit, and then answers -1", async ({ fleet, image }) => {
  for (const [memoryBytesMax, pagesMax] of [
    [3 * 65536 + 5, 3],
    [2 ** 32, 4],
    [undefined, 4],
  ] as const) {
    const options = { name: "growing", services: THROWING, ...(memoryBytesMax !== undefined && { memoryBytesMax }) };
    const guest = await fleet.boot(image, options);
    assert.is(await guest.call("grow", [pagesMax]), -1);
    assert.is(await guest.call("grow", [pagesMax - 1]), 1);
    assert.is(await guest.call("grow", [1]), -1);
    assert.is(await guest.call("grow", [0]), pagesMax);
    assert.is((await guest.freeze()).memoryBytes, pagesMax * 65536);
    assert.is(guest.read({ ptr: pagesMax * 65536 - 1, bytes: 1 })[0], 0);
    await guest.terminate();
  }
});

traps.run();
