// Goal: a running guest's services say how they are, whatever the guest is in the middle of, and the guest never notices that
// they were asked. Method: services whose answer guest memory decides, asked at random moments of programs whose results are
// known, and services that answer wrongly in every way there is.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { CLERK, codeOf, pythonWasm, reached, services, share, sleep, textOf } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const clerk = prepare(assemble(CLERK)!, { capture: true });
const python = prepare(pythonWasm(), { capture: true });

/** Services whose healthy() does this. ask(n) waits n ms. */
function answering(inside: string): URL {
  return services(`
    let asked = -1; // boot asks first
    return {
      imports: { env: { ask(n) { host.wait({ untilMs: host.clock.monotonicMs() + n }); return n; } } },
      calls: { asked: () => asked, slow(ms) { const end = performance.now() + ms; while (performance.now() < end); } },
      healthy() { asked++; ${inside} },
    };`);
}

/** Well as long as bump() has been called an even number of times. */
const EVEN = answering("return new Uint32Array(host.memory.buffer)[0] % 2 === 0;");
/** Well at boot, and then no more. */
const afterBoot = (inside: string): URL => answering(`if (asked > 0) { ${inside} } return true;`);

const TURNS = 300_000_000;

const health = suite<{ fleet: Fleet }>("health");
health.before(async (context) => {
  context.fleet = await Fleet.open();
});
health.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

health("an idle guest's services are asked each time, and their answer is theirs", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "idle", services: EVEN });
  for (let n = 0; n < 20; n++) {
    assert.is(await guest.healthy(), n % 2 === 0);
    assert.is(guest.state, "idle");
    assert.is(await guest.call("bump"), n + 1);
  }
  assert.is(await guest.call("asked"), 20);
});

health("a guest in the middle of a call is asked, and the call goes on from where it stopped", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "turning", services: EVEN });
  const random = new Random(1);
  const outcome = guest.call<bigint>("turns", [TURNS]);
  let over = false;
  void outcome.then(() => {
    over = true;
  });
  let inTheMiddle = 0;
  while (!over && inTheMiddle < share(2000, 40)) {
    assert.is(await guest.healthy(), true);
    if (!over) inTheMiddle++;
    await sleep(random.below(4));
  }
  assert.is(await outcome, BigInt(TURNS));
  assert.ok(inTheMiddle > 0);
  console.log(`# asked ${inTheMiddle} times in the middle of one call`);
});

health("a guest that waits is asked, and waits no longer for it", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "waiting", services: EVEN });
  const from = performance.now();
  const outcome = guest.call<number>("ask", [400]);
  await reached(guest, "waiting");
  for (let n = 0; n < 5; n++) assert.is(await guest.healthy(), true);
  assert.is(await outcome, 400);
  const tookMs = performance.now() - from;
  assert.ok(tookMs >= 400 && tookMs < 2000, `${tookMs} ms`);
});

health("under constant calls each has exactly one outcome, in order", async ({ fleet }) => {
  const count = share(3000, 300);
  const options = { name: "busy", services: afterBoot("return false;"), callQueueMax: count };
  await using guest = await fleet.boot(await clerk, options);
  const outcomes: Promise<void>[] = [];
  for (let n = 1; n <= count; n++) {
    outcomes.push(guest.call<number>("bump").then((bumps) => assert.is(bumps, n)));
    if (n % 3 === 0) assert.is(await guest.healthy(), false);
  }
  await Promise.all(outcomes);
});

health(
  "a call that comes while the one before is left has its outcome, whoever takes the guest then",
  async ({ fleet }) => {
    // Several at once, so that threads are stopped between one step and the next.
    const crowd = Array.from({ length: 6 }, async (_, index) => {
      await using guest = await fleet.boot(await clerk, {
        name: `leaving_${index}`,
        services: answering("return true;"),
      });
      const random = new Random(3 + index);
      for (let n = 1; n <= share(1500, 150); n++) {
        // Taken off its thread at the end of a call that JavaScript is around, and released: it is about to become idle.
        const first = guest.call("slow", [1]);
        const second = guest.call<number>("bump");
        const outcome = Promise.race([second, sleep(10_000)]).catch((error: unknown) => error);
        await guest.healthy();
        await first;
        await guest.freeze();
        if (random.below(50) === 0) await guest.handover();
        else assert.is(await guest.healthy(), true);
        await guest.resume();
        assert.is(await outcome, n);
      }
    });
    await Promise.all(crowd);
  },
);

health("CPython prints the same, however often its services are asked", async ({ fleet }) => {
  const program = `
import hashlib, json
digest = hashlib.sha256()
for round in range(${share(60_000, 8000)}):
    digest.update(json.dumps([[str(i) * (i % 7) for i in range(60)], round]).encode())
    if round % 500 == 0: print(round, digest.hexdigest(), flush=True)
print(digest.hexdigest())`;
  const options = {
    args: ["python", "-c", program],
    stdout: "pipe",
    services: services(`
    return { imports: {}, healthy: () => true };`),
  } as const;
  const image = await python;
  const plain = await fleet.boot(image, { ...options, name: "plain" });
  const expected = await textOf(plain.stdout);
  const guest = await fleet.boot(image, { ...options, name: "asked" });
  const output = textOf(guest.stdout);
  const random = new Random(2);
  // Held at its beginning until continuations can be made, which takes a thread that opens the image.
  await guest.freeze();
  assert.is(await guest.healthy({ budgetMs: 60_000 }), true);
  await guest.resume();
  let asked = 0;
  let code = "nothing was thrown";
  for (; code === "nothing was thrown"; await sleep(random.below(20))) {
    code = await codeOf(guest.healthy());
    if (code === "nothing was thrown") asked++;
  }
  assert.is(code, "SP_GUEST_STATE", "it was asked until its end");
  assert.is(await output, expected);
  assert.ok(asked > 3, `${asked}`);
  console.log(`# asked ${asked} times`);
});

for (const [how, inside] of [
  ["say false", "return false;"],
  ["throw", "throw new Error('not well');"],
  ["are late", "const end = performance.now() + 300; while (performance.now() < end);"],
] as const) {
  health(`services that ${how} are not well, and the guest goes on`, async ({ fleet }) => {
    await using guest = await fleet.boot(await clerk, { name: "unwell", services: afterBoot(inside) });
    const outcome = guest.call<bigint>("turns", [TURNS]);
    await reached(guest, "running");
    assert.is(await guest.healthy({ budgetMs: 150 }), false);
    assert.is(await outcome, BigInt(TURNS));
    assert.is(await guest.healthy({ budgetMs: 150 }), false);
    assert.is(await guest.call("bump"), 1);
  });
}

health(
  "services that cannot say are taken to be well, without a freeze or a way to leave the thread",
  async ({ fleet }) => {
    const image = await prepare(assemble(CLERK)!, { capture: false });
    const silent = services("return { imports: { env: { ask() {} } } };");
    await using guest = await fleet.boot(image, { name: "silent", services: silent });
    void codeOf(guest.call("spin"));
    await reached(guest, "running");
    assert.is(await guest.healthy(), true);
    await guest.terminate();
    assert.is(await codeOf(guest.healthy()), "SP_GUEST_STATE");
    await using other = await fleet.boot(image, { name: "rooted", services: EVEN });
    assert.is(await codeOf(other.healthy()), "SP_MODULE_UNSUPPORTED");
    assert.is(await other.call("bump"), 1);
  },
);

health("a guest that cannot leave its thread is asked once it can, or says that it could not", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "pinned", services: EVEN });
  let outcome = guest.call("slow", [300]);
  await reached(guest, "running");
  assert.is(await codeOf(guest.healthy({ budgetMs: 40 })), "SP_FREEZE_TIMEOUT");
  await outcome;
  outcome = guest.call("slow", [100]);
  await reached(guest, "running");
  assert.is(await guest.healthy({ budgetMs: 5000 }), true);
  await outcome;
  assert.is(await guest.call("asked"), 1);
});

health("a held guest is asked and stays held", async ({ fleet }) => {
  await using guest = await fleet.boot(await clerk, { name: "held", services: EVEN });
  const outcome = guest.call<bigint>("turns", [TURNS]);
  await reached(guest, "running");
  await guest.freeze();
  for (let n = 0; n < 3; n++) assert.is(await guest.healthy(), true);
  assert.is(guest.state, "frozen");
  const turns = new BigInt64Array(guest.memory.buffer)[1];
  await sleep(20);
  assert.is(new BigInt64Array(guest.memory.buffer)[1], turns);
  assert.is((await guest.resume()).held, 0);
  assert.is(await outcome, BigInt(TURNS));
});

health(
  "who asks during a handover hears of the services after it, and a roll-back keeps the old ones",
  async ({ fleet }) => {
    await using guest = await fleet.boot(await clerk, { name: "changing", services: EVEN });
    const unwell = afterBoot("return false;");
    assert.is(guest.services?.href, EVEN.href);
    const handover = guest.handover({ services: unwell });
    assert.is(await guest.healthy(), false);
    await handover;
    assert.is(guest.services?.href, unwell.href);
    const broken = services("throw new Error('no');");
    assert.is(await codeOf(guest.handover({ services: broken })), "SP_HANDOVER_FAILED");
    assert.is(guest.services?.href, unwell.href);
  },
);

health("aborting rejects with the signal's reason and the guest goes on", async ({ fleet }) => {
  const late = afterBoot("const end = performance.now() + 200; while (performance.now() < end);");
  await using guest = await fleet.boot(await clerk, { name: "aborted", services: late });
  const outcome = guest.call<bigint>("turns", [TURNS]);
  await reached(guest, "running");
  const reason = { code: "given" };
  assert.is(await codeOf(guest.healthy({ signal: AbortSignal.abort(reason) })), "given");
  const controller = new AbortController();
  const asked = codeOf(guest.healthy({ signal: controller.signal, budgetMs: 10_000 }));
  await sleep(50);
  controller.abort(reason);
  assert.is(await asked, "given");
  assert.is(await outcome, BigInt(TURNS));
});

health(
  "services that end the thread when they are asked have lost the guest, and everybody is told",
  async ({ fleet }) => {
    await using guest = await fleet.boot(await clerk, { name: "deadly", services: afterBoot("process.exit(1);") });
    const outcome = codeOf(guest.call("turns", [TURNS]));
    await reached(guest, "running");
    assert.is(await codeOf(guest.healthy()), "SP_GUEST_STATE");
    assert.is(await outcome, "SP_HOST_LOST");
  },
);

health.run();
