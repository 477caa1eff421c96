/**
 * What do long-lived loops gain by tier-up?
 *
 * Each program is a loop in a function that is called once and does not return. It runs as the unprepared module in a Worker, as a
 * guest that is left alone, as one with `tierUp`, and as one that has been handed over ten times; each from bytes of its own,
 * because engines share the code of identical ones. One runs at a time, in rounds: guests are held by a freeze meanwhile, and the
 * unprepared module, which cannot be, is started anew for its turn and given time to warm up.
 *
 *   time     CPU time of the process for one turn of the program, which counts turns in its own memory: what else the machine
 *            does counts little, and what the engine compiles meanwhile counts too
 *   pauses   how often the guest was taken off its thread and put back, and how long that kept it, by its own time stamps
 *
 * It would change with an engine that replaces the code of a running frame, or compiles sooner; and with the program: a loop that
 * waits for memory or for one long chain of operations has little to gain.
 */

import { Worker } from "node:worker_threads";
import { Fleet, type Guest, prepareSync, type TierUpReport } from "../dist/index.js";
import type { NestTask } from "./programs/nest-worker.ts";
import { MEMORY, type Nest, nests, TURNS_PTR } from "./programs/nests.ts";
import { median, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run } from "./support/question.ts";
import { marked } from "./support/variants.ts";

/** A measurement lasts so long, ms, after a program has run for the time that it takes an engine to compile it. */
const MEASURE_MS = 200;
const WARM_MS = { full: 2500, smoke: 1800 };
const ROUNDS = { full: 5, smoke: 2 };
const HANDOVERS = 10;
/** Tier-up that has not come to its end by then is measured as it is, ms. */
const SETTLED_MS_MAX = 15_000;
/** Of the unprepared module's time, at most: where optimised code is much faster than baseline code, which is not everywhere. */
const BARS: Readonly<Record<string, number>> = { matrices: 0.5 };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let marks = 0;
const own = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => marked(bytes, `run ${marks++}`);

/** CPU time of one turn, ms. */
async function measure(memory: WebAssembly.Memory): Promise<number> {
  const turns = new BigInt64Array(memory.buffer, TURNS_PTR, 1);
  const before = Atomics.load(turns, 0);
  const from = process.cpuUsage();
  await pause(MEASURE_MS);
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000 / Number(Atomics.load(turns, 0) - before);
}

async function unprepared({ bytes, run }: Nest, warmMs: number): Promise<number> {
  const memory = new WebAssembly.Memory({ initial: MEMORY.minimumPages, maximum: MEMORY.maximumPages, shared: true });
  const imports = { [MEMORY.module]: { [MEMORY.name]: memory } };
  const task: NestTask = { module: new WebAssembly.Module(own(bytes)), imports, run };
  const worker = new Worker(new URL("./programs/nest-worker.ts", import.meta.url), { workerData: task });
  try {
    await pause(warmMs);
    return await measure(memory);
  } finally {
    await worker.terminate();
  }
}

async function begin(fleet: Fleet, { name, bytes, run }: Nest, tierUp: boolean): Promise<[Guest, TierUpReport[]]> {
  const guest = await fleet.boot(prepareSync(own(bytes)), { name: `${name} ${marks}`, tierUp });
  const reports: TierUpReport[] = [];
  guest.events.addEventListener("tierUp", ({ detail }) => reports.push(detail));
  guest.call(run).catch(() => undefined);
  return [guest, reports];
}

/** A capture that the machine has made long puts the next one off, and none comes while a guest is held: so its end is awaited. */
async function settled(reports: readonly TierUpReport[]): Promise<void> {
  const until = performance.now() + SETTLED_MS_MAX;
  while (reports.at(-1)?.goesOn !== false && performance.now() < until) await pause(10);
}

interface Subject {
  readonly name: string;
  readonly guest: Guest;
  readonly reports: readonly TierUpReport[];
}

async function subjectsOf(nest: Nest, fleet: Fleet, warmMs: number, { random }: Run): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const [name, tierUp, handovers] of [
    ["left alone", false, 0],
    ["tierUp", true, 0],
    ["ten handovers", true, HANDOVERS],
  ] as const) {
    const [guest, reports] = await begin(fleet, nest, tierUp);
    for (let i = 0; i < handovers; i++) {
      await pause(random.below(100));
      await guest.handover();
    }
    await pause(warmMs);
    if (tierUp) await settled(reports);
    await guest.freeze();
    subjects.push({ name, guest, reports });
  }
  return subjects;
}

async function askOf(nest: Nest, fleet: Fleet, run: Run): Promise<{ rows: Record<string, Cell>[]; figures: Figure[] }> {
  const size = run.full ? "full" : "smoke";
  const subjects = await subjectsOf(nest, fleet, WARM_MS[size], run);
  const times = new Map<string, number[]>(
    ["unprepared", "unprepared, again", ...subjects.map(({ name }) => name)].map((key) => [key, []]),
  );
  for (let round = 0; round < ROUNDS[size]; round++) {
    run.progress(`${nest.name}: round ${round + 1} of ${ROUNDS[size]}`);
    for (const name of ["unprepared", "unprepared, again"])
      times.get(name)!.push(await unprepared(nest, WARM_MS[size] / 4));
    for (const { name, guest } of subjects) {
      await guest.resume();
      await pause(MEASURE_MS / 4);
      times.get(name)!.push(await measure(guest.memory));
      await guest.freeze();
    }
  }
  await Promise.all(subjects.map(({ guest }) => guest.terminate()));

  const ratio = (of: string, to: string): number => median(times.get(of)!.map((ms, i) => ms / times.get(to)![i]!));
  const noise = ratio("unprepared, again", "unprepared");
  const blackouts = (reports: readonly TierUpReport[]): number[] => reports.map(({ blackoutMs }) => blackoutMs);
  const rows = [
    ...["unprepared", "unprepared, again"].map((name) => ({
      program: nest.name,
      name,
      time: ratio(name, "unprepared"),
      us: 1000 * median(times.get(name)!),
    })),
    ...subjects.map(({ name, reports }) => ({
      program: nest.name,
      name,
      time: ratio(name, "unprepared"),
      us: 1000 * median(times.get(name)!),
      pauses: reports.length,
      ...(reports.length > 0 && { p50: quantile(blackouts(reports), 0.5), max: quantile(blackouts(reports), 1) }),
    })),
  ];
  const figure = (name: string, value: number, atMost: number | undefined): Figure => ({
    name: `${name}, ${nest.name}`,
    value,
    unit: "x",
    noise: Math.max(noise, 1 / noise),
    ...(atMost !== undefined && { atMost }),
  });
  const figures = [
    figure("time with tierUp against the unprepared module", ratio("tierUp", "unprepared"), BARS[nest.name]),
    figure("time after ten handovers against before", ratio("ten handovers", "tierUp"), 1 / 0.95),
  ];
  return { rows, figures };
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  const rows: Record<string, Cell>[] = [];
  const figures: Figure[] = [];
  for (const nest of run.full ? nests : nests.slice(0, 1)) {
    const answer = await askOf(nest, fleet, run);
    rows.push(...answer.rows);
    figures.push(...answer.figures);
  }
  return {
    tables: [
      {
        title: "A loop that is entered once",
        columns: [
          { key: "program", title: "program" },
          { key: "name", title: "as" },
          { key: "us", title: "one turn, us", digits: 1 },
          { key: "time", title: "time to the unprepared", digits: 2 },
          { key: "pauses", title: "pauses" },
          { key: "p50", title: "pause p50, ms", digits: 2 },
          { key: "max", title: "pause max, ms", digits: 2 },
        ],
        rows,
      },
    ],
    plots: [
      {
        title: "A loop that is entered once",
        kind: "bars",
        x: { title: "program" },
        y: { title: "time of a turn to the unprepared module's" },
        series: [...new Set(rows.map(({ name }) => String(name)))].map((name) => ({
          name,
          points: rows
            .filter((row) => row.name === name)
            .map(({ program, time }) => [String(program), Number(time)] as const),
        })),
      },
    ],
    figures,
    notes: ["The pauses are all there were, the first of a program, which has its continuations made, included."],
  };
}

export const question: Question = { chapter: "cost", title: "What do long-lived loops gain by tier-up?", ask };
