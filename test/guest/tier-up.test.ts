// Goal: a guest whose frames are entered anew by tier-up computes what it would have computed, is kept a bounded number of times,
// and is left alone where there is nothing to gain. Method: programs with known results, every event counted, guests that are
// idle, asleep, held, pinned or moved meanwhile. What is gained is bench/tier-up.ts's to say.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Occasion } from "../../dist/guest/tier-up.js";
import { Fleet, type Guest, prepare, type TierUpReport } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { CLERK, codeOf, pythonWasm, reached, services, share, sleep, textOf } from "../support/guests.ts";
import { Random } from "../support/random.ts";

/** until() counts, in a local and in memory at 24, until the word at 16 is not 0: a call as long as a test wants it. */
const UNTIL = `
  (func (export "until") (result i64) (local $turns i64)
    (i64.store (i32.const 24) (i64.const 0))
    (loop $again
      (local.set $turns (i64.add (local.get $turns) (i64.const 1)))
      (i64.store (i32.const 24) (i64.add (i64.load (i32.const 24)) (i64.const 1)))
      (br_if $again (i32.eqz (i32.load (i32.const 16)))))
    (local.get $turns))`;
const clerk = prepare(assemble(CLERK.replace(/\)$/, `${UNTIL})`))!);
const python = prepare(pythonWasm());
const SERVICES = services(`
  return {
    imports: { env: { ask(n) { host.wait({ untilMs: host.clock.monotonicMs() + n }); return n; } } },
    calls: { slow(ms) { const end = performance.now() + ms; while (performance.now() < end); return ms; } },
    healthy: () => true,
  };`);
/** More than two captures are apart. */
const OVER_MS = 1500;
const PAUSES_MAX = 10;

const tierUp = suite<{ fleet: Fleet }>("tier-up");
tierUp.before(async (context) => {
  context.fleet = await Fleet.open();
});
tierUp.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

function reportsOf(guest: Guest): TierUpReport[] {
  const reports: TierUpReport[] = [];
  guest.events.addEventListener("tierUp", ({ detail }) => reports.push(detail));
  return reports;
}

/** What a guest that runs counts up; who waits for it to change waits for ever for one that does not. */
function turnsOf(guest: Guest): bigint {
  return new BigInt64Array(guest.memory.buffer)[1]!;
}

async function turning(fleet: Fleet, name: string, tierUp?: boolean): Promise<[Guest, TierUpReport[]]> {
  const options = { name, services: SERVICES, ...(tierUp !== undefined && { tierUp }) };
  const guest = await fleet.boot(await clerk, options);
  const reports = reportsOf(guest);
  void codeOf(guest.call("spin"));
  await reached(guest, "running");
  return [guest, reports];
}

tierUp("a long call is entered anew a few times, is told of each time, and answers right", async ({ fleet }) => {
  const options = { name: "long", services: SERVICES, tierUp: true };
  await using guest = await fleet.boot(await clerk, options);
  const reports = reportsOf(guest);
  for (let call = 0; call < 3; call++) {
    const before = reports.length;
    const outcome = guest.call<bigint>("until");
    for (let ms = 0; ms < OVER_MS || reports.length === before; ms += 10) await sleep(10);
    assert.ok(reports.length <= before + PAUSES_MAX);
    assert.ok(reports.slice(before, -1).every(({ goesOn }) => goesOn));
    new Int32Array(guest.memory.buffer)[4] = 1;
    assert.is(await outcome, new BigInt64Array(guest.memory.buffer)[3]);
    new Int32Array(guest.memory.buffer)[4] = 0;
  }
  for (const { guest: name, blackoutMs, frames } of reports) {
    assert.is(name, "long");
    assert.ok(blackoutMs > 0 && frames === 1);
  }
  console.log(`# ${reports.length} pauses, ${reports.map(({ blackoutMs }) => blackoutMs.toFixed(2)).join(" ")} ms`);
});

tierUp("it comes to an end while the loop goes on", async ({ fleet }) => {
  const [guest, reports] = await turning(fleet, "spinning", true);
  await sleep(OVER_MS);
  while (reports.at(-1)?.goesOn !== false) await sleep(10);
  const { length } = reports;
  assert.ok(length <= PAUSES_MAX, `${length}`);
  await sleep(OVER_MS);
  assert.is(reports.length, length);
  await guest.terminate();
});

tierUp("no frame is left in a place that it has seldom gone on from, as far as ten captures go", () => {
  const [often, seldom] = [
    { functionIndex: 3, site: 40 },
    { functionIndex: 3, site: 8 },
  ];
  const loop = new Occasion(1);
  const found = [often, often, often, often, often, seldom, often, often];
  assert.equal(
    found.map((site) => loop.goesOn([site])),
    [true, true, true, true, true, true, false, false],
  );
  // Where it is somewhere else each time there is an end, too.
  const wandering = new Occasion(2);
  const goesOn = Array.from({ length: PAUSES_MAX }, (_, site) => wandering.goesOn([{ functionIndex: 3, site }]));
  assert.equal(goesOn, [...Array(PAUSES_MAX - 1).fill(true), false]);
  // A frame that has come since the last capture is not one that stays.
  const calling = new Occasion(3);
  const outer = { functionIndex: 1, site: 5 };
  const stacks = Array.from({ length: 6 }, (_, n) => calling.goesOn([outer, { functionIndex: 10 + n, site: 0 }]));
  assert.equal(stacks, [true, true, true, true, true, false]);
});

tierUp("it is for those who asked for it, and after a handover for those who did not refuse", async ({ fleet }) => {
  for (const [wanted, before, after] of [
    [undefined, false, true],
    [false, false, false],
    [true, true, true],
  ] as const) {
    const [guest, reports] = await turning(fleet, "asked", wanted);
    await sleep(500);
    assert.is(reports.length > 0, before, `tierUp ${wanted}`);
    await guest.handover();
    const { length } = reports;
    await sleep(500);
    assert.is(reports.length > length, after, `tierUp ${wanted}, handed over`);
    await guest.terminate();
  }
});

tierUp("guests that are idle, asleep, held, or in JavaScript are left alone", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "quiet", services: SERVICES, tierUp: true });
  const reports = reportsOf(guest);
  // On a busy machine a call may take so long to begin to wait that it is looked at before: once, and not over and over.
  for (const [name, args, result] of [
    ["bump", [], 1],
    ["ask", [400], 400],
    ["slow", [400], 400],
  ] as const) {
    const before = reports.length;
    assert.is(await guest.call(name, args), result);
    await sleep(200);
    assert.ok(reports.length <= before + 1, `${name}: ${reports.length - before}`);
  }
  void codeOf(guest.call("spin"));
  await reached(guest, "running");
  await guest.freeze();
  // Takes its turn after what had begun before the freeze.
  await guest.healthy();
  await sleep(10);
  const { length } = reports;
  await sleep(300);
  assert.is(reports.length, length);
  assert.is(guest.state, "frozen");
  await guest.resume();
  for (const before = turnsOf(guest); turnsOf(guest) === before; ) await sleep(1);
});

tierUp("constant short calls are left alone, and each has its outcome", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "short", services: SERVICES, tierUp: true });
  const reports = reportsOf(guest);
  const until = performance.now() + 500;
  let calls = 0;
  while (performance.now() < until) assert.is(await guest.call("bump"), ++calls);
  assert.ok(reports.length <= calls / 100, `${reports.length} pauses in ${calls} calls`);
});

tierUp("nobody but who froze a guest resumes it", async ({ fleet }) => {
  const [guest] = await turning(fleet, "wilful", true);
  const until = performance.now() + 500;
  while (performance.now() < until) {
    assert.is(await codeOf(guest.resume()), "SP_GUEST_STATE");
    assert.is(await codeOf(() => guest.resumeSync()), "SP_GUEST_STATE");
    await sleep(0);
  }
  for (const before = turnsOf(guest); turnsOf(guest) === before; ) await sleep(1);
  await guest.terminate();
});

tierUp("freezes, handovers and questions in between change nothing", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "storm", services: SERVICES, tierUp: true });
  const random = new Random(1);
  const outcome = guest.call<bigint>("until");
  const done = { freeze: 0, handover: 0, healthy: 0 };
  for (let n = 0; n < share(400, 25); n++) {
    const what = random.pick(["freeze", "handover", "healthy"] as const);
    if (what === "freeze") await guest.withFrozen(() => sleep(random.below(20)));
    else if (what === "handover") await guest.handover();
    else assert.is(await guest.healthy(), true);
    done[what]++;
    await sleep(random.below(60));
  }
  new Int32Array(guest.memory.buffer)[4] = 1;
  assert.is(await outcome, new BigInt64Array(guest.memory.buffer)[3]);
  await reached(guest, "idle");
  console.log(`# ${JSON.stringify(done)}`);
});

tierUp("CPython prints the same", async ({ fleet }) => {
  const program = `
import hashlib
digest, total = hashlib.sha256(), 0
for round in range(${share(20_000_000, 1_500_000)}):
    total = (total * 31 + round) % 1000003
    if round % 1000 == 0: digest.update(str([total, {round: [total]}]).encode())
    if round % 100000 == 0: print(round, digest.hexdigest(), flush=True)
print(total, digest.hexdigest())`;
  const options = { args: ["python", "-c", program], stdout: "pipe" } as const;
  const plain = await fleet.boot(await python, { ...options, name: "plain" });
  const expected = await textOf(plain.stdout);
  const guest = await fleet.boot(await python, { ...options, name: "tiered", tierUp: true });
  const reports = reportsOf(guest);
  const output = textOf(guest.stdout);
  // A program of this size is not captured before it has run for seconds, unless its continuations are there already.
  await guest.handover();
  assert.is(await output, expected);
  assert.ok(reports.length > 0 && reports.length <= PAUSES_MAX, `${reports.length}`);
  console.log(`# ${reports.length} pauses, ${reports.map(({ blackoutMs }) => blackoutMs.toFixed(1)).join(" ")} ms`);
});

tierUp("an image without capture is refused, and what is no boolean", async ({ fleet }) => {
  const image = await prepare(assemble(CLERK)!, { capture: false });
  assert.is(
    await codeOf(fleet.boot(image, { name: "rooted", services: SERVICES, tierUp: true })),
    "SP_MODULE_UNSUPPORTED",
  );
  const wrong = { name: "odd", services: SERVICES, tierUp: 1 as unknown as boolean };
  assert.is(await codeOf(fleet.boot(image, wrong)), "SP_CONFIG_INVALID");
  assert.is(fleet.guests.has("rooted"), false);
});

tierUp.run();
