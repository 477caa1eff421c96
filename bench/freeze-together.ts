/**
 * How long does it take to stop many guests at once?
 *
 * Guests that compute all the time, 1, 2, 4, ... of them, each in its Worker, on a few cores: all are asked to freeze in one go
 * (`freeze` of each, without waiting for one before the next), and once all stand still, all are resumed. Before the next turn they run
 * for a moment. Guests are added while the others are frozen, until half of the free memory is used or starting them takes too long;
 * how many there were then is told.
 *
 *   all frozen    owner's clock, from the first call of freeze until the last guest is known to stand still
 *   all running   from the first call of resume until the last guest has said that it runs
 *   safepoint     of each guest, from its request to its standing still
 *   blackout      of each guest, by its own time stamps: whoever was stopped first waits for all others
 *
 * The floor is as many threads that look at a word all the time and are stopped and woken by the bare handshake
 * (bench/support/handshake.ts). Where there are more threads than cores, most of them have no core when they are asked, and see the
 * request only when the scheduler gives them one: that is what grows. The A/A column is the ratio of all odd turns to all even ones.
 *
 * It would change with: the number of cores, the scheduler's slices, and guests that sleep or are idle, which are frozen at once.
 */

import { cpus } from "node:os";
import { Fleet, type FreezeReport, type Guest, type ResumeReport } from "../dist/index.js";
import { tightLoop } from "./programs/guests.ts";
import { BUDGET_MS } from "./support/freezes.ts";
import { Handshake } from "./support/handshake.ts";
import { availableBytes } from "./support/memory.ts";
import { median, noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";

const COUNT_MAX = { full: 512, smoke: 8 };
/** Starting guests ends here, ms. */
const START_MS_MAX = 12_000;
/** More threads than this are no floor that is worth its memory. */
const FLOOR_COUNT_MAX = 64;
/** Between two turns, ms. */
const RUN_MS = 20;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Turn {
  readonly frozenMs: number;
  readonly runningMs: number;
  readonly freezes: readonly FreezeReport[];
  readonly resumes: readonly ResumeReport[];
}

/** All begin and end frozen. */
async function turnOf(guests: readonly Guest[]): Promise<Turn> {
  await Promise.all(guests.map((guest) => guest.resume()));
  await pause(RUN_MS);
  const from = performance.now();
  const freezes = await Promise.all(guests.map((guest) => guest.freeze({ budgetMs: BUDGET_MS })));
  const frozen = performance.now();
  const resumes = await Promise.all(guests.map((guest) => guest.resume()));
  const running = performance.now();
  await Promise.all(guests.map((guest) => guest.freeze({ budgetMs: BUDGET_MS })));
  return { frozenMs: frozen - from, runningMs: running - frozen, freezes, resumes };
}

/** All begin and end stopped. Answers how long stopping all of them took, ms. */
async function floorOf(threads: readonly Handshake[]): Promise<number> {
  await Promise.all(threads.map((thread) => thread.goAsync()));
  await pause(RUN_MS);
  const from = performance.now();
  await Promise.all(threads.map((thread) => thread.stopAsync()));
  return performance.now() - from;
}

function row(turns: readonly Turn[], floor: readonly number[]): Record<string, Cell> {
  const count = turns[0]!.freezes.length;
  const freezes = turns.flatMap((turn) => turn.freezes);
  const frozen = turns.map(({ frozenMs }) => frozenMs);
  const every = (rest: number): number => median(frozen.filter((_, i) => i % 2 === rest));
  const each = (prefix: string, samples: readonly number[]): Record<string, number> => ({
    [`${prefix}P50`]: quantile(samples, 0.5),
    [`${prefix}P99`]: quantile(samples, 0.99),
    [`${prefix}Max`]: quantile(samples, 1),
  });
  return {
    count,
    parked: (100 * freezes.filter(({ how }) => how === "parked").length) / freezes.length,
    frozen: median(frozen),
    frozenMax: Math.max(...frozen),
    again: noiseOf(every(1) / every(0)),
    floor: floor.length > 0 ? median(floor) : undefined,
    running: median(turns.map(({ runningMs }) => runningMs)),
    ...each(
      "safepoint",
      freezes.map(({ timeToSafepointMs }) => timeToSafepointMs),
    ),
    ...each(
      "blackout",
      turns.flatMap(({ resumes }) => resumes.map(({ blackoutMs }) => blackoutMs)),
    ),
    samples: turns.length,
  };
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  await using floors = new AsyncDisposableStack();
  const guests: Guest[] = [];
  const threads: Handshake[] = [];
  const rows: Record<string, Cell>[] = [];
  const countMax = run.full ? COUNT_MAX.full : COUNT_MAX.smoke;
  const leaveBytes = availableBytes() / 2;
  let startMs = 0;
  let ended = `the size of the run (${countMax})`;
  for (let count = 1; count <= countMax; count *= 2) {
    run.progress(`starting ${count} guests`);
    const from = performance.now();
    while (guests.length < count && startMs + performance.now() - from < START_MS_MAX) {
      const { guest } = await tightLoop.boot(fleet, { name: `guest ${guests.length}` });
      await guest.freeze();
      guests.push(guest);
      if (availableBytes() < leaveBytes) break;
    }
    startMs += performance.now() - from;
    while (threads.length < Math.min(count, FLOOR_COUNT_MAX)) threads.push(floors.use(await Handshake.start()));
    const turns: Turn[] = [];
    const floor: number[] = [];
    const wanted = run.full ? Math.max(4, 64 / count) : 2;
    for (let i = 0; i < wanted; i++) {
      run.progress(`${guests.length} guests: turn ${i + 1} of ${wanted}`);
      turns.push(await turnOf(guests));
      if (threads.length === guests.length) floor.push(await floorOf(threads));
    }
    rows.push(row(turns, floor));
    if (guests.length < count) {
      ended =
        availableBytes() < leaveBytes ? "memory: half of what was free is used" : `time: ${START_MS_MAX / 1000} s`;
      break;
    }
  }
  run.progress(`ending ${guests.length} guests`);
  await Promise.all(guests.map((guest) => guest.terminate()));
  const ms = (key: string, title: string) => ({ key, title, digits: 2 });
  const line = (name: string, key: string) => ({
    name,
    points: rows
      .filter((row) => row[key] !== undefined)
      .map((row) => [row.count as number, row[key] as number] as const),
  });
  const last = rows.at(-1)!;
  return {
    tables: [
      {
        title: `Guests at work, frozen together on ${cpus().length} cores, ms`,
        columns: [
          { key: "count", title: "guests" },
          { key: "parked", title: "mid-execution, %" },
          ms("frozen", "all frozen, p50"),
          ms("frozenMax", "max"),
          ms("again", "A/A"),
          ms("floor", "bare threads, p50"),
          ms("running", "all running, p50"),
          ...["p50", "p99", "max"].map((q) => ms(`safepoint${q[0]!.toUpperCase()}${q.slice(1)}`, `safepoint ${q}`)),
          ...["p50", "p99", "max"].map((q) => ms(`blackout${q[0]!.toUpperCase()}${q.slice(1)}`, `blackout ${q}`)),
          { key: "samples", title: "turns" },
        ],
        rows,
      },
    ],
    figures: [
      {
        name: "time until all of the most guests stand still, for each guest, p50",
        value: (last.frozen as number) / (last.count as number),
        unit: "ms",
        noise: last.again as number,
      },
    ],
    plots: [
      {
        title: "Freezing many guests at work",
        kind: "lines",
        x: { title: "guests", logarithmic: true },
        y: { title: "ms", logarithmic: true },
        series: [
          line("all frozen, p50", "frozen"),
          line("bare threads, p50", "floor"),
          line("all running, p50", "running"),
          line("safepoint of one, p50", "safepointP50"),
        ],
      },
    ],
    notes: [`The most guests were ${last.count}; what ended it was ${ended}.`],
  };
}

export const question: Question = {
  chapter: "pause",
  title: "How long does it take to stop many guests at once?",
  ask,
};
