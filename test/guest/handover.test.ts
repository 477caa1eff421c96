// Goal: a guest that is handed over goes on as if nothing had happened, whatever it was in the middle of, and a handover that
// fails leaves it where it was. Method: services that say which version they are, counters in guest memory that must not skip,
// programs whose whole output is compared, and new hosts that are broken in every way that hosts have.

import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type HandoverError, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { asking, CLERK, codeOf, FULL, module, reached, services, share, sleep } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const clerk = prepare(assemble(CLERK)!, { capture: true });

/** Services of a version: ask(n) waits n ms and says which, and how often it was asked survives from version to version. */
function version(v: number, broken: { attach?: string; restore?: string; healthy?: string } = {}): URL {
  return services(`
    ${broken.attach ?? ""}
    let asked = 0;
    const until = (ms) => host.clock.monotonicMs() + ms;
    return {
      imports: { env: { ask(n) { asked++; if (n > 0) host.wait({ untilMs: until(n) }); return ${v}; } } },
      calls: { version: () => ${v}, asked: () => asked, slow() { const end = until(120); while (until(0) < end); return ${v}; } },
      snapshot: () => ({ asked }),
      restore(state) { ${broken.restore ?? ""} asked = state?.asked ?? 0; },
      healthy() { ${broken.healthy ?? ""} return true; },
    };`);
}

const handover = suite<{ fleet: Fleet }>("handover");
handover.before(async (context) => {
  context.fleet = await Fleet.open();
});
handover.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

handover("an idle guest goes on under the next version, memory and services' state kept", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "idle", services: version(1) });
  for (let v = 2; v <= 30; v++) {
    assert.is(await guest.call("bump"), v - 1);
    assert.is(await guest.call("ask", [0]), v - 1);
    const report = await guest.handover({ services: version(v) });
    assert.is(report.guestBytesCopied, 0);
    assert.is(report.frames, 0);
    assert.is(guest.state, "idle");
  }
  assert.is(await guest.call("version"), 30);
  assert.is(await guest.call("asked"), 29);
});

handover("under constant calls each call has exactly one outcome, in order", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "busy", services: version(1) });
  const random = new Random(1);
  let calling = true;
  let answered = 0;
  const caller = (async () => {
    const outstanding: Promise<void>[] = [];
    while (calling) {
      outstanding.push(guest.call<number>("bump").then((count) => assert.is(count, ++answered)));
      if (outstanding.length > 4) await outstanding.shift();
    }
    await Promise.all(outstanding);
  })();
  const rounds = share(1000, 60);
  for (let v = 2; v < 2 + rounds; v++) {
    await guest.handover({ services: version(v % 7) });
    await sleep(random.below(3));
  }
  calling = false;
  await caller;
  assert.is(await guest.call("bump"), answered + 1);
});

handover("calls are served by the old host until the new one is ready", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "served", services: version(1) });
  // It is not ready before the guest has counted to 20.
  const counted =
    "while (Atomics.load(new Int32Array(host.memory.buffer), 0) < 20) await new Promise((r) => setTimeout(r, 1));";
  const next = module(`export default async function attach(host) {
    ${counted}
    return { imports: { env: { ask: () => 2 } }, calls: { version: () => 2 } };
  }`);
  const moving = guest.handover({ services: next });
  for (let count = 1; count <= 20; count++) assert.is(await guest.call("bump"), count);
  await moving;
  assert.is(await guest.call("version"), 2);
});

handover("a call that is under way goes on from where it stopped", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "turning", services: version(1) });
  // More than are done by the time the first new host is ready.
  const turns = FULL ? 2_000_000_000 : 1_500_000_000;
  const outcome = guest.call<bigint>("turns", [turns]);
  let handovers = 0;
  let over = false;
  void outcome.then(() => {
    over = true;
  });
  let frames = 0;
  while (!over && handovers < share(200, 12)) {
    const report = await guest.handover({ services: version(2 + (handovers % 5)) });
    frames += report.frames;
    handovers++;
    await sleep(5);
  }
  assert.is(await outcome, BigInt(turns));
  assert.ok(frames > 0, `${handovers} handovers took ${frames} frames`);
  console.log(`# ${handovers} handovers, ${frames} frames`);
});

handover("a service that waits is called again in the last of several hosts", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "waiting", services: version(1) });
  const outcome = guest.call<number>("ask", [1500]);
  await reached(guest, "waiting");
  await guest.freeze();
  for (let v = 2; v <= 4; v++) assert.ok((await guest.handover({ services: version(v) })).frames >= 1);
  await guest.resume();
  assert.is(await outcome, 4);
});

for (const [how, next, inside] of [
  ["throws while it loads", new URL("data:text/javascript,throw new Error('broken')"), /broken/],
  ["throws in attach", version(9, { attach: "throw new Error('not today');" }), /not today/],
  ["hangs in attach", version(9, { attach: "for (;;);" }), /within 1500 ms/],
  ["lacks an import", new URL("data:text/javascript,export default () => ({ imports: {} })"), /env\.ask/],
  ["hangs in restore", version(9, { restore: "for (;;);" }), /within 1500 ms/],
  ["throws in restore", version(9, { restore: "throw new Error('cannot');" }), /cannot/],
  ["is not healthy", version(9, { healthy: "return false;" }), /not healthy/],
  ["dies", version(9, { healthy: "process.exit(1);" }), /exit/],
  ["hangs when it has everything", version(9, { healthy: "for (;;);" }), /within 1500 ms/],
  // While it is given the time to dispose of its services, as a rule.
  [
    "wakes up when it has been given up",
    version(9, { healthy: "const end = until(1900); while (until(0) < end);" }),
    /within 1500 ms/,
  ],
] as const) {
  handover(`a new host that ${how} leaves the guest in the old one`, async ({ fleet }) => {
    await using guest = await fleet.boot(await clerk, { name: "rolled back", services: version(1) });
    const outcome = guest.call<bigint>("turns", [1_500_000_000]);
    // Awaited below, if all is well until then.
    outcome.catch(() => undefined);
    const hangs = inside.source.startsWith("within");
    const error = await guest.handover({ services: next, ...(hangs && { budgetMs: 1500 }) }).then(
      () => undefined,
      (error: HandoverError) => error,
    );
    assert.is(error?.code, "SP_HANDOVER_FAILED");
    assert.match(String(error?.message), inside);
    assert.is(await outcome, 1_500_000_000n);
    assert.is(await guest.call("version"), 1);
    await guest.handover({ services: version(2) });
    assert.is(await guest.call("version"), 2);
  });
}

handover("services whose snapshot throws, or cannot be sent, keep the guest", async ({ fleet }) => {
  for (const broken of ["throw new Error('no state')", "return { clock: host.clock }"]) {
    const none = services(`return { imports: { env: { ask: (n) => n } }, snapshot() { ${broken}; } };`);
    await using guest = await fleet.boot(await clerk, { name: "kept", services: none });
    assert.is(await codeOf(guest.handover()), "SP_HANDOVER_FAILED");
    assert.is(await guest.call("bump"), 1);
    const outcome = guest.call<bigint>("turns", [1_000_000_000]);
    assert.is(await codeOf(guest.handover()), "SP_HANDOVER_FAILED");
    assert.is(await outcome, 1_000_000_000n);
    assert.is(await guest.call("bump"), 2);
  }
});

handover("JavaScript that calls around the guest is let finish", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "around", services: version(1) });
  const outcome = guest.call("slow");
  await sleep(10);
  await guest.handover({ services: version(2) });
  assert.is(await outcome, 1, "it ran to its end under the old services");
  assert.is(await guest.call("version"), 2);
});

handover("a held guest is moved and stays held", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "held", services: version(1) });
  const outcome = guest.call<bigint>("turns", [1_500_000_000]);
  await sleep(5);
  await guest.freeze();
  await guest.handover({ services: version(2) });
  assert.is(guest.state, "frozen");
  await guest.handover({ services: version(3) });
  assert.is(guest.state, "frozen");
  assert.is((await guest.resume()).held, 0);
  assert.is(await outcome, 1_500_000_000n);
  assert.is(await guest.call("version"), 3);
});

handover("two at once, one too early, one too late are refused", async ({ fleet }) => {
  const guest = await fleet.boot(await clerk, { name: "refused", services: version(1) });
  const first = guest.handover({ services: version(2) });
  assert.is(await codeOf(guest.handover()), "SP_GUEST_STATE");
  await first;
  await guest.terminate();
  assert.is(await codeOf(guest.handover()), "SP_GUEST_STATE");
});

handover("old Workers leave no descriptor behind", async ({ fleet }) => {
  const open = (): number => readdirSync("/proc/self/fd").length;
  const guest = await fleet.boot(await clerk, { name: "tidy", services: version(1), preopens: { "/": "/tmp" } });
  await guest.handover();
  const before = open();
  for (let i = 0; i < 10; i++) await guest.handover();
  assert.ok(open() <= before + 2, `${before} before, ${open()} after`);
  await guest.terminate();
});

handover(
  "a guest that traps while it is wanted off its thread has trapped, and its owner hears of it",
  async ({ fleet }) => {
    const image = prepare(
      assemble(`(module
    (import "env" "ask" (func $ask))
    (memory (export "memory") 1)
    (func (export "crash") (call $ask) (unreachable)))`)!,
    );
    // It swallows the signal by which a service that waits is left, and so keeps its guest on the thread.
    const stubborn = services(`return { imports: { env: { ask() {
      try { host.wait({ untilMs: host.clock.monotonicMs() + 10_000 }); } catch {}
    } } } };`);
    await using guest = await fleet.boot(await image, { name: "trapping", services: stubborn });
    const outcome = codeOf(guest.call("crash"));
    await reached(guest, "waiting");
    assert.is(await codeOf(guest.handover({ budgetMs: 3000 })), "SP_HANDOVER_FAILED");
    assert.is(await outcome, "SP_GUEST_TRAP");
    const exit = await guest.exited;
    assert.is(exit.kind === "failed" && exit.error.code, "SP_GUEST_TRAP");
  },
);

handover("a service that waits again instead of being left keeps its guest, which goes on", async ({ fleet }) => {
  const obstinate = asking(`
    const untilMs = host.clock.monotonicMs() + 400;
    while (host.clock.monotonicMs() < untilMs) try { host.wait({ untilMs }); } catch {}
    return n;`);
  await using guest = await fleet.boot(await clerk, { name: "obstinate", services: obstinate });
  const answer = guest.call("ask", [7]);
  await reached(guest, "waiting");
  await guest.handover();
  assert.is(await answer, 7);
  assert.is(await guest.call("ask", [8]), 8);
});

handover.run();
