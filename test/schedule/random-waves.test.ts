// Goal: whatever goes wrong in a wave and whenever it is called off, a set has never two update domains impacted at once, every guest
// ends on old or new services as the journal says, events come in order, and none is left. Method: random fleets of records under
// random waves, two at a time, with guests that fail, end and come late and operators who approve, hold and cancel; where
// nobody interferes, a plain model says beforehand how the wave must end.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Update, WaveReport } from "../../dist/index.js";
import type { Wave } from "../../dist/schedule/wave.js";
import { share } from "../support/guests.ts";
import { Random } from "../support/random.ts";
import { type Manners, type Record, World } from "../support/records.ts";

const BUDGET_MS = 1000;
const IMPACT_MS = 100;

function mannersOf(random: Random): Manners {
  return {
    takesMs: random.oneIn(60) ? BUDGET_MS + 1 : random.below(200),
    blackoutMs: random.oneIn(60) ? IMPACT_MS + 1 : random.below(IMPACT_MS),
    refuses: random.oneIn(40),
    sick: random.oneIn(40),
    sticks: random.oneIn(10) ? random.below(5) : 0,
    ...(random.oneIn(2) && { expectedMs: random.below(3000) }),
    ...(random.oneIn(60) && { endsMeanwhile: random.pick(["exited", "failed"] as const) }),
    ...(random.oneIn(60) && { endsAfter: random.pick(["exited", "failed"] as const) }),
  };
}

/** Whether a record's manners stop a wave. */
const stops = ({ takesMs = 0, blackoutMs = 0, refuses, sick, endsMeanwhile, endsAfter }: Manners): boolean =>
  endsMeanwhile === undefined &&
  (refuses ||
    takesMs > BUDGET_MS ||
    blackoutMs > IMPACT_MS ||
    endsAfter === "failed" ||
    (endsAfter === undefined && sick)) === true;

/** How a wave ends with which nobody interferes: it goes on to the first domain in which somebody stops it. */
function expected(world: World, concerned: readonly Record[]): { committed: number[]; rolledBack: number | undefined } {
  const domainOf = ({ name }: Record): number => world.placements.of(name)!.updateDomain;
  const domains = [...new Set(concerned.map(domainOf))].sort((a, b) => a - b);
  const bad = domains.find((domain) => concerned.some((one) => domainOf(one) === domain && stops(one.manners)));
  return { committed: bad === undefined ? domains : domains.filter((domain) => domain < bad), rolledBack: bad };
}

/** Somebody does something to a wave or to its guests, from time to time, until it is over. */
function interfere(world: World, wave: Wave, random: Random): void {
  const acts = [
    () => world.events.approve(world.events.list().map(({ id }) => id)),
    () =>
      world.events.approve(
        world.events
          .list()
          .slice(0, 1)
          .map(({ id }) => id),
      ),
    () => wave.hold(),
    () => wave.resume(),
    () => random.pick([...world.records.values()])?.end(random.pick(["exited", "failed"] as const)),
    () => (random.oneIn(4) ? wave.cancel() : undefined),
  ];
  const again = (): void => {
    if (wave.state === "ended") return;
    random.pick(acts)();
    // Nobody is held for ever.
    if (random.oneIn(3)) wave.resume();
    world.clock.after(random.below(20_000), again);
  };
  world.clock.after(random.below(2000), again);
}

/** What a record has to run on after a wave that says this of it. */
function check(
  world: World,
  report: WaveReport,
  before: ReadonlyMap<string, string | undefined>,
  update: Update,
): void {
  for (const { guest, updateDomain, outcome } of report.guests) {
    const record = world.records.get(guest);
    if (outcome === "exited" || outcome === "failed") assert.is(record, undefined, `${guest} has ${outcome}`);
    if (record === undefined) continue;
    const brought = outcome === "updated" || outcome === "stuck";
    assert.is(record.services, brought ? update.services!.href : before.get(guest), `${guest} is ${outcome}`);
    if (report.committed.includes(updateDomain)) assert.is(outcome, "updated");
    else if (report.rolledBack === updateDomain) assert.ok(outcome !== "updated", `${guest} is updated after all`);
    else assert.is(outcome, "untouched");
  }
  if (report.outcome === "completed") assert.is(report.rolledBack, undefined);
}

const random = suite("random waves");

random("of records end as they must", async () => {
  const draw = new Random(60);
  const count = share(4000, 400);
  const ends: { [outcome: string]: number } = {};
  for (let waves = 0, version = 2; waves < count; ) {
    const world = new World({
      updateDomainCount: 1 + draw.below(5),
      concurrencyMax: 1 + draw.below(6),
      recoveryMs: draw.pick([0, 1000, 1_800_000]),
      noticeMs: draw.pick([0, 500, 900_000]),
    });
    for (let i = 0; i < 1 + draw.below(40); i++) {
      const set = draw.oneIn(8) ? undefined : `set ${draw.below(4)}`;
      world.add(`g${i}`, { ...(set !== undefined && { set }), ...mannersOf(draw) });
    }
    for (let round = 0; round < 3 && world.records.size > 0; round++, version++) {
      const services = new URL(`file:///v${version}.js`);
      const sets = [...world.placements.sets()];
      const cut = draw.oneIn(2) ? sets.length : draw.below(sets.length);
      const before = new Map(Array.from(world.records.values(), (record) => [record.name, record.services]));
      const alone = cut === sets.length && draw.oneIn(2);
      const updates = [sets.slice(0, cut), sets.slice(cut)]
        .filter((some) => some.length > 0)
        .map((some): Update => ({ services, sets: some, budgetMs: BUDGET_MS, maxImpactMs: IMPACT_MS }));
      const model = expected(world, [...world.records.values()]);
      const begun = updates.map((update) => world.waves.begin(update));
      if (!alone) for (const wave of begun) interfere(world, wave, draw);
      const reports = await world.clock.until(Promise.all(begun.map(({ result }) => result)));
      assert.equal(world.settled(), []);
      for (const [i, report] of reports.entries()) {
        check(world, report, before, updates[i]!);
        ends[report.outcome] = (ends[report.outcome] ?? 0) + 1;
        waves++;
      }
      if (alone) assert.equal({ committed: reports[0]!.committed, rolledBack: reports[0]!.rolledBack }, model);
      // The journal says of whole domains what every guest runs on that could be put back.
      const stuck = new Set(
        reports
          .flatMap(({ guests }) => guests)
          .filter(({ outcome }) => outcome === "stuck")
          .map(({ guest }) => guest),
      );
      for (const { name, services: on } of world.records.values()) {
        const { set, updateDomain } = world.placements.of(name)!;
        if (!stuck.has(name)) assert.is(on, world.history.committed(set, updateDomain)?.services ?? "old", name);
      }
      if (stuck.size > 0) break;
      for (const record of world.records.values()) record.manners = mannersOf(draw);
    }
  }
  console.log(
    `# ${Object.entries(ends)
      .map(([outcome, n]) => `${n} ${outcome}`)
      .join(", ")}`,
  );
  for (const outcome of ["completed", "stopped", "canceled"]) assert.ok(ends[outcome]! > 0, `none was ${outcome}`);
});

random.run();
