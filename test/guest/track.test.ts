// Goal: tracking is switched on and off under a guest in the middle of anything, the guest never notices, and from the switch on no
// byte changes without its page being dirty. Method: programs with known results, switched dozens of times at random moments;
// after each switch all of memory is copied and compared at each sweep.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare, type TrackReport } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import {
  CLERK,
  codeOf,
  kernels,
  python,
  quickjs,
  quickjsServices,
  reached,
  services,
  share,
  sleep,
  textOf,
} from "../support/guests.ts";
import { kernelCalls } from "../support/kernels.ts";
import { Random } from "../support/random.ts";
import { Witness } from "../support/witness.ts";

const clerk = prepare(assemble(CLERK)!);
/** As long as the byte at 1000 is 0 they are well; ask(n) waits n ms. */
const SERVICES = services(`
  let asked = 0;
  return {
    imports: { env: { ask(n) { asked++; host.wait({ untilMs: host.clock.monotonicMs() + n }); return n; } } },
    calls: { asked: () => asked },
    snapshot: () => asked,
    restore(state) { asked = state ?? 0; },
    healthy: () => new Uint8Array(host.memory.buffer)[1000] === 0,
  };`);
const MODES = ["marks", "none", "scan"] as const;

const track = suite<{ fleet: Fleet }>("track");
track.before(async (context) => {
  context.fleet = await Fleet.open();
});
track.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

/** Switches the guest until `over`, and compares memory after each switch. Gives how often. */
async function switching(
  guest: Guest,
  random: Random,
  { max, over }: { max: number; over(): boolean },
): Promise<number> {
  let switches = 0;
  try {
    while (switches < max && !over()) {
      const mode = random.pick(MODES);
      await guest.track(mode);
      switches++;
      if (mode === "none") assert.is(await codeOf(guest.dirty()), "SP_CONFIG_INVALID");
      else {
        const witness = new Witness(guest);
        await witness.begin({ clear: mode === "scan" });
        for (let sweep = random.below(3); sweep >= 0; sweep--) {
          await sleep(random.below(5));
          await witness.compare({ clear: random.oneIn(2) });
        }
      }
    }
  } catch (error) {
    // It may have come to its end by itself.
    const codes = [error, (error as { cause?: unknown }).cause].map(
      (one) => (one as { code?: string } | undefined)?.code,
    );
    if (!codes.includes("SP_GUEST_STATE")) throw error;
  }
  return switches;
}

track("kernels answer the same, switched in the middle of their calls", async ({ fleet }) => {
  const image = await kernels();
  const plain = await fleet.boot(image, { name: "plain" });
  await using guest = await fleet.boot(image, { name: "switched" });
  const random = new Random(1);
  let switches = 0;
  for (let round = 0; round < share(10, 1); round++) {
    for (const [name, ...args] of kernelCalls) {
      const expected = await plain.call(name, args);
      let over = false;
      const outcome = (async () => {
        for (let again = 0; again < 3; again++) assert.is(await guest.call(name, args), expected, name);
        over = true;
      })();
      switches += await switching(guest, random, { max: share(20, 4), over: () => over });
      await outcome;
    }
  }
  await plain.terminate();
  console.log(`# ${switches} switches`);
});

track("CPython prints the same, switched dozens of times", async ({ fleet }) => {
  const program = `
import hashlib, json
digest = hashlib.sha256()
for round in range(${share(60_000, 6000)}):
    digest.update(json.dumps([[str(i) * (i % 7) for i in range(60)], round]).encode())
    if round % 500 == 0: print(round, digest.hexdigest(), flush=True)
print(digest.hexdigest())`;
  const options = { args: ["python", "-c", program], stdout: "pipe" } as const;
  const plain = await fleet.boot(await python(), { ...options, name: "plain" });
  const expected = await textOf(plain.stdout);
  const guest = await fleet.boot(await python(), { ...options, name: "switched" });
  const reports: TrackReport[] = [];
  guest.events.addEventListener("track", ({ detail }) => reports.push(detail));
  const output = textOf(guest.stdout);
  // Held at its beginning until the twin is there, or most of it would be over by then.
  await guest.freeze();
  await guest.track("marks");
  await guest.resume();
  const switches = await switching(guest, new Random(2), { max: share(200, 8), over: () => false });
  assert.is(await output, expected);
  assert.ok(switches > 2, `${switches} switches`);
  const marked = reports.find(({ mode }) => mode === "marks");
  console.log(`# ${switches} switches; the twin: ${marked?.imageBytes} bytes after ${marked?.imageMs.toFixed(0)} ms`);
});

track("QuickJS, whose services write its memory, evaluates the same", async ({ fleet }) => {
  await using guest = await fleet.boot(await quickjs(), { name: "quickjs", services: quickjsServices });
  const random = new Random(3);
  for (let round = 0; round < share(60, 6); round++) {
    const call = guest.call("evaluate", [
      `var kept = (globalThis.kept ?? []); kept.push("x".repeat(9999)); kept.length`,
    ]);
    await switching(guest, random, { max: 2, over: () => false });
    assert.is(await call, String(round + 1));
  }
});

for (const mode of ["marks", "scan"] as const) {
  track(`${mode}: the map is empty, and the epoch says since when`, async ({ fleet }) => {
    await using guest = await fleet.boot(await clerk, { name: "idle", services: SERVICES });
    assert.is(await codeOf(guest.dirty()), "SP_CONFIG_INVALID");
    await guest.call("bump");
    await guest.call("ask", [0]);
    await guest.track(mode);
    const { runs, epoch } = await guest.dirty();
    assert.equal(runs, []);
    await guest.call("store", [9000, 1]);
    assert.equal((await guest.dirty()).runs, [[2, 1]]);
    assert.is((await guest.dirty()).epoch, epoch);
    await guest.track(mode);
    assert.equal((await guest.dirty()).runs, []);
    assert.ok((await guest.dirty()).epoch > epoch);
    await guest.track("none");
    assert.is(await codeOf(guest.dirty()), "SP_CONFIG_INVALID");
    assert.is(await guest.call("bump"), 2);
    assert.is(await guest.call("asked"), 1, "the services' state came along each time");
  });
}

track("guests that wait, and guests that are held, are switched where they are", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "waiting", services: SERVICES });
  const from = performance.now();
  const answer = guest.call("ask", [1500]);
  await reached(guest, "waiting");
  for (const mode of MODES) await guest.track(mode);
  assert.is(await answer, 1500);
  assert.ok(performance.now() - from >= 1500);
  const turns = guest.call<bigint>("turns", [300_000_000]);
  await reached(guest, "running");
  await guest.freeze();
  for (const mode of MODES) {
    await guest.track(mode);
    assert.is(guest.state, "frozen");
  }
  await guest.track("marks");
  assert.is((await guest.resume()).held, 0);
  assert.is(await turns, 300_000_000n);
  assert.equal((await guest.dirty()).runs, [[0, 1]]);
});

track("a switch that fails leaves the guest where it was, tracked as it was", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "unwell", services: SERVICES });
  const turns = guest.call<bigint>("turns", [300_000_000]);
  await guest.withFrozen(() => guest.write({ ptr: 1000, data: Uint8Array.of(1) }));
  assert.is(await codeOf(guest.track("marks")), "SP_HANDOVER_FAILED");
  assert.is(await codeOf(guest.dirty()), "SP_CONFIG_INVALID");
  await guest.withFrozen(() => guest.write({ ptr: 1000, data: Uint8Array.of(0) }));
  await guest.track("marks");
  await guest.dirty();
  assert.is(await turns, 300_000_000n);
});

track("switches at once are made in their order; handovers between them keep the mode", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "orderly", services: SERVICES });
  await Promise.all([guest.track("marks"), guest.track("none"), guest.handover(), guest.track("marks")]);
  await guest.handover();
  await guest.call("store", [9000, 1]);
  assert.equal((await guest.dirty()).runs, [[2, 1]]);
});

track("what cannot be switched says so", async ({ fleet }) => {
  const image = await prepare(assemble(CLERK)!, { capture: false });
  const guest = await fleet.boot(image, { name: "rooted", services: SERVICES });
  assert.is(await codeOf(guest.track("marks")), "SP_MODULE_UNSUPPORTED");
  assert.is(await codeOf(guest.track("all" as "none")), "SP_CONFIG_INVALID");
  await guest.track("scan");
  assert.equal((await guest.dirty()).runs, []);
  await guest.terminate();
  assert.is(await codeOf(guest.track("none")), "SP_GUEST_STATE");
});

track.run();
