// Goal: a frozen guest writes nothing, holds count, and every refused move says what it refuses and changes nothing.
// Method: a guest that counts its turns in memory; sample the count across freezes in every state it can be in.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest } from "../../dist/index.js";
import { asking, clerk, codeOf, digestOf, endOf, python, reached, sleep, wat } from "../support/guests.ts";

/** ask(n) blocks the thread for n ms, out of the owner's reach. */
const BLOCKING = asking(`
  const until = performance.now() + n;
  while (performance.now() < until);
  return n;`);

/** ask(n) waits for n ms as a service should, without end if n is 0. */
const WAITING = asking(`
  return host.wait(n === 0 ? {} : { untilMs: host.clock.monotonicMs() + n }) === "elapsed" ? 1 : 0;`);

interface Context {
  fleet: Fleet;
  guest: Guest;
}

const freezing = suite<Context>("freeze");
freezing.before(async (context) => {
  context.fleet = await Fleet.open();
});
freezing.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});
freezing.before.each(async (context) => {
  context.guest = await context.fleet.boot(await clerk(), { name: "clerk", services: BLOCKING });
});
freezing.after.each(async ({ guest }) => {
  await guest.terminate();
});

/** Turns so far; a torn or stale read is harmless here. */
function turns(guest: Guest): bigint {
  return new BigUint64Array(guest.memory.buffer)[1]!;
}

/** Keeps the guest in motion until it is ended. */
async function spinning(guest: Guest): Promise<void> {
  void codeOf(guest.call("spin"));
  await reached(guest, "running");
}

freezing("stops every write until resume, and lets the guest go on", async ({ guest }) => {
  await spinning(guest);
  for (let round = 0; round < 20; round++) {
    const report = round % 2 === 0 ? await guest.freeze() : guest.freezeSync({ budgetMs: 1000 });
    assert.is(report.how, "parked");
    assert.is(guest.state, "frozen");
    const digest = digestOf(guest.memory);
    const before = turns(guest);
    await sleep(3);
    assert.is(digestOf(guest.memory), digest);
    round % 3 === 0 ? guest.resumeSync() : await guest.resume();
    const until = performance.now() + 10_000;
    while (turns(guest) === before && performance.now() < until) await sleep(1);
    assert.ok(turns(guest) > before, "the guest goes on");
  }
});

freezing("a report says what was found and what it cost", async ({ guest }) => {
  await spinning(guest);
  const frozen = await guest.freeze();
  assert.equal({ ...frozen, timeToSafepointMs: 0 }, { ...PARKED, memoryBytes: guest.memory.buffer.byteLength });
  assert.ok(frozen.timeToSafepointMs > 0 && frozen.timeToSafepointMs < 1000);
  await sleep(10);
  const resumed = await guest.resume();
  assert.is(resumed.guest, "clerk");
  assert.is(resumed.held, 0);
  assert.ok(resumed.blackoutMs >= 10, `${resumed.blackoutMs}`);
  assert.is(resumed.wallStepMs, resumed.blackoutMs);
  assert.is(resumed.monotonicStepMs, resumed.blackoutMs);
});
const PARKED = { guest: "clerk", how: "parked", timeToSafepointMs: 0, guestBytesCopied: 0 };

freezing("holds count: the guest goes on with the last one", async ({ guest }) => {
  await spinning(guest);
  await guest.freeze();
  const again = await guest.freeze();
  assert.is(again.timeToSafepointMs, 0);
  assert.is(again.how, "parked");
  guest.freezeSync({ budgetMs: 1 });
  const before = turns(guest);
  assert.equal(await guest.resume(), { guest: "clerk", blackoutMs: 0, wallStepMs: 0, monotonicStepMs: 0, held: 2 });
  assert.is((await guest.resume()).held, 1);
  assert.is(guest.state, "frozen");
  assert.is(turns(guest), before);
  assert.is((await guest.resume()).held, 0);
  assert.is(guest.state, "running");
});

freezing("resume while running, idle or asked for is refused", async ({ guest }) => {
  assert.is(await codeOf(guest.resume()), "SP_GUEST_STATE");
  assert.is(await codeOf(() => guest.resumeSync()), "SP_GUEST_STATE");
  await spinning(guest);
  assert.is(await codeOf(guest.resume()), "SP_GUEST_STATE");
  assert.is(guest.state, "running");
});

freezing("resume while a freeze is asked for is refused and takes nothing back", async ({ guest }) => {
  const call = guest.call("ask", [200]);
  await reached(guest, "running");
  const asked = guest.freeze();
  assert.is(guest.state, "freezing");
  assert.is(await codeOf(guest.resume()), "SP_GUEST_STATE");
  assert.is((await asked).how, "parked");
  await guest.resume();
  assert.is(await call, 200);
});

freezing("an idle guest is frozen where it is, and its calls wait", async ({ guest }) => {
  assert.is((await guest.freeze()).how, "idle");
  const call = guest.call("bump");
  await sleep(30);
  assert.is(new Uint32Array(guest.memory.buffer)[0], 0);
  await guest.resume();
  assert.is(await call, 1);
});

freezing(
  "a guest that waits in a service is frozen without being woken, and its wait still ends",
  async ({ fleet }) => {
    const guest = await fleet.boot(await clerk(), { name: "waiting", services: WAITING });
    const call = guest.call("ask", [60]);
    await reached(guest, "waiting");
    assert.is((await guest.freeze()).how, "waiting");
    await sleep(120);
    assert.is(guest.state, "frozen", "the deadline has passed meanwhile");
    await guest.resume();
    assert.is(await call, 1);
    assert.is(await guest.call("bump"), 1);
    await guest.terminate();
  },
);

freezing("sleeping and reading programs are found waiting", async ({ fleet }) => {
  const sleeper = ["python", "-c", "import time; time.sleep(30)"];
  const reader = ["python", "-c", "import sys; print(sys.stdin.readline(), end='')"];
  const silent = new ReadableStream<Uint8Array>({ type: "bytes" });
  const [sleeping, reading] = await Promise.all([
    fleet.boot(await python(), { name: "sleeper", args: sleeper }),
    fleet.boot(await python(), { name: "reader", args: reader, stdin: silent }),
  ]);
  for (const guest of [sleeping, reading]) {
    await reached(guest, "waiting");
    // While it starts it waits for nothing; once it waits it stays there.
    await sleep(300);
    await reached(guest, "waiting");
    assert.is((await guest.freeze()).how, "waiting");
    assert.is((await guest.resume()).held, 0);
    await guest.terminate();
  }
});

freezing("out of budget: the request is withdrawn, the guest runs on, a later freeze works", async ({ guest }) => {
  for (const sync of [false, true]) {
    const call = guest.call("ask", [300]);
    await reached(guest, "running");
    const work = sync ? () => guest.freezeSync({ budgetMs: 20 }) : guest.freeze({ budgetMs: 20 });
    assert.is(await codeOf(work), "SP_FREEZE_TIMEOUT");
    assert.is(guest.state, "running");
    assert.is(await codeOf(guest.resume()), "SP_GUEST_STATE");
    assert.is(await call, 300);
    assert.is((await guest.freeze()).how, "idle");
    await guest.resume();
  }
  assert.is(await guest.call("bump"), 1);
});

freezing("two freezes at once have a budget and a hold each", async ({ guest }) => {
  const call = guest.call("ask", [300]);
  await reached(guest, "running");
  const [short, long] = [codeOf(guest.freeze({ budgetMs: 20 })), guest.freeze({ budgetMs: 5000 })];
  assert.is(await short, "SP_FREEZE_TIMEOUT");
  assert.is(guest.state, "freezing", "the other one still asks");
  assert.is((await long).how, "parked");
  assert.is((await guest.resume()).held, 0);
  assert.is(await call, 300);
});

freezing("two freezes at once that are both granted need two resumes", async ({ guest }) => {
  await spinning(guest);
  await Promise.all([guest.freeze(), guest.freeze()]);
  assert.is((await guest.resume()).held, 1);
  assert.is((await guest.resume()).held, 0);
});

freezing("an abort takes back what was asked for and rejects with its reason", async ({ guest }) => {
  const reason = new Error("changed my mind");
  const rejection = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
  assert.is(await rejection(guest.freeze({ signal: AbortSignal.abort(reason) })), reason);
  assert.is(guest.state, "idle");
  const call = guest.call("ask", [200]);
  await reached(guest, "running");
  const controller = new AbortController();
  const asked = rejection(guest.freeze({ signal: controller.signal }));
  await sleep(10);
  controller.abort(reason);
  assert.is(await asked, reason);
  assert.is(guest.state, "running");
  assert.is(await call, 200);
  assert.is(await guest.call("bump"), 1);
});

freezing("budgets that are none are refused", async ({ guest }) => {
  for (const budgetMs of [0, -1, Number.NaN]) {
    assert.is(await codeOf(guest.freeze({ budgetMs })), "SP_CONFIG_INVALID");
    assert.is(await codeOf(() => guest.freezeSync({ budgetMs })), "SP_CONFIG_INVALID");
  }
  assert.is(guest.state, "idle");
  assert.is(await guest.call("bump"), 1, "calls are not held back");
  assert.is((await guest.freeze({ budgetMs: Number.POSITIVE_INFINITY })).how, "idle");
  await guest.resume();
});

freezing("withFrozen gives the memory at rest and resumes whatever becomes of the work", async ({ guest }) => {
  await spinning(guest);
  const seen = await guest.withFrozen((memory) => {
    assert.is(memory, guest.memory);
    assert.is(guest.state, "frozen");
    return turns(guest);
  });
  assert.ok(seen > 0n);
  for (const work of [
    () => {
      throw new Error("work");
    },
    () => Promise.reject(new Error("work")),
  ]) {
    const error = await guest.withFrozen(work).catch((caught: unknown) => caught as Error);
    assert.is((error as Error).message, "work");
    assert.is(guest.state, "running");
  }
});

freezing("withFrozen of a guest that is ended meanwhile keeps its memory and its result", async ({ guest }) => {
  await guest.call("bump");
  const count = await guest.withFrozen(async (memory) => {
    await guest.terminate();
    return new Uint32Array(memory.buffer)[0];
  });
  assert.is(count, 1);
  assert.is(guest.state, "failed");
});

freezing("read and write need a frozen guest", async ({ guest }) => {
  assert.is(await codeOf(() => guest.read({ ptr: 0, bytes: 4 })), "SP_GUEST_STATE");
  assert.is(await codeOf(() => guest.write({ ptr: 0, data: new Uint8Array(4) })), "SP_GUEST_STATE");
  await guest.withFrozen(async () => {
    guest.write({ ptr: 0, data: Uint8Array.of(41, 0, 0, 0) });
    assert.equal([...guest.read({ ptr: 0, bytes: 2 })], [41, 0]);
    const all = guest.memory.buffer.byteLength;
    assert.is(guest.read({ ptr: all, bytes: 0 }).length, 0);
    for (const range of [
      { ptr: all, bytes: 1 },
      { ptr: -1, bytes: 1 },
      { ptr: 0.5, bytes: 1 },
      { ptr: 0, bytes: -1 },
    ]) {
      assert.is(await codeOf(() => guest.read(range)), "SP_CONFIG_INVALID");
    }
    assert.is(await codeOf(() => guest.write({ ptr: all - 1, data: new Uint8Array(2) })), "SP_CONFIG_INVALID");
  });
  assert.is(await guest.call("bump"), 42);
});

freezing("a guest that has ended cannot be frozen, resumed or written, but read", async ({ guest }) => {
  await guest.call("bump");
  await guest.terminate();
  assert.is(await codeOf(guest.freeze()), "SP_GUEST_STATE");
  assert.is(await codeOf(() => guest.freezeSync({ budgetMs: 10 })), "SP_GUEST_STATE");
  assert.is(await codeOf(guest.resume()), "SP_GUEST_STATE");
  assert.is(await codeOf(guest.withFrozen(() => 1)), "SP_GUEST_STATE");
  assert.is(await codeOf(() => guest.write({ ptr: 0, data: new Uint8Array(1) })), "SP_GUEST_STATE");
  assert.is(guest.read({ ptr: 0, bytes: 1 })[0], 1);
});

freezing("a guest frozen before it has booted boots after resume", async ({ fleet }) => {
  const image = await wat(`(module (memory 1) (func (export "answer") (result i32) (i32.load (i32.const 4)))
    (func $begin (i32.store (i32.const 4) (i32.const 42))) (start $begin))`);
  const booting = fleet.boot(image, { name: "early" });
  while (!fleet.guests.has("early")) await sleep(0);
  const early = fleet.guests.get("early")!;
  assert.is(early.state, "booting");
  assert.is((await early.freeze()).how, "idle");
  await sleep(200);
  assert.is(early.state, "booting");
  assert.is(early.read({ ptr: 4, bytes: 1 })[0], 0, "its start function has not run");
  await early.resume();
  const guest = await booting;
  assert.is(guest, early);
  assert.is(await guest.call("answer"), 42);
  await guest.terminate();
});

freezing("a program that ends under a freeze request is frozen before its end", async ({ fleet }) => {
  const image =
    await wat(`(module (import "env" "ask" (func $ask (param i32) (result i32))) (memory (export "memory") 1)
    (func (export "_start") (drop (call $ask (i32.const 150)))))`);
  const guest = await fleet.boot(image, { name: "short", services: BLOCKING });
  await reached(guest, "running");
  assert.is((await guest.freeze()).how, "parked");
  await sleep(50);
  assert.is(guest.state, "frozen");
  await guest.resume();
  assert.is(endOf(await guest.exited), "code 0");
});

freezing("state events tell each change once, in order, and so does the diagnostics channel", async ({ fleet }) => {
  const guest = await fleet.boot(await clerk(), { name: "told", services: BLOCKING });
  const told: { from: string; to: string }[] = [];
  const published: unknown[] = [];
  const hear = (message: unknown): void => {
    if ((message as { guest: string }).guest === "told") published.push(message);
  };
  guest.events.addEventListener("state", ({ detail }) => told.push(detail));
  let reports = 0;
  guest.events.addEventListener("freeze", ({ detail }) => assert.is(detail.guest, "told", String(reports++)));
  guest.events.addEventListener("resume", ({ detail }) => assert.is(detail.guest, "told", String(reports++)));
  subscribe("stillpoint:guest:state", hear);
  await guest.freeze();
  await guest.freeze();
  await guest.resume();
  await guest.resume();
  const call = guest.call("ask", [100]);
  await reached(guest, "running");
  await codeOf(guest.freeze({ budgetMs: 5 }));
  await guest.freeze();
  await guest.resume();
  await call;
  await guest.terminate();
  unsubscribe("stillpoint:guest:state", hear);
  const path = [told[0]!.from, ...told.map(({ to }) => to)];
  for (const [index, { from }] of told.entries()) assert.is(from, path[index], "each begins where the last one ended");
  // What the guest does by itself, beginning and ending the call, is told only if it has happened when somebody looks.
  const full = /^idle frozen idle( running)? freezing running freezing frozen( running)? idle exited$/;
  assert.match(path.join(" "), full);
  assert.equal(published, told);
  assert.is(reports, 6);
});

freezing.run();
