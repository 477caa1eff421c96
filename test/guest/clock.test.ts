// Goal: after every resume the guest's wall clock is true, its monotonic clock has done what its policy says and never gone
// back, and its deadlines follow the clock they name. Method: a guest reads its clocks one after the other, so that a reading
// says how far apart the two are; a guest that reads them without end keeps the smallest step it saw; CPython sleeps and polls.
// Only lower bounds and orders are claimed where a busy machine could make things late.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BootOptions, Fleet, type Guest } from "../../dist/index.js";
import { codeOf, endOf, python, reached, share, sleep, textOf, wat } from "../support/guests.ts";
import { Random } from "../support/random.ts";

/** sample() answers monotonic, wall, monotonic and CPU time; watch() keeps the smallest and largest monotonic step it saw. */
const CLOCKS = `(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func $read (param i32) (result i64)
    (drop (call $time (local.get 0) (i64.const 0) (i32.const 64)))
    (i64.load (i32.const 64)))
  (func (export "sample") (result i64 i64 i64 i64)
    (call $read (i32.const 1)) (call $read (i32.const 0)) (call $read (i32.const 1)) (call $read (i32.const 2)))
  (func (export "watch") (local $last i64) (local $now i64) (local $step i64)
    (i64.store (i32.const 0) (i64.const 0x7fffffffffffffff))
    (local.set $last (call $read (i32.const 1)))
    (loop $again
      (local.set $step (i64.sub (local.tee $now (call $read (i32.const 1))) (local.get $last)))
      (local.set $last (local.get $now))
      (if (i64.lt_s (local.get $step) (i64.load (i32.const 0))) (then (i64.store (i32.const 0) (local.get $step))))
      (if (i64.gt_s (local.get $step) (i64.load (i32.const 8))) (then (i64.store (i32.const 8) (local.get $step))))
      (i64.store (i32.const 16) (i64.add (i64.load (i32.const 16)) (i64.const 1)))
      (br_if $again (i32.eqz (i32.load (i32.const 32))))))
  (func (export "rest") (i32.store (i32.const 32) (i32.const 0))))`;

type Policy = NonNullable<BootOptions["monotonicClock"]>;
const POLICIES: readonly Policy[] = ["include", "exclude", "slew"];

interface Reading {
  readonly monotonicMs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** How far the wall clock is ahead of the monotonic clock. */
  readonly apartMs: number;
}

/** The two clocks as near to the same moment as the machine allows. */
async function read(guest: Guest): Promise<Reading> {
  let best: (Reading & { widthMs: number }) | undefined;
  for (let attempt = 0; attempt < 20 && !((best?.widthMs ?? 1) < 0.05); attempt++) {
    const times = await guest.call<bigint[]>("sample");
    const [before, wallMs, after, cpuMs] = times.map((ns) => Number(ns) / 1e6) as [number, number, number, number];
    const widthMs = after - before;
    if (best !== undefined && best.widthMs <= widthMs) continue;
    best = { monotonicMs: before, wallMs, cpuMs, apartMs: wallMs - before, widthMs };
  }
  return best!;
}

const clocks = suite<{ fleet: Fleet }>("clock");
clocks.before(async (context) => {
  context.fleet = await Fleet.open();
});
clocks.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

/** What a reading may be off by: the wall clock is good to a millisecond. */
const FUZZ_MS = 3;

for (const [stream, policy] of POLICIES.entries()) {
  clocks(`${policy}: pauses of 0 to 500 ms, of a guest in motion and of one at rest`, async ({ fleet }) => {
    const random = new Random(20 + stream);
    const guest = await fleet.boot(await wat(CLOCKS), { name: policy, monotonicClock: policy });
    const first = await read(guest);
    const sum = { heldMs: 0, blackoutMs: 0, wallMs: 0, monotonicMs: 0 };
    for (let pause = 0; pause < share(30, 8); pause++) {
      const watching = random.oneIn(2) ? guest.call("watch") : undefined;
      if (watching !== undefined) {
        const turns = new BigUint64Array(guest.memory.buffer);
        const seen = turns[2]!;
        while (turns[2]! < seen + 10n) await sleep(1);
      }
      assert.is((await guest.freeze()).how, watching === undefined ? "idle" : "parked");
      const held = performance.now();
      const pauseMs = random.below(500);
      await sleep(pauseMs);
      sum.heldMs += performance.now() - held;
      // Ends watch() at its next turn.
      if (watching !== undefined) guest.write({ ptr: 32, data: Uint8Array.of(1, 0, 0, 0) });
      const report = await guest.resume();
      assert.ok(report.blackoutMs >= pauseMs - 1);
      assert.is(report.wallStepMs, report.blackoutMs);
      if (policy === "include") assert.is(report.monotonicStepMs, report.blackoutMs);
      else assert.ok(report.monotonicStepMs <= report.blackoutMs - pauseMs + 1);
      // Waking up takes time of the guest's own.
      assert.ok(watching === undefined ? report.monotonicStepMs >= 0 : report.monotonicStepMs > 0);
      sum.blackoutMs += report.blackoutMs;
      sum.monotonicMs += report.monotonicStepMs;
      const now = await read(guest);
      assert.ok(Math.abs(now.wallMs - Date.now()) < 1000, "the wall clock is true");
      await watching;
      const [least, most] = new BigInt64Array(guest.memory.buffer) as unknown as [bigint, bigint];
      if (watching !== undefined) {
        assert.ok(least >= 0n, `the monotonic clock went back by ${-least} ns`);
        if (policy === "include") assert.ok(Number(most) / 1e6 >= pauseMs - 1, "it jumped over the pause");
        await guest.call("rest");
        await guest.withFrozen(() => guest.write({ ptr: 8, data: new Uint8Array(8) }));
      }
    }
    const last = await read(guest);
    const apartMs = last.apartMs - first.apartMs;
    console.log(
      `# ${policy}: paused for ${sum.blackoutMs.toFixed(0)} ms, clocks ${apartMs.toFixed(1)} ms further apart`,
    );
    assert.ok(last.monotonicMs >= first.monotonicMs);
    // Freezes of this test's own, for writing, add to what was held, never to what include leaves out.
    if (policy === "include") assert.ok(Math.abs(apartMs) < FUZZ_MS, "nothing was left out");
    if (policy === "exclude") assert.ok(apartMs >= sum.heldMs - FUZZ_MS, "every pause was left out");
    if (policy === "slew")
      assert.ok(apartMs > -FUZZ_MS && apartMs < sum.blackoutMs, "it has caught up with some of it");
    // By the clock that counts what passes for the guest, it has not run while it was held.
    const passedMs = last.wallMs - first.wallMs;
    assert.ok(last.cpuMs - first.cpuMs <= passedMs - sum.heldMs + FUZZ_MS, "CPU time leaves pauses out");
    await guest.terminate();
  });
}

clocks("slew catches up with the pause and then runs true", async ({ fleet }) => {
  const options = { name: "slewing", monotonicClock: "slew", slewPpmMax: 1_000_000 } as const;
  const guest = await fleet.boot(await wat(CLOCKS), options);
  const before = await read(guest);
  await guest.withFrozen(() => sleep(400));
  const after = await read(guest);
  assert.ok(after.apartMs >= before.apartMs - FUZZ_MS);
  // At twice the speed it needs as long as the pause took.
  await sleep(500);
  const later = await read(guest);
  assert.ok(Math.abs(later.apartMs - before.apartMs) < FUZZ_MS, "caught up");
  assert.ok(later.apartMs <= after.apartMs + FUZZ_MS);
  await sleep(50);
  assert.ok(Math.abs((await read(guest)).apartMs - before.apartMs) < FUZZ_MS, "and no further");
  await guest.terminate();
});

/** Waits for a second by the clock that it names: the C library under CPython sleeps by the monotonic one and polls by the wall. */
const WAITERS = [
  { what: "time.sleep", clock: "monotonic", statement: "time.sleep(1)" },
  {
    what: "select.poll",
    clock: "wall",
    statement: "p = select.poll(); p.register(0, select.POLLIN); assert p.poll(1000) == []",
  },
] as const;

for (const { what, clock, statement } of WAITERS) {
  clocks(`${what}: a deadline follows the ${clock} clock through a pause`, async ({ fleet }) => {
    const program = `import select, time
m, w = time.monotonic(), time.time()
print("begun", flush=True)
${statement}
print((time.monotonic() - m) * 1000, (time.time() - w) * 1000)`;
    const image = await python();
    const waiting = async (policy: Policy): Promise<{ monotonicMs: number; wallMs: number; pausedMs: number }> => {
      const guest = await fleet.boot(image, {
        name: policy,
        args: ["python", "-c", program],
        stdin: new ReadableStream<Uint8Array>(),
        stdout: "pipe",
        monotonicClock: policy,
        slewPpmMax: 1_000_000,
      });
      const [begun, rest] = guest.stdout!.tee();
      const reader = begun.getReader();
      assert.ok(((await reader.read()).value?.length ?? 0) > 0);
      void reader.cancel();
      await reached(guest, "waiting");
      assert.is((await guest.freeze()).how, "waiting");
      const from = performance.now();
      await sleep(800);
      const pausedMs = performance.now() - from;
      await guest.resume();
      const lines = (await textOf(rest)).trim().split("\n");
      assert.is(endOf(await guest.exited), "code 0");
      const [monotonicMs, wallMs] = lines[1]!.split(" ").map(Number) as [number, number];
      return { monotonicMs, wallMs, pausedMs };
    };
    const [include, exclude, slew] = await Promise.all(POLICIES.map(waiting));
    const all = [include!, slew!, exclude!];
    const walls = all.map(({ wallMs }) => wallMs.toFixed(0)).join(", ");
    console.log(`# ${what} of 1 s, paused for 0.8 s: by the wall ${walls} ms (include, slew, exclude)`);
    for (const waited of all) assert.ok(waited.wallMs >= 999, `waited ${waited.wallMs} ms`);
    if (clock === "wall") {
      for (const waited of all) assert.ok(waited.wallMs < 999 + waited.pausedMs, "not put off by the pause");
    } else {
      for (const waited of all) assert.ok(waited.monotonicMs >= 999, `waited ${waited.monotonicMs} ms`);
      assert.ok(exclude!.wallMs >= 999 + exclude!.pausedMs - FUZZ_MS, "put off by the pause");
      assert.ok(include!.wallMs < slew!.wallMs && slew!.wallMs < exclude!.wallMs, walls);
    }
  });
}

clocks("a deadline that passes during the pause fires at the resume, not later", async ({ fleet }) => {
  const program = `import time
print("begun", flush=True)
time.sleep(0.2)
print("over")`;
  const args = ["python", "-c", program];
  const guest = await fleet.boot(await python(), { name: "late", args, stdout: "pipe" });
  const output = textOf(guest.stdout);
  await reached(guest, "waiting");
  await guest.freeze();
  await sleep(400);
  assert.is(guest.state, "frozen");
  await guest.resume();
  assert.is(endOf(await guest.exited), "code 0");
  assert.is(await output, "begun\nover\n");
});

clocks("a policy that there is not is refused", async ({ fleet }) => {
  const monotonicClock = "stop" as unknown as Policy;
  assert.is(await codeOf(fleet.boot(await wat(CLOCKS), { name: "odd", monotonicClock })), "SP_CONFIG_INVALID");
});

clocks.run();
