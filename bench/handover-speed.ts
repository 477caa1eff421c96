/**
 * Does a guest run slower after it has been handed over?
 *
 * Several guests of each program, at work in a loop that never ends. Each is measured before, is handed over ten times
 * at random moments, runs for a while, and is measured after. Others of the same kind have the same spans with no handover between:
 * that is the A/A row. One guest runs at a time, the others are held, and the kinds take turns.
 *
 *   speed   turns of the program's loop, which it counts in its own memory, by CPU time of the process
 *   ratio   after to before, as speeds; the median over guests
 *
 * A guest that has been handed over goes on in continuations as long as the frames last that were on its stack, and in the image's own
 * functions in every call that it makes from there. Engines never replace the code of a running frame, so a guest may also
 * be faster afterwards: its frames are entered anew, in better code.
 *
 * It would change with: how long the frames of a program live, what an engine does to the functions of a small module that is compiled
 * anew, and how long one waits before the second span, because that code has to become optimised as well.
 */

import { Fleet, type Guest } from "../dist/index.js";
import { cpythonLoop, type Living, quickJsLoop, type Subject, sqliteQuery } from "./programs/guests.ts";
import { geometricMean, median, noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run } from "./support/question.ts";
import { speedOf } from "./support/turns.ts";

const SUBJECTS: readonly Subject[] = [quickJsLoop, ...(sqliteQuery === undefined ? [] : [sqliteQuery]), cpythonLoop];
const GUESTS = { full: 3, smoke: 1 };
const SUBJECT_COUNT = { full: SUBJECTS.length, smoke: 1 };
const HANDOVERS = { full: 10, smoke: 2 };
/** Of a span, and of the time before it in which code becomes optimised, ms. */
const SPAN_MS = { full: 300, smoke: 100 };
const SETTLE_MS = { full: 600, smoke: 600 };
/** Longest time between two handovers, ms. */
const APART_MS_MAX = 40;
/** The bar of the project. */
const SPEED_MIN = 0.95;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const KINDS = ["still", "moved"] as const;

interface Sample {
  readonly before: number;
  readonly after: number;
}

interface Result {
  readonly name: string;
  readonly samples: readonly Sample[];
}

/** Speed, what comes between, speed again. The guest begins and ends held. */
async function measure(
  { guest, turns }: Living,
  between: (guest: Guest) => Promise<void>,
  { spanMs, settleMs }: { spanMs: number; settleMs: number },
): Promise<Sample> {
  await guest.resume();
  await pause(spanMs / 4);
  const before = await speedOf(turns!, spanMs);
  await between(guest);
  await pause(settleMs);
  const after = await speedOf(turns!, spanMs);
  await guest.freeze();
  return { before, after };
}

const ratiosOf = ({ samples }: Result): number[] => samples.map(({ before, after }) => after / before);

async function askOf(subject: Subject, fleet: Fleet, run: Run): Promise<{ moved: Result; still: Result }> {
  const size = run.full ? "full" : "smoke";
  const boot = async (kind: string): Promise<Living[]> => {
    const livings: Living[] = [];
    for (let i = 0; i < GUESTS[size]; i++) {
      run.progress(`booting: ${subject.name}`);
      const living = await subject.boot(fleet, { name: `${subject.name} ${kind} ${i}` });
      await pause(SETTLE_MS[size]);
      await living.guest.freeze();
      livings.push(living);
    }
    return livings;
  };
  const guests = { moved: await boot("moved"), still: await boot("still") };
  const results: Record<(typeof KINDS)[number], Sample[]> = { still: [], moved: [] };
  const between = {
    moved: async (guest: Guest) => {
      for (let i = 0; i < HANDOVERS[size]; i++) {
        await pause(run.random.below(APART_MS_MAX));
        await guest.handover();
      }
    },
    // As long as the handovers take, about.
    still: () => pause(HANDOVERS[size] * 100),
  };
  for (let i = 0; i < GUESTS[size]; i++) {
    for (const kind of run.random.oneIn(2) ? KINDS : KINDS.toReversed()) {
      run.progress(`${subject.name}: ${kind}, ${i + 1} of ${GUESTS[size]}`);
      const spans = { spanMs: SPAN_MS[size], settleMs: SETTLE_MS[size] };
      results[kind].push(await measure(guests[kind][i]!, between[kind], spans));
    }
  }
  await Promise.all([...guests.moved, ...guests.still].map(({ guest }) => guest.terminate()));
  return {
    moved: { name: `${subject.name}: ten handovers`, samples: results.moved },
    still: { name: `${subject.name}: none`, samples: results.still },
  };
}

function row(result: Result): Record<string, Cell> {
  const ratios = ratiosOf(result);
  return {
    name: result.name,
    before: median(result.samples.map(({ before }) => before)),
    ratio: median(ratios),
    least: quantile(ratios, 0),
    most: quantile(ratios, 1),
    samples: ratios.length,
  };
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  const results: { subject: Subject; moved: Result; still: Result }[] = [];
  for (const subject of SUBJECTS.slice(0, SUBJECT_COUNT[run.full ? "full" : "smoke"]))
    results.push({ subject, ...(await askOf(subject, fleet, run)) });
  const figure = (name: string, ours: readonly Result[], stills: readonly Result[]): Figure => {
    const mean = (of: readonly Result[]): number => geometricMean(of.map((result) => median(ratiosOf(result))));
    return { name, value: mean(ours), unit: "x", atLeast: SPEED_MIN, noise: noiseOf(mean(stills)) };
  };
  const all = "speed after ten handovers against before";
  return {
    tables: [
      {
        title: "Speed after ten handovers against before",
        columns: [
          { key: "name", title: "guest, between the spans" },
          { key: "before", title: "turns per ms of CPU before", digits: 3 },
          { key: "ratio", title: "speed after to before", digits: 3 },
          { key: "least", title: "least", digits: 3 },
          { key: "most", title: "most", digits: 3 },
          { key: "samples", title: "samples" },
        ],
        rows: results.flatMap(({ moved, still }) => [row(still), row(moved)]),
      },
    ],
    figures: [
      figure(
        all,
        results.map(({ moved }) => moved),
        results.map(({ still }) => still),
      ),
      ...results.map(({ subject, moved, still }) => figure(`${all}, ${subject.name}`, [moved], [still])),
    ],
    plots: [
      {
        title: "Speed after ten handovers against before",
        kind: "bars",
        x: { title: "guest" },
        y: { title: "speed after to before" },
        series: KINDS.map((kind) => ({
          name: kind === "still" ? "no handover between" : "ten handovers between",
          points: results.map((result) => [result.subject.name, median(ratiosOf(result[kind]))] as const),
        })),
      },
    ],
    notes: sqliteQuery === undefined ? ["SQLite was not built, for want of a compiler, and is not asked."] : [],
  };
}

export const question: Question = {
  chapter: "replacement",
  title: "Does a guest run slower after it has been handed over?",
  ask,
};
