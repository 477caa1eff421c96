// Goal: whatever is asked of a guest at the same time, and whenever it dies, every promise settles with an outcome that its
// documentation knows, and memory never changes under somebody who has been told that it is frozen. Method: seeded lives of a
// guest, each of several actors that ask for things by turns while a last one, at a random moment, ends it in a random way.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest } from "../../dist/index.js";
import { asking, clerk, digestOf, endOf, share, sleep } from "../support/guests.ts";
import { Random } from "../support/random.ts";

/** ask(n): waits a little, blocks a little, takes its thread along at once, or soon. */
const SERVICES = asking(`
  if (n === 0) host.wait({ untilMs: host.clock.monotonicMs() + 1 });
  if (n === 1) { const until = performance.now() + 2; while (performance.now() < until); }
  if (n === 2) process.exit(1);
  if (n === 3) setTimeout(() => process.exit(1), 3);
  if (n === 4) throw new Error("through the guest");
  return n;`);

const CALL_CODES = ["SP_QUEUE_FULL", "SP_CALL_TIMEOUT", "SP_GUEST_STATE", "SP_HOST_LOST", "SP_GUEST_TRAP", "given up"];
const FREEZE_CODES = ["SP_GUEST_STATE", "SP_FREEZE_TIMEOUT", "given up"];

/** Awaits work whose failures, if any, have to be among these. */
async function outcome<T>(work: Promise<T>, codes: readonly string[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = (error as { code?: string }).code ?? String(error);
    if (!codes.includes(code)) throw error;
    return undefined;
  }
}

class Life {
  readonly #guest: Guest;
  readonly #random: Random;
  over = false;
  served = 0;
  frozen = 0;

  constructor(guest: Guest, random: Random) {
    this.#guest = guest;
    this.#random = random;
  }

  #signal(): { signal?: AbortSignal } {
    if (!this.#random.oneIn(5)) return {};
    const controller = new AbortController();
    setTimeout(() => controller.abort("given up"), this.#random.below(4));
    return { signal: controller.signal };
  }

  #budget(): { budgetMs: number } {
    return { budgetMs: this.#random.pick([0.01, 1, 20, 5000]) };
  }

  /** One thing that somebody may ask for. */
  async #act(): Promise<void> {
    const guest = this.#guest;
    const random = this.#random;
    switch (random.below(8)) {
      case 0: {
        const report = await outcome(guest.freeze({ ...this.#budget(), ...this.#signal() }), FREEZE_CODES);
        if (report === undefined) return;
        this.frozen++;
        const digest = digestOf(guest.memory);
        await sleep(random.below(3));
        assert.is(digestOf(guest.memory), digest, "memory changed under a hold");
        await outcome(guest.resume(), ["SP_GUEST_STATE"]);
        return;
      }
      case 1:
        await outcome(
          (async () => {
            guest.freezeSync(this.#budget());
            this.frozen++;
            const digest = digestOf(guest.memory);
            await sleep(0);
            assert.is(digestOf(guest.memory), digest, "memory changed under a hold");
            guest.resumeSync();
          })(),
          FREEZE_CODES,
        );
        return;
      case 2:
        await outcome(
          guest.withFrozen(() => sleep(random.below(2)), this.#budget()),
          FREEZE_CODES,
        );
        return;
      case 3:
        await outcome(guest.dirty({ clear: random.oneIn(2), ...this.#budget() }), FREEZE_CODES);
        return;
      default: {
        const [name, ...args] = random.pick([
          ["bump"],
          ["turns", 1 + random.below(200_000)],
          ["ask", 0],
          ["ask", 1],
        ] as const);
        const limit = random.oneIn(6) ? { timeoutMs: random.below(5) } : {};
        const answer = await outcome(guest.call(name, args, { ...limit, ...this.#signal() }), CALL_CODES);
        if (answer !== undefined) this.served++;
      }
    }
  }

  async actor(): Promise<void> {
    while (!this.over) {
      await this.#act();
      if (this.#random.oneIn(3)) await sleep(this.#random.below(2));
    }
  }
}

const ENDS = ["terminate", "dies in a call", "dies by itself", "traps"] as const;

const chaos = suite<{ fleet: Fleet }>("chaos");
chaos.before(async (context) => {
  context.fleet = await Fleet.open();
});
chaos.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

chaos("every promise settles, whatever is asked at once and whenever the guest dies", async ({ fleet }) => {
  const image = await clerk();
  const random = new Random(51);
  const sum = { lives: share(300, 40), served: 0, frozen: 0 };
  for (let round = 0; round < sum.lives; round++) {
    const options = { name: `life ${round}`, services: SERVICES, callQueueMax: 3, track: "scan" } as const;
    const guest = await fleet.boot(image, options);
    const life = new Life(guest, new Random(100 + round));
    const actors = Promise.all(Array.from({ length: 4 }, () => life.actor()));
    await Promise.race([sleep(random.below(80)), actors]);
    const how = random.pick(ENDS);
    if (how === "terminate") await guest.terminate();
    else if (how === "dies by itself") {
      // Between two calls: it goes on in another thread, each time.
      for (let deaths = random.below(4); deaths >= 0; deaths--) {
        await outcome(guest.call("ask", [3]), CALL_CODES);
        await sleep(random.below(60));
      }
      await guest.terminate();
    } else {
      // The queue may be full; nobody else ends this guest.
      while (!["failed", "exited"].includes(guest.state)) {
        await outcome(guest.call("ask", [how === "traps" ? 4 : 2]), CALL_CODES);
        await sleep(1);
      }
    }
    const end = endOf(await guest.exited);
    const ends =
      how === "traps" ? ["SP_GUEST_TRAP"] : how === "dies in a call" ? ["SP_HOST_LOST"] : ["code 0", "SP_HOST_LOST"];
    assert.ok(ends.includes(end), `${how} ended as ${end}`);
    life.over = true;
    await actors;
    sum.served += life.served;
    sum.frozen += life.frozen;
    assert.is(fleet.guests.size, 0);
  }
  console.log(`# ${sum.lives} lives, ${sum.served} calls served, ${sum.frozen} times frozen`);
});

chaos.run();
