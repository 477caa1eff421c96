/**
 * How long is a host replaced?
 *
 * One guest at a time is handed from Worker to Worker, each time a new one, at random moments: an idle reactor, a loop at the bottom of
 * 1 to 10 000 calls, QuickJS and CPython in a loop of their program, SQLite in the middle of a query.
 *
 * The first handover of a program in a process stands apart: its continuations have to be made. Each is measured in a process of its own
 * (bench/support/handover-once.ts), because engines keep what they have compiled. Of the later ones the share that met a place in the
 * program which nobody had met before (a cache miss) is printed, and both kinds have a row.
 *
 *   blackout    from the guest's last instruction in the old host to its first in the new one, by its own threads' time stamps;
 *               for an idle guest from the grant to the release
 *   safepoint   from the request to the guest standing still: before the blackout
 *   capture     globals, services and frames out of the old host
 *   synthesis   continuations that were not known written             compile   and compiled
 *   restore     services and globals into the new host
 *   the rest    of the blackout: threads told and woken, and the way to the guest's first instruction
 *
 * The floor is the start of a cold Worker that does nothing, which everybody pays who starts over; it is there twice. The noise of a
 * guest's figures is the ratio of its odd to its even handovers.
 *
 * It would change with: how fast threads are woken (an idle guest's blackout is little else), the depth of the stack, the size of the
 * functions on it, how much of the program has been met before, and a machine with a core to spare.
 */

import { spawnSync } from "node:child_process";
import { Fleet, type HandoverReport } from "../dist/index.js";
import { cpythonLoop, deep, idle, quickJsLoop, type Subject, sqliteQuery } from "./programs/guests.ts";
import { Echo } from "./support/echo.ts";
import { millisecondColumns, milliseconds, percentilePlot } from "./support/percentiles.ts";
import { median, noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run } from "./support/question.ts";

interface Case {
  readonly subject: Subject;
  /** How many handovers, in full. */
  readonly count: number;
  /** The goal of its blackout, p50, ms; p99 may be this many times as long. */
  readonly goalMs?: number;
  /** Whether its first handover is measured in processes of its own. */
  readonly first?: boolean;
  readonly depth?: number;
}

const P99_TO_P50_MAX = 10;
const DEPTHS = [1, 10, 100, 1000, 10_000];
/** A smoke run needs not all of them. */
const SMOKE_DEPTHS = [1, 1000];
const CASES: readonly Case[] = [
  { subject: idle, count: 200, goalMs: 0.3 },
  ...DEPTHS.map((depth) => ({ subject: deep(depth), count: 20, depth })),
  { subject: quickJsLoop, count: 80, goalMs: 1, first: true },
  ...(sqliteQuery === undefined ? [] : [{ subject: sqliteQuery, count: 80, goalMs: 1, first: true }]),
  { subject: cpythonLoop, count: 100, goalMs: 5, first: true },
];
const SMOKE_COUNT = 3;
const FIRSTS = { full: 3, smoke: 1 };
const FIRST_CASES = { full: CASES.length, smoke: 1 };
const COLD_STARTS = { full: 40, smoke: 2 };
/** Longest time between two handovers, ms. */
const APART_MS_MAX = 20;
const MID_EXECUTION_MIN = 80;

const PARTS = ["timeToSafepointMs", "captureMs", "synthesisMs", "compileMs", "restoreMs"] as const;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const blackouts = (reports: readonly HandoverReport[]): number[] => reports.map(({ blackoutMs }) => blackoutMs);

function restMs({ blackoutMs, captureMs, synthesisMs, compileMs, restoreMs }: HandoverReport): number {
  return blackoutMs - captureMs - synthesisMs - compileMs - restoreMs;
}

/** Handed over for the first time in a process that does nothing else. */
function once(name: string): HandoverReport {
  const entry = new URL("support/handover-once.ts", import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, entry, name], {
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`the first handover ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as HandoverReport;
}

async function laterOnes(
  { subject, count }: Case,
  fleet: Fleet,
  { full, random, progress }: Run,
): Promise<HandoverReport[]> {
  progress(`booting: ${subject.name}`);
  const { guest } = await subject.boot(fleet);
  const wanted = full ? count : SMOKE_COUNT;
  const reports: HandoverReport[] = [];
  // The first one is this guest's, and not the first of a process.
  for (let i = 0; i <= wanted; i++) {
    progress(`${subject.name}: ${i} of ${wanted}`);
    await pause((random.below(1000) / 1000) * APART_MS_MAX);
    const report = await guest.handover();
    if (report.guestBytesCopied > 0) throw new Error(`${subject.name}: ${report.guestBytesCopied} bytes were copied`);
    if (i > 0) reports.push(report);
  }
  await guest.terminate();
  return reports;
}

async function coldStart(): Promise<number> {
  const from = performance.now();
  await using _ = await Echo.start();
  return performance.now() - from;
}

function blackoutRow(name: string, reports: readonly HandoverReport[]): Record<string, Cell> {
  return {
    name,
    frames: median(reports.map(({ frames }) => frames)),
    parked: (100 * reports.filter(({ how }) => how === "parked").length) / reports.length,
    missing: (100 * reports.filter(({ cacheMisses }) => cacheMisses > 0).length) / reports.length,
    ...milliseconds("blackout", blackouts(reports)),
    samples: reports.length,
  };
}

function partsRow(name: string, reports: readonly HandoverReport[]): Record<string, Cell> {
  const cells: Record<string, Cell> = { name, samples: reports.length };
  const add = (key: string, samples: readonly number[]): void => {
    cells[`${key}P50`] = quantile(samples, 0.5);
    cells[`${key}P99`] = quantile(samples, 0.99);
  };
  for (const part of PARTS) {
    add(
      part,
      reports.map((report) => report[part]),
    );
  }
  add("rest", reports.map(restMs));
  return cells;
}

/** The row of all, and rows of those with and without a cache miss where there are both. */
function rowsOf(
  name: string,
  reports: readonly HandoverReport[],
  row: (name: string, reports: readonly HandoverReport[]) => Record<string, Cell>,
): Record<string, Cell>[] {
  const missed = reports.filter(({ cacheMisses }) => cacheMisses > 0);
  const known = reports.filter(({ cacheMisses }) => cacheMisses === 0);
  if (missed.length === 0 || known.length === 0) return [row(name, reports)];
  return [row(name, reports), row(`${name}: nothing missed`, known), row(`${name}: something missed`, missed)];
}

function figuresOf({ subject: { name }, goalMs, depth }: Case, reports: readonly HandoverReport[]): Figure[] {
  if (depth !== undefined) return [];
  const samples = blackouts(reports);
  const every = (rest: number): number => median(samples.filter((_, i) => i % 2 === rest));
  const noise = noiseOf(every(1) / every(0));
  return [
    {
      name: `handover blackout p50, ${name}`,
      value: quantile(samples, 0.5),
      unit: "ms",
      ...(goalMs !== undefined && { atMost: goalMs }),
      noise,
    },
    {
      name: `handover blackout p99, ${name}`,
      value: quantile(samples, 0.99),
      unit: "ms",
      ...(goalMs !== undefined && { atMost: P99_TO_P50_MAX * goalMs }),
      noise,
    },
  ];
}

async function ask(run: Run): Promise<Answer> {
  const size = run.full ? "full" : "smoke";
  const cases = CASES.filter(({ depth }) => run.full || depth === undefined || SMOKE_DEPTHS.includes(depth));
  const firsts = new Map<Case, HandoverReport[]>();
  for (const one of cases.filter(({ first }) => first).slice(0, FIRST_CASES[size])) {
    const own: HandoverReport[] = [];
    for (let i = 0; i < FIRSTS[size]; i++) {
      run.progress(`${one.subject.name}: first of process ${i + 1} of ${FIRSTS[size]}`);
      own.push(once(one.subject.name));
    }
    firsts.set(one, own);
  }
  await using fleet = await Fleet.open();
  const later = new Map<Case, HandoverReport[]>();
  const cold: number[] = [];
  for (const one of cases) {
    later.set(one, await laterOnes(one, fleet, run));
    for (let i = 0; i < COLD_STARTS[size] / cases.length; i++) cold.push(await coldStart());
  }
  const half = (rest: number): number[] => cold.filter((_, i) => i % 2 === rest);
  const busy = [...later].filter(([{ subject }]) => subject.busy).flatMap(([, reports]) => reports);
  const tableRows = (row: typeof blackoutRow): Record<string, Cell>[] =>
    cases.flatMap((one) => [
      ...(firsts.has(one) ? [row(`${one.subject.name}, the first`, firsts.get(one)!)] : []),
      ...rowsOf(one.subject.name, later.get(one)!, row),
    ]);
  const depths = (q: number): (readonly [number, number])[] =>
    cases.flatMap((one) =>
      one.depth === undefined ? [] : [[one.depth, quantile(blackouts(later.get(one)!), q)] as const],
    );
  return {
    tables: [
      {
        title: "Handover to a new Worker: blackout, ms",
        columns: [
          { key: "name", title: "guest" },
          { key: "frames", title: "frames, p50" },
          { key: "parked", title: "mid-execution, %" },
          { key: "missing", title: "with a cache miss, %" },
          ...millisecondColumns("blackout", ""),
          { key: "samples", title: "samples" },
        ],
        rows: [
          ...tableRows(blackoutRow),
          { name: "floor: a cold Worker's start", ...milliseconds("blackout", half(0)), samples: half(0).length },
          { name: "floor, again", ...milliseconds("blackout", half(1)), samples: half(1).length },
        ],
      },
      {
        title: "Handover: its parts, ms",
        columns: [
          { key: "name", title: "guest" },
          ...[
            ["timeToSafepointMs", "safepoint"],
            ["captureMs", "capture"],
            ["synthesisMs", "synthesis"],
            ["compileMs", "compile"],
            ["restoreMs", "restore"],
            ["rest", "the rest"],
          ].flatMap(([key, title]) => [
            { key: `${key}P50`, title: `${title} p50`, digits: 2 },
            { key: `${key}P99`, title: "p99", digits: 2 },
          ]),
          { key: "samples", title: "samples" },
        ],
        rows: tableRows(partsRow),
      },
    ],
    figures: [
      ...cases.flatMap((one) => figuresOf(one, later.get(one)!)),
      ...[...firsts].map(([{ subject }, reports]) => ({
        name: `first handover blackout, ${subject.name}`,
        value: median(blackouts(reports)),
        unit: "ms",
      })),
      {
        name: "handovers that met a guest in mid-execution, of guests at work",
        value: (100 * busy.filter(({ how }) => how === "parked").length) / busy.length,
        unit: "%",
        atLeast: MID_EXECUTION_MIN,
      },
      {
        name: "a cold Worker's start, p50",
        value: median(cold),
        unit: "ms",
        noise: noiseOf(median(half(1)) / median(half(0))),
      },
    ],
    plots: [
      percentilePlot("Handover: blackout", { title: "guest" }, "blackout", "ms", [
        ...cases
          .filter(({ depth }) => depth === undefined)
          .map((one) => ({ name: one.subject.name, samplesMs: blackouts(later.get(one)!) })),
        { name: "a cold Worker's start", samplesMs: cold },
      ]),
      {
        title: "Handover by depth of the stack",
        kind: "lines",
        x: { title: "frames", logarithmic: true },
        y: { title: "blackout, ms", logarithmic: true },
        series: [
          { name: "p50", points: depths(0.5) },
          { name: "p90", points: depths(0.9) },
        ],
      },
    ],
    notes: [
      "Guest bytes copied: 0.",
      ...(sqliteQuery === undefined ? ["SQLite was not built, for want of a compiler, and is not asked."] : []),
    ],
  };
}

export const question: Question = { chapter: "replacement", title: "How long is a host replaced?", ask };
