// Goal: a wait ends when it should, however often the guest is handed over in it: begun anew by each host it would never end.
// Method: CPython sleeps, services wait by host.wait, in one wait and in a series of them, while the guest is handed over every
// 100 ms; time is the guest's own monotonic clock and ours.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { asking, CLERK, pythonWasm, reached, share, sleep, textOf } from "../support/guests.ts";

const WAIT_MS = share(10_000, 3000);
const APART_MS = 100;
/** What a busy machine may add. A wait that is begun anew by each host does not end at all. */
const LATE_MS_MAX = 20_000;

const clerk = prepare(assemble(CLERK)!, { capture: true });
const python = prepare(pythonWasm(), { capture: true });

/** Begins some work and hands over until it is done; what it gave, how often, and how long it took. */
async function moving<T>(
  guest: Guest,
  begin: () => Promise<T>,
): Promise<{ value: T; handovers: number; tookMs: number }> {
  const from = performance.now();
  let tookMs: number | undefined;
  const done = begin().finally(() => {
    tookMs = performance.now() - from;
  });
  let handovers = 0;
  while (tookMs === undefined) {
    await sleep(APART_MS);
    if (tookMs !== undefined) break;
    await guest.handover().then(
      () => handovers++,
      // It may end on the way.
      async (error) => {
        await Promise.race([guest.exited, sleep(5000)]);
        if (!["exited", "failed"].includes(guest.state)) throw error;
      },
    );
  }
  return { value: await done, handovers, tookMs };
}

function judge(what: string, { handovers, tookMs }: { handovers: number; tookMs: number }): void {
  console.log(`# ${what}: ${handovers} handovers in ${(tookMs / 1000).toFixed(2)} s`);
  assert.ok(handovers >= 1, `${handovers} handovers`);
  assert.ok(tookMs >= WAIT_MS && tookMs < 2 * WAIT_MS + LATE_MS_MAX, `${tookMs} ms`);
}

const waits = suite<{ fleet: Fleet }>("handover of guests that wait");
waits.before(async (context) => {
  context.fleet = await Fleet.open();
});
waits.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

waits("a program's sleep", async ({ fleet }) => {
  const program = `import time; input(); a = time.monotonic(); time.sleep(${WAIT_MS / 1000}); print(time.monotonic() - a)`;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const options = { name: "sleeper", args: ["python", "-c", program], stdin: readable, stdout: "pipe" } as const;
  const guest = await fleet.boot(await python, options);
  await reached(guest, "waiting");
  // So that none of the sleep goes by while its image is opened again.
  await guest.handover();
  const output = textOf(guest.stdout);
  const writer = writable.getWriter();
  const done = await moving(guest, async () => {
    await writer.write(new TextEncoder().encode("\n"));
    return output;
  });
  judge("sleep", done);
  assert.ok(Number(done.value) * 1000 >= WAIT_MS, `slept ${done.value} s`);
});

for (const [what, inside] of [
  [
    "a service that waits until a time it reckons at each issue",
    "host.wait({ untilMs: host.clock.monotonicMs() + n });",
  ],
  [
    "a service that waits again until the time is up",
    'const untilMs = host.clock.monotonicMs() + n; while (host.wait({ untilMs }) !== "elapsed");',
  ],
] as const) {
  waits(what, async ({ fleet }) => {
    await using guest = await fleet.boot(await clerk, { name: "served", services: asking(`${inside} return n;`) });
    await guest.handover();
    const done = await moving(guest, () => guest.call("ask", [WAIT_MS]));
    assert.is(done.value, WAIT_MS);
    judge(what, done);
  });
}

waits("a service's wait is woken by its word, in whichever host", async ({ fleet }) => {
  const woken = asking(`
    // In the clerk's memory, so that every host has it.
    const words = new Int32Array(host.memory.buffer);
    return host.wait({ wake: { words, index: 100, value: 0 } }) === "woken" ? 1 : 0;`);
  await using guest = await fleet.boot(await clerk, { name: "woken", services: woken });
  const answer = guest.call("ask", [0]);
  for (let i = 0; i < share(20, 4); i++) {
    await guest.handover();
    await reached(guest, "waiting");
  }
  const words = new Int32Array(guest.memory.buffer);
  Atomics.store(words, 100, 1);
  Atomics.notify(words, 100);
  assert.is(await answer, 1);
});

waits.run();
