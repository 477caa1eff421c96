// Goal: under random updates with injected failures, guests in Workers lose no call, run what the journal says, and keep their memory
// unless a report says otherwise. Method: clerks under constant calls whose answers count one by one, waves that are given broken services,
// called off, held and approved late, guests that end and hosts that die in their middle.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, type Wave, type WaveReport } from "../../dist/index.js";
import { clerk, codeOf, services as servicesOf, share, sleep } from "../support/guests.ts";
import { Random } from "../support/random.ts";
import { version } from "../support/versions.ts";

const DOMAINS = 3;
const SETS = ["a", "b"];

/** What a call may come to when its guest has ended. */
const OVER = ["SP_GUEST_STATE", "SP_HOST_LOST", "SP_GUEST_TRAP"];

/** Calls a guest without a pause until it has ended. Each answer is the count before plus one, or the guest's end. */
class Caller {
  answered = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(guest: Guest) {
    this.#done = this.#call(guest);
  }

  async #call(guest: Guest): Promise<void> {
    const outstanding: Promise<number | string>[] = [];
    const take = async (): Promise<boolean> => {
      const outcome = await outstanding.shift()!;
      if (typeof outcome === "string") {
        if (!OVER.includes(outcome)) throw new Error(`a call of ${guest.name} came to ${outcome}`);
        return false;
      }
      if (outcome !== ++this.answered) throw new Error(`${guest.name} answered ${outcome}, not ${this.answered}`);
      return true;
    };
    const bump = (): Promise<number | string> =>
      guest.call<number>("bump").catch((error: { code?: string }) => error.code ?? String(error));
    for (let alive = true; alive && !this.#stopped; ) {
      outstanding.push(bump());
      if (outstanding.length > 3) alive = await take();
      else await sleep(1);
    }
    while (outstanding.length > 0) await take();
  }

  /** Ends, and throws if any answer was wrong. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

/** New services that are broken for one guest, now and then, at one of the moments of health. */
function drawn(v: number, names: readonly string[], random: Random): URL {
  const guests = [random.pick(names)];
  const breaks = [
    { attach: `throw new Error("no");` },
    { attach: "process.exit(3);" },
    { attachMs: 1500 },
    { restore: `if (state !== undefined) throw new Error("no");` },
    { healthy: "return false;" },
    { healthy: "if (asked > 1) return false;" },
    { healthy: "if (asked > 1) process.exit(3);" },
  ];
  return random.oneIn(2) ? version(v) : version(v, { guests, ...random.pick(breaks) });
}

async function interfere(fleet: Fleet, wave: Wave, random: Random): Promise<string> {
  await sleep(random.below(800));
  const guest = (): Guest | undefined => random.pick([...fleet.guests.values()]);
  const acts: { [name: string]: () => unknown } = {
    cancel: () => wave.cancel(),
    hold: async () => {
      wave.hold();
      await sleep(random.below(300));
      wave.resume();
    },
    approve: () => fleet.events.approve(fleet.events.list().map(({ id }) => id)),
    crash: () => codeOf(guest()?.call("crash") ?? Promise.resolve()),
    terminate: () => guest()?.terminate(),
    freeze: async () => {
      const held = guest();
      if (held === undefined || (await codeOf(held.freeze())) !== "nothing was thrown") return;
      await sleep(random.below(300));
      await codeOf(held.resume());
    },
    nothing: () => undefined,
  };
  const name = random.pick(Object.keys(acts));
  await acts[name]!();
  return name;
}

/** Every guest runs what the report and the journal say, and has lost its memory where the report says so and nowhere else. */
function check(fleet: Fleet, report: WaveReport, before: ReadonlyMap<string, Before>, given: URL): void {
  for (const { guest: name, set, updateDomain, outcome, memoryLost } of report.guests) {
    const guest = fleet.guests.get(name);
    if (guest === undefined) continue;
    const was = before.get(name)!;
    const brought = outcome === "updated" || outcome === "stuck";
    assert.is(guest.services?.href, brought ? given.href : was.services, `${name} is ${outcome}`);
    assert.is(guest !== was.guest, memoryLost, `${name} and its memory`);
    const committed = fleet.committed(set, updateDomain)?.services ?? version(1).href;
    if (outcome !== "stuck") assert.is(guest.services?.href, committed, `${name} and the journal`);
  }
}

/** What there was before a wave. */
interface Before {
  readonly guest: Guest;
  readonly services: string;
}

function tally(counts: { [what: string]: number }, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

const updates = suite("random updates");

updates("of guests in Workers lose no call and end as they must", async () => {
  const random = new Random(70);
  const image = await clerk();
  const count = share(48, 8);
  const ends: { [outcome: string]: number } = {};
  const acts: { [name: string]: number } = {};
  let calls = 0;
  for (let waves = 0; waves < count; ) {
    await using fleet = await Fleet.open({ updateDomainCount: DOMAINS, recoveryMs: 0 });
    const incarnations: number[] = [];
    fleet.events.addEventListener("changed", ({ detail }) => {
      if (detail.set === "a") incarnations.push(detail.incarnation);
    });
    const names = Array.from({ length: 5 }, (_, i) => `${SETS[i % 2]}${i}`);
    await Promise.all(names.map((name) => fleet.boot(image, { name, set: name[0]!, services: version(1) })));
    const callers = new Map<Guest, Caller>();
    for (let v = 2; v < 6 && waves < count && fleet.guests.size > 0; v++, waves++) {
      // Those that were started again are called anew, from 1 on.
      for (const guest of fleet.guests.values()) if (!callers.has(guest)) callers.set(guest, new Caller(guest));
      const services = drawn(v, names, random);
      const before = new Map(
        Array.from(fleet.guests.values(), (guest) => [guest.name, { guest, services: guest.services!.href }]),
      );
      const kind = random.oneIn(5) ? "reboot" : "freeze";
      const wave = fleet.update({ kind, services, noticeMs: random.below(300), budgetMs: 4000, healthBudgetMs: 4000 });
      const [report, act] = await Promise.all([
        wave.result.catch((error: { code?: string }) => error.code ?? String(error)),
        interfere(fleet, wave, random),
      ]);
      tally(acts, act);
      if (typeof report === "string") {
        // Tried and found wanting before anything was announced.
        assert.is(report, "SP_UPDATE_REFUSED");
        for (const [name, { guest }] of before) assert.ok([guest, undefined].includes(fleet.guests.get(name)));
      } else check(fleet, report, before, services);
      tally(ends, typeof report === "string" ? report : `${report.outcome} ${kind}`);
      assert.equal(fleet.events.list(), []);
      if (typeof report !== "string" && report.guests.some(({ outcome }) => outcome === "stuck")) break;
    }
    for (const caller of callers.values()) {
      await caller.stop();
      calls += caller.answered;
    }
    // Nobody was lost unheard of: who lives still counts on.
    for (const guest of fleet.guests.values()) {
      assert.is(await guest.call("bump"), (callers.get(guest)?.answered ?? 0) + 1, guest.name);
    }
    for (const [i, incarnation] of incarnations.entries()) assert.is(incarnation, incarnations[0]! + i);
  }
  const told = (counts: { [name: string]: number }): string =>
    Object.entries(counts)
      .map(([name, n]) => `${n} ${name}`)
      .join(", ");
  console.log(`# ${told(ends)}; meanwhile ${told(acts)}; ${calls} calls, none lost`);
});

updates(
  "of which the services' module is there for one wave and gone for the way back leave the guest where it is",
  async () => {
    await using fleet = await Fleet.open({ recoveryMs: 0, noticeMs: 0 });
    // Its old services attach twice: when it boots, and never again.
    const shy = servicesOf(`
      if (process.env.SP_SHY === "1") throw new Error("not again");
      return { imports: { env: { ask: () => 1 } } };`);
    const guest = await fleet.boot(await clerk(), { name: "a", services: shy });
    await guest.call("bump");
    // Hosts that are started from here on see it.
    process.env.SP_SHY = "1";
    const sick = version(2, { healthy: "if (asked > 1) return false;" });
    const report = await fleet.update({ services: sick }).result;
    delete process.env.SP_SHY;
    assert.is(report.outcome, "stopped");
    assert.is(report.guests[0]!.outcome, "stuck");
    assert.is(report.guests[0]!.error?.code, "SP_HANDOVER_FAILED");
    assert.is(guest.services?.href, sick.href);
    assert.is(await guest.call("bump"), 2);
    assert.equal(fleet.events.list(), []);
  },
);

updates.run();
