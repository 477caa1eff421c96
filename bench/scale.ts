/**
 * How much does an update of ten thousand guests cost, apart from the guests?
 *
 * The guests are records behind the interface through which waves act on guests: whatever is asked of one is done at once. So what is
 * left is the scheduler's own: who is concerned and in which order (plan), and the events, slots and reports of a whole wave, notice
 * and recovery being 0. The document is what a reader of the whole fleet gets while all events of such a wave stand. Three shapes: one
 * set, a hundred, and every guest a set of its own, which makes an event for each. Each wave's report is counted: every guest updated.
 *
 * Floor: a map of ten thousand names built and read once, which is the least a plan could do.
 *
 * It would change with: anything that looks through all guests, or all events, for each of them.
 */

import { systemClock } from "../dist/schedule/clock.js";
import { ScheduledEvents } from "../dist/schedule/events.js";
import { History } from "../dist/schedule/history.js";
import { Placements } from "../dist/schedule/placement.js";
import type { Resident } from "../dist/schedule/resident.js";
import { Waves } from "../dist/schedule/waves.js";
import { noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Question, Run } from "./support/question.ts";
import { type Candidate, type Measured, measureRounds, ratio } from "./support/rounds.ts";

const GUESTS = 10_000;
const DOMAINS = 20;
const SHAPES = [1, 100, GUESTS];
const FIGURE = 100;
const FLOOR = "floor: a map of 10 000 names";
const SERVICES = new URL("file:///services.js");

/** A guest to which everything can be done, at once. */
function record(name: string): Resident {
  return {
    name,
    state: "running",
    ended: new Promise(() => {}),
    expectedMs: 1,
    verdict: async () => ({ ok: true }),
    replace: async () => ({ blackoutMs: 1, back: async () => ({ blackoutMs: 1 }) }),
    healthy: async () => true,
    passes: () => true,
  };
}

function fleet(sets: number): { waves: Waves; events: ScheduledEvents } {
  const placements = new Placements({ updateDomainCount: DOMAINS });
  const residents = new Map<string, Resident>();
  for (let i = 0; i < GUESTS; i++) {
    const name = `guest ${i}`;
    const domain = sets === GUESTS ? { updateDomain: i % DOMAINS } : {};
    placements.place(name, { ...(sets < GUESTS && { set: `set ${i % sets}` }), ...domain });
    residents.set(name, record(name));
  }
  const clock = systemClock;
  const events = new ScheduledEvents({ clock, placements });
  const side = { clock, events, history: new History(), noticeMs: 0, placements, residents };
  return { waves: new Waves(side, { recoveryMs: 0 }), events };
}

const nameOf = (sets: number): string => (sets === 1 ? "one set" : sets === GUESTS ? "each a set" : `${sets} sets`);

function candidates(sets: number): Candidate[] {
  const { waves, events } = fleet(sets);
  const plan = async (): Promise<number> => {
    const from = performance.now();
    const { domains } = await waves.plan({ services: SERVICES });
    const took = performance.now() - from;
    if (domains.length !== DOMAINS) throw new Error(`${domains.length} domains are planned`);
    return took;
  };
  const wave = async (): Promise<number> => {
    const from = performance.now();
    const { guests } = await waves.begin({ services: SERVICES }).result;
    const took = performance.now() - from;
    const updated = guests.filter(({ outcome }) => outcome === "updated").length;
    if (updated !== GUESTS) throw new Error(`${updated} guests are updated`);
    return took;
  };
  const document = async (): Promise<number> => {
    const standing = waves.begin({ services: SERVICES });
    standing.hold();
    for await (const progress of standing) if (progress.type === "state" && progress.to === "notice") break;
    const from = performance.now();
    const text = JSON.stringify(events.document());
    const took = performance.now() - from;
    standing.cancel();
    await standing.result;
    if (text.split('"guest ').length - 1 !== GUESTS) throw new Error("the document does not name every guest");
    return took;
  };
  return [
    { name: `${nameOf(sets)}, plan`, measure: plan },
    ...(sets === FIGURE ? [{ name: `${nameOf(sets)}, plan, again`, measure: plan }] : []),
    { name: `${nameOf(sets)}, wave`, measure: wave },
    { name: `${nameOf(sets)}, document`, measure: document },
  ];
}

const floor: Candidate = {
  name: FLOOR,
  measure: () => {
    const from = performance.now();
    const names = new Map<string, number>();
    for (let i = 0; i < GUESTS; i++) names.set(`guest ${i}`, i);
    let sum = 0;
    for (const value of names.values()) sum += value;
    const took = performance.now() - from;
    if (sum !== (GUESTS * (GUESTS - 1)) / 2) throw new Error("the floor is wrong");
    return took;
  },
};

function row(name: string, measured: ReadonlyMap<string, Measured>): Record<string, string | number | undefined> {
  const samples = measured.get(name)!.samples;
  const at = (share: number): number => quantile(samples, share);
  return { name, p50: at(0.5), p99: at(0.99), max: at(1), samples: samples.length };
}

async function ask({ full, random, progress }: Run): Promise<Answer> {
  const all = [floor, ...SHAPES.flatMap(candidates)];
  const measured = await measureRounds(all, {
    rounds: full ? 11 : 3,
    iterations: full ? 3 : 2,
    warmups: full ? 2 : 1,
    random,
    progress,
  });
  const figure = (what: string): Measured => measured.get(`${nameOf(FIGURE)}, ${what}`)!;
  return {
    tables: [
      {
        title: "10 000 guests in 20 update domains, ms",
        columns: [
          { key: "name", title: "sets, what" },
          { key: "p50", title: "p50", digits: 2 },
          { key: "p99", title: "p99", digits: 2 },
          { key: "max", title: "max", digits: 2 },
          { key: "samples", title: "samples" },
        ],
        rows: all.map(({ name }) => row(name, measured)),
      },
    ],
    figures: [
      {
        name: "plan of 10 000 guests in 20 update domains, p50",
        value: quantile(figure("plan").samples, 0.5),
        unit: "ms",
        atMost: 100,
        noise: noiseOf(ratio(figure("plan, again"), figure("plan"))),
      },
      {
        name: "a whole wave over them, the guests' own time apart, p50",
        value: quantile(figure("wave").samples, 0.5),
        unit: "ms",
      },
      {
        name: "document at 10 000 resources, p50",
        value: quantile(figure("document").samples, 0.5),
        unit: "ms",
        atMost: 50,
      },
    ],
    notes: [],
  };
}

export const question: Question = {
  chapter: "growth",
  title: "How much does an update of ten thousand guests cost?",
  ask,
};
