/**
 * What does knowing the dirty pages cost?
 *
 * Guests of the same program, at work in a loop that never ends, are booted without tracking, with marks (prepared code notes the page of
 * each store) and with scans (nothing is noted; hashes of all pages are compared with those kept). One runs at a time, in rounds; the
 * others are held. "none, again" is a second guest without tracking.
 *
 *   running    time for a turn of the program's loop, by CPU time of the process, against the guest without tracking, median over rounds
 *   asking     `dirty({ clear: true })` with the guest frozen, by the owner's clock: a sweep of the map, or a scan of all memory
 *
 * It would change with: the share of stores in a program, for marks; the size of its memory, for scans, however little is written.
 */

import { Fleet, type Guest } from "../dist/index.js";
import { cpythonLoop, quickJsLoop, type Subject, sqliteQuery } from "./programs/guests.ts";
import { millisecondColumns, milliseconds } from "./support/percentiles.ts";
import { geometricMean, noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";
import { type Candidate, type Measured, measureRounds, ratio } from "./support/rounds.ts";
import { speedOf } from "./support/turns.ts";

const SUBJECTS: readonly Subject[] = [quickJsLoop, ...(sqliteQuery === undefined ? [] : [sqliteQuery]), cpythonLoop];
const SUBJECT_COUNT = { full: SUBJECTS.length, smoke: 1 };
const ROUNDS = { full: 6, smoke: 2 };
const SPAN_MS = { full: 200, smoke: 60 };
/** Until code is optimised, ms. */
const WARM_UP_MS = { full: 600, smoke: 200 };

const NONE = "none";
const AGAIN = "none, again";
const MODES = [
  { name: NONE, track: "none" },
  { name: AGAIN, track: "none" },
  { name: "marks", track: "marks" },
  { name: "scan", track: "scan" },
] as const;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Tracked extends Candidate {
  readonly guest: Guest;
  readonly track: (typeof MODES)[number]["track"];
  /** Of dirty() at the end of each turn, ms. */
  readonly askingMs: number[];
}

/** A candidate's time is that of a turn, ms. */
async function tracked(
  subject: Subject,
  { name, track }: (typeof MODES)[number],
  fleet: Fleet,
  run: Run,
): Promise<Tracked> {
  const size = run.full ? "full" : "smoke";
  run.progress(`booting: ${subject.name}, ${name}`);
  const { guest, turns } = await subject.boot(fleet, { name: `${subject.name}, ${name}`, track });
  await pause(WARM_UP_MS[size]);
  await guest.freeze();
  const askingMs: number[] = [];
  return {
    name,
    guest,
    track,
    askingMs,
    begin: async () => {
      await guest.resume();
      await pause(SPAN_MS[size] / 4);
    },
    measure: async () => 1 / (await speedOf(turns!, SPAN_MS[size])),
    end: async () => {
      await guest.freeze();
      if (track === "none") return;
      const from = performance.now();
      await guest.dirty({ clear: true });
      askingMs.push(performance.now() - from);
    },
    warm: () => {
      askingMs.length = 0;
    },
  };
}

interface Result {
  readonly subject: Subject;
  readonly rows: readonly Record<string, Cell>[];
  readonly ratios: Readonly<Record<string, number>>;
  readonly scanMs: number;
  readonly marksMs: number;
}

async function askOf(subject: Subject, fleet: Fleet, run: Run): Promise<Result> {
  const all: Tracked[] = [];
  for (const mode of MODES) all.push(await tracked(subject, mode, fleet, run));
  const measured = await measureRounds(all, {
    rounds: ROUNDS[run.full ? "full" : "smoke"],
    iterations: 1,
    warmups: 1,
    random: run.random,
    progress: (text) => run.progress(`${subject.name}: ${text}`),
  });
  const of = (name: string): Measured => measured.get(name)!;
  const rows = all.map(({ name, guest, askingMs }) => ({
    name: `${subject.name}: ${name}`,
    mib: guest.memory.buffer.byteLength / 2 ** 20,
    time: ratio(of(name), of(NONE)),
    ...(askingMs.length > 0 && milliseconds("asking", askingMs)),
    samples: of(name).samples.length,
  }));
  await Promise.all(all.map(({ guest }) => guest.terminate()));
  const asking = (track: string): number => quantile(all.find((one) => one.track === track)!.askingMs, 0.5);
  return {
    subject,
    rows,
    ratios: Object.fromEntries(MODES.map(({ name }) => [name, ratio(of(name), of(NONE))])),
    scanMs: asking("scan"),
    marksMs: asking("marks"),
  };
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  const results: Result[] = [];
  for (const subject of SUBJECTS.slice(0, SUBJECT_COUNT[run.full ? "full" : "smoke"]))
    results.push(await askOf(subject, fleet, run));
  const mean = (mode: string): number => geometricMean(results.map(({ ratios }) => ratios[mode]!));
  const noise = noiseOf(mean(AGAIN));
  return {
    tables: [
      {
        title: "Tracking while a guest runs, and asking for what it wrote",
        columns: [
          { key: "name", title: "guest and tracking" },
          { key: "mib", title: "memory, MiB", digits: 1 },
          { key: "time", title: "running, to none", digits: 3 },
          ...millisecondColumns("asking", "asking, ms, "),
          { key: "samples", title: "rounds" },
        ],
        rows: results.flatMap(({ rows }) => rows),
      },
    ],
    figures: [
      { name: "running time with marks against none", value: mean("marks"), unit: "x", noise },
      { name: "running time with scans against none", value: mean("scan"), unit: "x", noise },
      {
        name: "time to find the dirty pages by marks against a scan, p50",
        value: geometricMean(results.map(({ marksMs, scanMs }) => marksMs / scanMs)),
        unit: "x",
      },
    ],
    plots: [
      {
        title: "Finding the dirty pages of a guest at work",
        kind: "bars",
        x: { title: "guest" },
        y: { title: "ms", logarithmic: true },
        series: [
          { name: "marks", points: results.map(({ subject, marksMs }) => [subject.name, marksMs] as const) },
          { name: "scan", points: results.map(({ subject, scanMs }) => [subject.name, scanMs] as const) },
        ],
      },
    ],
    notes: sqliteQuery === undefined ? ["SQLite was not built, for want of a compiler, and is not asked."] : [],
  };
}

export const question: Question = { chapter: "dirty", title: "What does knowing the dirty pages cost?", ask };
