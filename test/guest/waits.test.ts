// Goal: whatever a guest waits in, it can be frozen there for free, and the wait ends as it would have without. Method: waits
// of a program's own (memory.atomic.wait) and of services (host.wait), each ended in every way it can end, with and without a
// freeze in the middle.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest } from "../../dist/index.js";
import { asking, clerk, codeOf, endOf, reached, services, sleep, wat } from "../support/guests.ts";

const program = (memory: string): string => `(module ${memory}
  (func (export "wait32") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1))))`;

const SHARED = program('(memory (export "memory") 1 1 shared)');
const OWN = program('(memory (export "memory") 1 1)');

const WOKEN = 0;
const NOT_EQUAL = 1;
const TIMED_OUT = 2;
const MS = 1_000_000n;

interface Context {
  fleet: Fleet;
  guest: Guest;
}

const waits = suite<Context>("waits");
waits.before(async (context) => {
  context.fleet = await Fleet.open();
});
waits.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});
waits.before.each(async (context) => {
  context.guest = await context.fleet.boot(await wat(SHARED), { name: "waiter" });
});
waits.after.each(async ({ guest }) => {
  await guest.terminate();
});

waits("a word that is another already, or a time that is up, needs no wait", async ({ guest }) => {
  assert.is(await guest.call("wait32", [0, 7, -1n]), NOT_EQUAL);
  assert.is(await guest.call("wait64", [8, 7n, -1n]), NOT_EQUAL);
  assert.is(await guest.call("wait32", [0, 0, 0n]), TIMED_OUT);
  assert.is(await guest.call("wait64", [8, 0n, 5n * MS]), TIMED_OUT);
  assert.is(await guest.call("notify", [0]), 0);
});

for (const [name, args, index] of [
  ["wait32", [16, 0, -1n], 4],
  ["wait64", [24, 0n, -1n], 3],
] as const) {
  for (const frozen of [false, true]) {
    waits(
      `${name} is woken by whoever shares the memory, ${frozen ? "across a freeze" : "in motion"}`,
      async ({ guest }) => {
        const call = guest.call(name, args);
        await reached(guest, "waiting");
        const words = name === "wait32" ? new Int32Array(guest.memory.buffer) : new BigInt64Array(guest.memory.buffer);
        const notify = async (): Promise<void> => {
          // The state is told a moment before the thread sleeps.
          while (Atomics.notify(words as Int32Array, index) === 0) await sleep(1);
        };
        if (frozen) {
          assert.is((await guest.freeze()).how, "waiting");
          await notify();
          await sleep(20);
          assert.is(guest.state, "frozen", "woken, it must not touch anything yet");
          await guest.resume();
        } else await notify();
        assert.is(await call, WOKEN);
      },
    );
  }
}

waits("a program's own wait ends by its clock, which a pause may put off", async ({ fleet }) => {
  const image = await wat(SHARED);
  const passed: Record<string, number> = {};
  for (const monotonicClock of ["include", "exclude"] as const) {
    const guest = await fleet.boot(image, { name: monotonicClock, monotonicClock });
    const from = performance.now();
    const call = guest.call("wait32", [0, 0, 300n * MS]);
    await reached(guest, "waiting");
    await guest.withFrozen(() => sleep(250));
    assert.is(await call, TIMED_OUT);
    passed[monotonicClock] = performance.now() - from;
    await guest.terminate();
  }
  assert.ok(passed.include! >= 299);
  assert.ok(passed.exclude! >= 548);
});

waits("a wait that is misaligned or out of bounds traps", async ({ fleet }) => {
  for (const [name, ...args] of [
    ["wait32", 2, 0, 0n],
    ["wait64", 4, 0n, 0n],
    ["wait32", 65536, 0, 0n],
    ["wait64", 65536, 0n, 0n],
  ] as const) {
    const guest = await fleet.boot(await wat(SHARED), { name: "trapping" });
    assert.is(await codeOf(guest.call(name, args)), "SP_GUEST_TRAP");
    assert.is(endOf(await guest.exited), "SP_GUEST_TRAP");
  }
});

waits("a wait on a memory that the program does not share traps, though ours is shared", async ({ fleet }) => {
  for (const [name, ...args] of [
    ["wait32", 0, 0, 0n],
    ["wait64", 0, 1n, 0n],
  ] as const) {
    const guest = await fleet.boot(await wat(OWN), { name: "own" });
    assert.is(await guest.call("notify", [0]), 0);
    assert.is(await codeOf(guest.call(name, args)), "SP_GUEST_TRAP");
    await guest.exited;
  }
});

waits("a service's wait is woken by its word, or elapses by the guest's clock", async ({ fleet }) => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const url = services(`
    let words;
    const untilMs = (n) => host.clock.monotonicMs() + n;
    return {
      imports: { env: { ask(n) {
        const wake = { words, index: 1, value: 0 };
        return host.wait(n === 0 ? { wake } : { untilMs: untilMs(n), wake }) === "woken" ? 1 : 0;
      } } },
      calls: { share(given) { words = given; }, rest: (n) => host.wait({ untilMs: untilMs(n) }) },
    };`);
  const guest = await fleet.boot(await clerk(), { name: "served", services: url });
  await guest.call("share", [words]);
  assert.is(await guest.call("ask", [20]), 0);
  assert.is(await guest.call("rest", [5]), "elapsed");
  for (const frozen of [false, true]) {
    const call = guest.call("ask", [0]);
    await reached(guest, "waiting");
    if (frozen) await guest.freeze();
    Atomics.store(words, 1, 1);
    Atomics.notify(words, 1);
    if (frozen) {
      await sleep(20);
      assert.is(guest.state, "frozen");
      await guest.resume();
    }
    assert.is(await call, 1);
    assert.is(await guest.call("ask", [0]), 1, "the word has changed already");
    Atomics.store(words, 1, 0);
  }
  await guest.terminate();
});

waits("a wait without an end ends with the guest", async ({ fleet }) => {
  const guest = await fleet.boot(await clerk(), { name: "endless", services: asking("host.wait({}); return n;") });
  const call = codeOf(guest.call("ask", [1]));
  await reached(guest, "waiting");
  await guest.terminate();
  assert.is(await call, "SP_HOST_LOST");
});

waits.run();
