// Goal: a wave impacts one update domain of a set at a time, in order, after notice, and leaves every guest on what the report says,
// whatever goes wrong and whenever it is called off. Method: records behind the interface of guests, on a clock that goes when it is
// told to; the world that they live in watches every change.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { StillpointError } from "../../dist/index.js";
import type { WaveProgress, WaveReport } from "../../dist/schedule/progress.js";
import type { Wave } from "../../dist/schedule/wave.js";
import { codeOf } from "../support/guests.ts";
import { type Manners, World, type WorldOptions } from "../support/records.ts";

const V2 = new URL("file:///v2.js");
const MINUTE = 60_000;

/** Six guests of one set in three update domains, two in each: a0 and a3 in the first, and so on. */
function six(manners: { [name: string]: Manners } = {}, options: WorldOptions = {}): World {
  const world = new World({ updateDomainCount: 3, recoveryMs: 0, noticeMs: 0, ...options });
  for (let i = 0; i < 6; i++) world.add(`a${i}`, { set: "a", ...manners[`a${i}`] });
  return world;
}

async function ended(world: World, wave: Wave): Promise<WaveReport> {
  const report = await world.clock.until(wave.result);
  assert.equal(world.settled(), []);
  return report;
}

/** Everything that a wave tells. */
async function collected(wave: Wave): Promise<WaveProgress[]> {
  const told: WaveProgress[] = [];
  for await (const progress of wave) told.push(progress);
  return told;
}

const outcomes = ({ guests }: WaveReport): { [guest: string]: string } =>
  Object.fromEntries(guests.map(({ guest, outcome }) => [guest, outcome]));

const all = (what: string): { [guest: string]: string } =>
  Object.fromEntries(["a0", "a3", "a1", "a4", "a2", "a5"].map((name) => [name, what]));

/** Runs until the wave is in a state, at an update domain. */
async function reaching(world: World, wave: Wave, state: string, updateDomain: number): Promise<void> {
  for (let ms = 0; wave.state !== state || wave.updateDomain !== updateDomain; ms++) {
    if (ms > 10_000) throw new Error(`the wave is in ${wave.state} at ${wave.updateDomain}`);
    await world.clock.pass(1);
  }
}

// ---- the way it should go ----

const going = suite("a wave");

going("goes through the update domains in order, each with an event of its own", async () => {
  const world = six();
  const wave = world.waves.begin({ services: V2 });
  const report = await ended(world, wave);
  assert.is(report.outcome, "completed");
  assert.equal(report.committed, [0, 1, 2]);
  assert.equal(outcomes(report), all("updated"));
  assert.equal(world.told, [
    ...["a0,a3", "a1,a4", "a2,a5"].map((names) => `scheduled Freeze ${names}`),
    ...["a0,a3", "a1,a4", "a2,a5"].flatMap((names) => [`started Freeze ${names}`, `completed Freeze ${names}`]),
  ]);
  assert.is(world.history.committed("a", 1)?.services, V2.href);
});

going(
  "is no thenable, and tells of itself from the beginning to whoever listens, as often as it is asked",
  async () => {
    const world = six();
    const wave = world.waves.begin({ services: V2 });
    assert.is((wave as { then?: unknown }).then, undefined);
    const early = collected(wave);
    const report = await ended(world, wave);
    const late = await collected(wave);
    assert.equal(await early, late);
    assert.is(late[0]!.type, "planned");
    assert.equal(late.at(-1), { type: "ended", report });
    const states = late.filter((one): one is WaveProgress & { type: "state" } => one.type === "state");
    assert.equal(
      states.map(({ to }) => to),
      [
        "notice",
        ...["impact", "health", "notice"],
        ...["impact", "health", "notice"],
        ...["impact", "health", "ended"],
      ],
    );
  },
);

going("gives notice, and recovery between domains, hours of it", async () => {
  const world = six({}, { recoveryMs: 30 * MINUTE, noticeMs: 15 * MINUTE });
  const began = world.clock.nowMs();
  const starts: number[] = [];
  world.events.addEventListener("started", () => starts.push(world.clock.nowMs() - began));
  const wave = world.waves.begin({ services: V2 });
  await world.clock.settle();
  assert.equal(
    world.events.list().map(({ notBefore }) => (notBefore.getTime() - began) / MINUTE),
    [15, 45, 75],
  );
  await ended(world, wave);
  assert.is(starts[0], 15 * MINUTE);
  assert.ok(starts[1]! >= starts[0]! + 30 * MINUTE + 10 && starts[1]! < starts[0]! + 31 * MINUTE, `${starts}`);
});

going("starts before the hour when it is approved, and still leaves time to recover", async () => {
  const world = six({}, { recoveryMs: 30 * MINUTE, noticeMs: 15 * MINUTE });
  const began = world.clock.nowMs();
  const starts: number[] = [];
  world.events.addEventListener("started", () => starts.push(world.clock.nowMs() - began));
  const wave = world.waves.begin({ services: V2 });
  await world.clock.pass(MINUTE);
  world.events.approve(world.events.list().map(({ id }) => id));
  await ended(world, wave);
  assert.is(starts[0], MINUTE);
  assert.is(starts.length, 3);
  assert.ok(starts[1]! - starts[0]! >= 30 * MINUTE && starts[1]! - starts[0]! < 31 * MINUTE);
});

going("takes the update's own hour, notice and recovery over the fleet's", async () => {
  const world = six({}, { recoveryMs: 30 * MINUTE, noticeMs: 15 * MINUTE });
  const notBefore = new Date(world.clock.nowMs() + 100 * MINUTE);
  world.recoveryMs = MINUTE;
  const wave = world.waves.begin({ services: V2, notBefore, recoveryMs: MINUTE });
  await world.clock.settle();
  assert.equal(
    world.events.list().map((event) => event.notBefore.getTime() - notBefore.getTime()),
    [0, MINUTE, 2 * MINUTE],
  );
  await ended(world, wave);
});

going("advances all sets together, domain by domain", async () => {
  const world = new World({ updateDomainCount: 3, recoveryMs: 0, noticeMs: 0 });
  for (const set of ["a", "b"])
    for (let i = 0; i < 3; i++) world.add(`${set}${i}`, { set, takesMs: set === "a" ? 5 : 50 });
  world.add("alone");
  await ended(world, world.waves.begin({ services: V2 }));
  const starts = world.told.filter((line) => line.startsWith("started")).map((line) => line.split(" ")[2]);
  assert.equal(starts, ["a0", "b0", "alone", "a1", "b1", "a2", "b2"]);
});

going("replaces no more guests at once than there are slots, in all waves together", async () => {
  const world = new World({ updateDomainCount: 1, recoveryMs: 0, noticeMs: 0, concurrencyMax: 3 });
  for (let i = 0; i < 20; i++) world.add(`a${i}`, { set: "a" });
  for (let i = 0; i < 20; i++) world.add(`b${i}`, { set: "b" });
  const waves = ["a", "b"].map((set) => world.waves.begin({ services: V2, sets: [set] }));
  await world.clock.until(Promise.all(waves.map(({ result }) => result)));
  assert.equal(world.settled(), []);
  assert.is(world.busyMax, 3);
});

going("concerns the sets and guests that are named, and nobody else", async () => {
  const world = six();
  world.add("b0", { set: "b" });
  world.add("b1", { set: "b" });
  world.add("c");
  const report = await ended(world, world.waves.begin({ services: V2, sets: ["b"], guests: ["a4", "b1"] }));
  assert.equal(report.guests.map(({ guest }) => guest).sort(), ["a4", "b0", "b1"]);
  assert.is(world.running.a0, "old");
  assert.is(world.running.a4, V2.href);
});

going("of nobody is over at once", async () => {
  const world = new World();
  const report = await ended(world, world.waves.begin({ services: V2 }));
  assert.is(report.outcome, "completed");
  assert.equal(report.guests, []);
});

going("with a nonsensical update is not begun", async () => {
  const world = six();
  const updates = [
    { kind: "shake" },
    { services: "v2.js" },
    { noticeMs: -1 },
    { budgetMs: 0 },
    { recoveryMs: Number.NaN },
    { sets: ["nowhere"] },
    { guests: ["nobody"] },
    { onIneligible: "hope" },
    { noticeMs: 1, notBefore: new Date() },
    { notBefore: new Date(Number.NaN) },
    { health: true },
    { image: {} },
  ];
  for (const update of updates) {
    assert.is(await codeOf(() => void world.waves.begin(update as never)), "SP_CONFIG_INVALID", JSON.stringify(update));
    assert.is(await codeOf(world.waves.plan(update as never)), "SP_CONFIG_INVALID", JSON.stringify(update));
  }
  assert.equal(world.settled(), []);
});

going.run();

// ---- what can and cannot be done ----

const REFUSAL = { ok: false, code: "SP_MODULE_UNSUPPORTED", reason: "it was prepared without capture" } as const;
const pinned: Manners = { verdict: ({ way }) => (way === "handover" ? REFUSAL : { ok: true }) };

const planning = suite("a plan");

planning("says who, in which order, by which way and for how long, and changes nothing", async () => {
  const world = six({ a1: { ...pinned, expectedMs: 3 }, a2: { expectedMs: 7 } });
  const plan = await world.waves.plan({ services: V2, onIneligible: "reboot" });
  assert.equal(
    plan.domains.map(({ updateDomain }) => updateDomain),
    [0, 1, 2],
  );
  assert.equal(
    plan.domains[1]!.guests.map(({ guest, way }) => `${guest} ${way}`),
    ["a1 reboot", "a4 handover"],
  );
  assert.is(plan.domains[1]!.guests[0]!.expectedBlackoutMs, undefined);
  assert.is(plan.domains[2]!.guests[0]!.expectedBlackoutMs, 7);
  assert.equal(plan.ineligible, [{ guest: "a1", ...REFUSAL }]);
  assert.ok(plan.possible);
  assert.equal(world.events.list(), []);
  assert.equal(world.waves.current, []);
});

planning("that is not possible is refused by the wave before anything is announced", async () => {
  const world = six({ a1: pinned });
  assert.not.ok((await world.waves.plan({ services: V2 })).possible);
  const wave = world.waves.begin({ services: V2 });
  assert.is(await codeOf(world.clock.until(wave.result)), "SP_UPDATE_REFUSED");
  assert.equal(world.settled(), []);
  assert.equal(world.told, []);
});

planning("falls back to a reboot where that is asked for, and the notice says so", async () => {
  const world = six({ a1: pinned });
  const wave = world.waves.begin({ services: V2, onIneligible: "reboot" });
  await world.clock.settle();
  const [, event] = world.events.list();
  assert.is(event!.type, "Reboot");
  assert.match(event!.description, /lost of a1/);
  const report = await ended(world, wave);
  assert.equal(
    report.guests.filter(({ memoryLost }) => memoryLost).map(({ guest }) => guest),
    ["a1"],
  );
  assert.is(world.records.get("a1")!.boots, 2);
  assert.is(world.records.get("a4")!.boots, 1);
});

planning("by reboot or redeploy loses memory and announces what it is", async () => {
  for (const [kind, type] of [
    ["reboot", "Reboot"],
    ["redeploy", "Redeploy"],
  ] as const) {
    const world = six();
    const report = await ended(world, world.waves.begin({ services: V2, kind }));
    assert.ok(world.told[0]!.startsWith(`scheduled ${type}`));
    assert.ok(report.guests.every(({ memoryLost, outcome }) => memoryLost && outcome === "updated"));
  }
});

planning("without any way is refused even if a reboot would be allowed", async () => {
  const world = six({ a1: { verdict: () => REFUSAL } });
  const wave = world.waves.begin({ services: V2, onIneligible: "reboot" });
  assert.is(await codeOf(world.clock.until(wave.result)), "SP_UPDATE_REFUSED");
});

planning("tells how long the interruption is expected to last, or that nobody knows", async () => {
  const world = six({ a0: { expectedMs: 3 }, a3: { expectedMs: 1500 }, a1: { expectedMs: 3 } });
  const wave = world.waves.begin({ services: V2, noticeMs: 1000 });
  await world.clock.settle();
  assert.equal(
    world.events.list().map(({ durationSeconds }) => durationSeconds),
    [2, -1, -1],
  );
  await ended(world, wave);
});

planning.run();

// ---- what goes wrong ----

const troubled = suite("a troubled wave");

/** The second domain fails: its guests go back, the first stays, the third is never touched. */
function backAgain(report: WaveReport, code: string): void {
  assert.is(report.outcome, "stopped");
  assert.is(report.reason?.code, code);
  assert.equal(report.committed, [0]);
  assert.is(report.rolledBack, 1);
  const { a0, a1, a2, a3, a4, a5 } = outcomes(report);
  assert.equal([a0, a3, a2, a5], ["updated", "updated", "untouched", "untouched"]);
  for (const outcome of [a1, a4]) assert.ok(outcome === "rolledBack" || outcome === "untouched", outcome);
}

troubled("by a guest that cannot be replaced takes its domain back and stops", async () => {
  const world = six({ a4: { refuses: true, takesMs: 30 } });
  const report = await ended(world, world.waves.begin({ services: V2 }));
  backAgain(report, "SP_FREEZE_TIMEOUT");
  assert.equal(world.running, { a0: V2.href, a3: V2.href, a1: "old", a4: "old", a2: "old", a5: "old" });
  assert.equal(world.told.slice(3), [
    "started Freeze a0,a3",
    "completed Freeze a0,a3",
    "started Freeze a1,a4",
    "scheduled Freeze a1",
    "started Freeze a1",
    "completed Freeze a1,a4",
    "completed Freeze a1",
    "canceled Freeze a2,a5",
  ]);
  assert.is(world.history.committed("a", 1), undefined);
});

troubled("by one guest does not wait for the others, which are left as they were", async () => {
  const world = six({ a1: { takesMs: 9000 }, a4: { refuses: true, takesMs: 1 } });
  const from = world.clock.nowMs();
  const report = await ended(world, world.waves.begin({ services: V2 }));
  backAgain(report, "SP_FREEZE_TIMEOUT");
  assert.is(outcomes(report).a1, "untouched");
  assert.ok(world.clock.nowMs() - from < 1000);
});

troubled("by services that say they are not well does the same", async () => {
  const world = six({ a1: { sick: true } });
  backAgain(await ended(world, world.waves.begin({ services: V2 })), "SP_UPDATE_UNHEALTHY");
});

troubled("by the caller's own check: no, a throw, and no answer in time", async () => {
  const checks = [() => false, () => undefined, () => Promise.reject(new Error("no")), () => new Promise(() => {})];
  for (const check of checks) {
    const world = six();
    let asked = 0;
    // The first domain has two guests.
    const health = (): boolean | Promise<boolean> => (++asked > 2 ? (check() as boolean) : true);
    backAgain(await ended(world, world.waves.begin({ services: V2, health })), "SP_UPDATE_UNHEALTHY");
  }
});

troubled("by a guest that stood still for too long takes it back", async () => {
  const world = six({ a1: { blackoutMs: 50 } });
  const report = await ended(world, world.waves.begin({ services: V2, maxImpactMs: 20 }));
  backAgain(report, "SP_IMPACT_EXCEEDED");
});

troubled("by a guest that comes too late", async () => {
  const world = six({ a1: { takesMs: 500 } });
  backAgain(await ended(world, world.waves.begin({ services: V2, budgetMs: 200 })), "SP_FREEZE_TIMEOUT");
});

troubled("by a guest that ends by itself goes on without it", async () => {
  for (const manners of [{ endsMeanwhile: "exited" }, { endsMeanwhile: "failed" }, { endsAfter: "exited" }] as const) {
    const world = six({ a1: manners });
    const report = await ended(world, world.waves.begin({ services: V2 }));
    assert.is(report.outcome, "completed");
    assert.is(outcomes(report).a1, manners.endsMeanwhile ?? manners.endsAfter);
    assert.equal(report.committed, [0, 1, 2]);
  }
});

troubled("by a guest that fails on what it was given takes the others back", async () => {
  const world = six({ a1: { endsAfter: "failed" } });
  const report = await ended(world, world.waves.begin({ services: V2 }));
  assert.is(report.outcome, "stopped");
  assert.is(report.reason?.code, "SP_UPDATE_UNHEALTHY");
  assert.equal([outcomes(report).a1, outcomes(report).a4], ["failed", "rolledBack"]);
});

troubled("by a guest that fails while the caller's check runs", async () => {
  const world = six();
  const wave = world.waves.begin({ services: V2, health: () => new Promise(() => {}) });
  await reaching(world, wave, "health", 0);
  world.records.get("a0")!.end("failed");
  const report = await ended(world, wave);
  assert.is(report.reason?.code, "SP_UPDATE_UNHEALTHY");
  assert.match(report.reason!.message, /it failed/);
});

troubled("by a guest that does not go back asks again, and says so in the end", async () => {
  const stubborn = six({ a1: { sticks: 2 }, a4: { sick: true } });
  assert.equal(outcomes(await ended(stubborn, stubborn.waves.begin({ services: V2 }))).a1, "rolledBack");
  const stuck = six({ a1: { sticks: 99 }, a4: { sick: true } });
  const report = await ended(stuck, stuck.waves.begin({ services: V2 }));
  assert.equal([outcomes(report).a1, outcomes(report).a4], ["stuck", "rolledBack"]);
  assert.is(stuck.running.a1, V2.href);
});

troubled("whose guests all end before their turn passes them by", async () => {
  const world = six({}, { noticeMs: MINUTE });
  const wave = world.waves.begin({ services: V2 });
  await world.clock.settle();
  for (const name of ["a1", "a4"]) world.records.get(name)!.end("exited");
  const report = await ended(world, wave);
  assert.equal(report.committed, [0, 2]);
  assert.equal(
    world.told.filter((line) => line.startsWith("canceled")),
    ["canceled Freeze a4"],
  );
});

troubled("in one set takes that domain back in all sets", async () => {
  const world = new World({ updateDomainCount: 2, recoveryMs: 0, noticeMs: 0 });
  for (const set of ["a", "b"]) for (let i = 0; i < 2; i++) world.add(`${set}${i}`, { set, sick: set === "b" });
  const report = await ended(world, world.waves.begin({ services: V2 }));
  assert.equal(outcomes(report), { a0: "rolledBack", b0: "rolledBack", a1: "untouched", b1: "untouched" });
});

troubled("leaves time to recover before the next one impacts another domain", async () => {
  const world = six({ a1: { sick: true } }, { recoveryMs: 30 * MINUTE });
  await ended(world, world.waves.begin({ services: V2 }));
  world.records.get("a1")!.manners = {};
  const starts: number[] = [];
  const from = world.clock.nowMs();
  world.events.addEventListener("started", () => starts.push(world.clock.nowMs() - from));
  await ended(world, world.waves.begin({ services: V2, guests: ["a1"] }));
  assert.ok(starts[0]! < MINUTE, "the same domain need not wait");
  const again = world.clock.nowMs();
  await ended(world, world.waves.begin({ services: V2, guests: ["a2"] }));
  assert.ok(starts[1]! + from - again >= 30 * MINUTE - 20, "another one must");
});

troubled.run();

// ---- called off, held, two at once ----

const commanded = suite("a commanded wave");

commanded("is refused while another is on its way through one of its sets, and not afterwards", async () => {
  const world = six();
  world.add("b");
  const first = world.waves.begin({ services: V2, sets: ["a"] });
  const second = world.waves.begin({ services: V2 });
  const third = world.waves.begin({ services: V2, guests: ["b"] });
  assert.is(await codeOf(world.clock.until(second.result)), "SP_UPDATE_REFUSED");
  assert.is((await world.clock.until(third.result)).outcome, "completed");
  assert.is((await ended(world, first)).outcome, "completed");
  assert.is((await ended(world, world.waves.begin({ services: V2 }))).outcome, "completed");
});

/** What is done to a wave at some moment, and how it has to end. */
const commands: { [name: string]: (wave: Wave, controller: AbortController) => void } = {
  cancel: (wave) => wave.cancel(),
  "cancel twice": (wave) => {
    wave.cancel();
    wave.cancel();
  },
  abort: (_, controller) => controller.abort(new StillpointError("SP_LIMIT", "given up")),
  "cancel while held": (wave) => {
    wave.hold();
    wave.cancel();
  },
};

for (const state of ["planning", "notice", "impact", "health", "rollback", "ended"]) {
  for (const [name, command] of Object.entries(commands)) {
    commanded(`in ${state}: ${name} withdraws what has not started and takes back what is under way`, async () => {
      const recoveryMs = state === "notice" ? 10 * MINUTE : 0;
      const world = six({ a1: { takesMs: 20 }, a4: { sick: state === "rollback", takesMs: 40 } }, { recoveryMs });
      const controller = new AbortController();
      let checks = 0;
      const health = async (): Promise<boolean> => {
        if (++checks > 2) await world.passed(5, undefined);
        return true;
      };
      const wave = world.waves.begin({ services: V2, signal: controller.signal, health });
      if (state === "ended") await world.clock.until(wave.result);
      else if (state !== "planning") await reaching(world, wave, state, 1);
      command(wave, controller);
      if (state === "rollback") {
        backAgain(await ended(world, wave), "SP_UPDATE_UNHEALTHY");
        return;
      }
      const outcome = world.clock.until(wave.result);
      if (state === "ended") assert.is((await outcome).outcome, "completed");
      else if (name === "abort") assert.is(await codeOf(outcome), "SP_LIMIT");
      else assert.is((await outcome).outcome, "canceled");
      assert.equal(world.settled(), []);
      const done = state === "planning" ? [] : state === "ended" ? [0, 1, 2] : [0];
      for (const [i, domain] of [0, 1, 2, 0, 1, 2].entries()) {
        assert.is(world.running[`a${i}`], done.includes(domain) ? V2.href : "old");
      }
    });
  }
}

// In each state guests end: one, all of the domain, all of the fleet, each in both ways.
for (const state of ["planning", "notice", "impact", "health", "rollback"]) {
  for (const names of [["a1"], ["a1", "a4"], ["a0", "a1", "a2", "a3", "a4", "a5"]]) {
    for (const how of ["exited", "failed"] as const) {
      commanded(`in ${state}: goes on or back without ${names.join(", ")}, that ${how}`, async () => {
        const recoveryMs = state === "notice" ? 10 * MINUTE : 0;
        const world = six({ a1: { takesMs: 20 }, a4: { sick: state === "rollback", takesMs: 40 } }, { recoveryMs });
        let checks = 0;
        const health = async (): Promise<boolean> => {
          if (++checks > 2) await world.passed(5, undefined);
          return true;
        };
        const wave = world.waves.begin({ services: V2, health });
        if (state !== "planning") await reaching(world, wave, state, 1);
        for (const name of names) world.records.get(name)!.end(how);
        const report = await ended(world, wave);
        // A guest that fails on what it was given speaks against it; everything else is its own affair.
        const sick = state === "rollback" || (state === "health" && how === "failed");
        assert.is(report.outcome, sick ? "stopped" : "completed");
        for (const name of names)
          assert.ok(outcomes(report)[name] === how || outcomes(report)[name] === "updated", name);
        const went = (name: string): boolean => !names.includes(name);
        if (went("a4")) assert.is(world.running.a4, sick ? "old" : V2.href);
        if (went("a2")) assert.is(world.running.a2, sick ? "old" : V2.href);
        if (went("a0")) assert.is(world.running.a0, V2.href);
      });
    }
  }
}

commanded("that is held lets a domain come to its end, begins no other, and goes on when it is resumed", async () => {
  const world = six();
  const wave = world.waves.begin({ services: V2 });
  await reaching(world, wave, "impact", 1);
  wave.hold();
  wave.hold();
  await world.clock.pass(60 * MINUTE);
  assert.is(wave.state, "notice");
  assert.is(wave.updateDomain, 2);
  assert.ok(wave.held);
  assert.equal([world.running.a1, world.running.a2], [V2.href, "old"]);
  wave.resume();
  wave.resume();
  const report = await ended(world, wave);
  assert.is(report.outcome, "completed");
  const told = (await collected(wave)).map(({ type }) => type).filter((type) => type === "held" || type === "resumed");
  assert.equal(told, ["held", "resumed"]);
});

commanded("that is held before it begins begins nothing", async () => {
  const world = six();
  const wave = world.waves.begin({ services: V2 });
  wave.hold();
  await world.clock.pass(60 * MINUTE);
  assert.is(wave.state, "notice");
  assert.ok(world.events.list().every(({ status }) => status === "Scheduled"));
  wave.cancel();
  assert.is((await ended(world, wave)).outcome, "canceled");
});

commanded("that is held while it waits for the hour does not begin when that comes", async () => {
  const world = six({}, { noticeMs: 15 * MINUTE });
  const wave = world.waves.begin({ services: V2 });
  await world.clock.pass(MINUTE);
  wave.hold();
  await world.clock.pass(60 * MINUTE);
  assert.is(wave.state, "notice");
  assert.is(world.running.a0, "old");
  wave.resume();
  assert.is((await ended(world, wave)).outcome, "completed");
});

commanded("whose signal was aborted before touches nothing", async () => {
  const world = six();
  const signal = AbortSignal.abort(new StillpointError("SP_LIMIT", "given up"));
  assert.is(await codeOf(world.clock.until(world.waves.begin({ services: V2, signal }).result)), "SP_LIMIT");
  assert.equal(world.told, []);
  assert.equal(world.settled(), []);
});

commanded("that leaves guests of a domain out says nothing of what that domain runs", async () => {
  const world = six();
  await ended(world, world.waves.begin({ services: V2, guests: ["a0", "a1", "a4"] }));
  const { history } = world;
  assert.equal(
    [0, 1, 2].map((domain) => history.committed("a", domain)?.services),
    [undefined, V2.href, undefined],
  );
});

commanded("with all others ends when the fleet does", async () => {
  const world = six({}, { noticeMs: 15 * MINUTE });
  world.add("b");
  const waves = [world.waves.begin({ services: V2, sets: ["a"] }), world.waves.begin({ services: V2, guests: ["b"] })];
  await world.clock.settle();
  await world.clock.until(world.waves.end());
  for (const wave of waves) assert.is((await wave.result).outcome, "canceled");
  assert.equal(world.settled(), []);
});

commanded.run();
