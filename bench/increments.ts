/**
 * How many bytes would an incremental copy move?
 *
 * A guest with marks, at work, is frozen every 10, 100 or 1000 ms, asked for its dirty pages, and goes on. What a copy of those pages
 * would move is set against what really changed since the last time, by a comparison of all memory with a copy of it, and against all
 * of memory. The comparison is also the proof: a byte that changed outside the pages that were named fails the run.
 *
 *   marked    bytes of the dirty pages, with the 272 that follow each run of them
 *   pages     bytes of the pages in which anything differs: the best that a tracking by pages could do
 *   bytes     bytes that differ
 *
 * No copy is part of this library; these are the bytes that somebody would have to move who wants one. Nothing is measured twice, because
 * bytes are counted, not timed; how far they spread is in the columns.
 *
 * It would change with: the program, above all whether it writes the same places over and over, and the size of a tracking page.
 */

import { type DirtyReport, Fleet, type Guest } from "../dist/index.js";
import { cpythonLoop, quickJsLoop, type Subject, sqliteQuery } from "./programs/guests.ts";
import { median, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";

const SUBJECTS: readonly Subject[] = [quickJsLoop, ...(sqliteQuery === undefined ? [] : [sqliteQuery]), cpythonLoop];
const SUBJECT_COUNT = { full: SUBJECTS.length, smoke: 1 };
const INTERVALS = [
  { ms: 10, full: 30, smoke: 3 },
  { ms: 100, full: 10, smoke: 2 },
  { ms: 1000, full: 3, smoke: 0 },
] as const;
/** A store at the end of a page may reach so far into the next one without a mark of its own. */
const BEYOND_BYTES = 272;
const KIB = 1024;

interface Increment {
  readonly marked: number;
  readonly pages: number;
  readonly bytes: number;
  readonly whole: number;
}

/** Which bytes a report names, page by page, and how many. */
function named({ runs, pageBytes }: DirtyReport, whole: number): { covers(at: number): boolean; bytes: number } {
  const spans = runs.map(([first, count]) => [first * pageBytes, (first + count) * pageBytes + BEYOND_BYTES] as const);
  return {
    covers: (at) => spans.some(([from, to]) => at >= from && at < to),
    bytes: spans.reduce((sum, [from, to]) => sum + Math.min(to, whole) - from, 0),
  };
}

/** Compares memory with what it was, which it becomes. */
function increment(guest: Guest, report: DirtyReport, before: Buffer): Increment {
  const now = Buffer.from(guest.memory.buffer);
  const { covers, bytes: marked } = named(report, now.length);
  const { pageBytes } = report;
  let pages = 0;
  let bytes = 0;
  for (let page = 0; page < now.length; page += pageBytes) {
    const end = page + pageBytes;
    if (now.compare(before, page, end, page, end) === 0) continue;
    pages++;
    for (let at = page; at < end; at++) {
      if (now[at] === before[at]) continue;
      bytes++;
      if (!covers(at)) throw new Error(`${guest.name} has written to ${at}, which no mark says`);
    }
    now.copy(before, page, page, end);
  }
  return { marked, pages: pages * pageBytes, bytes, whole: now.length };
}

async function askOf(subject: Subject, fleet: Fleet, { full, progress }: Run): Promise<Record<string, Cell>[]> {
  progress(`booting: ${subject.name}`);
  const { guest } = await subject.boot(fleet, { track: "marks" });
  await guest.freeze();
  await guest.dirty({ clear: true });
  // Memory that has grown was zero before.
  let before = Buffer.from(new Uint8Array(guest.memory.buffer).slice().buffer);
  const rows: Record<string, Cell>[] = [];
  for (const { ms, ...counts } of INTERVALS) {
    const wanted = counts[full ? "full" : "smoke"];
    const increments: Increment[] = [];
    for (let i = 0; i < wanted; i++) {
      progress(`${subject.name}: every ${ms} ms, ${i + 1} of ${wanted}`);
      await guest.resume();
      await new Promise((resolve) => setTimeout(resolve, ms));
      await guest.freeze();
      const report = await guest.dirty({ clear: true });
      const grown = guest.memory.buffer.byteLength - before.length;
      if (grown > 0) before = Buffer.concat([before, Buffer.alloc(grown)]);
      increments.push(increment(guest, report, before));
    }
    if (increments.length === 0) continue;
    const kib = (field: keyof Increment, q: number): number =>
      quantile(
        increments.map((one) => one[field]),
        q,
      ) / KIB;
    rows.push({
      name: subject.name,
      ms,
      marked: kib("marked", 0.5),
      markedMax: kib("marked", 1),
      pages: kib("pages", 0.5),
      pagesMax: kib("pages", 1),
      bytes: kib("bytes", 0.5),
      whole: kib("whole", 0.5),
      share: 100 * median(increments.map(({ marked, whole }) => marked / whole)),
      samples: increments.length,
    });
  }
  await guest.terminate();
  return rows;
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  const rows: Record<string, Cell>[] = [];
  for (const subject of SUBJECTS.slice(0, SUBJECT_COUNT[run.full ? "full" : "smoke"]))
    rows.push(...(await askOf(subject, fleet, run)));
  const every = INTERVALS[1].ms;
  const kib = (key: string, title: string) => ({ key, title, digits: 1 });
  return {
    tables: [
      {
        title: "What a guest at work writes, KiB",
        columns: [
          { key: "name", title: "guest" },
          { key: "ms", title: "every, ms" },
          kib("marked", "marked, p50"),
          kib("markedMax", "max"),
          kib("pages", "pages that differ, p50"),
          kib("pagesMax", "max"),
          kib("bytes", "bytes that differ, p50"),
          kib("whole", "all memory"),
          { key: "share", title: "marked, % of all", digits: 2 },
          { key: "samples", title: "samples" },
        ],
        rows,
      },
    ],
    figures: rows
      .filter(({ ms }) => ms === every)
      .map(({ name, share }) => ({
        name: `bytes of an incremental copy every ${every} ms against all memory, ${name}`,
        value: share as number,
        unit: "%",
      })),
    plots: [
      {
        title: "What an incremental copy would move",
        kind: "lines",
        x: { title: "every, ms", logarithmic: true },
        y: { title: "KiB", logarithmic: true },
        series: [...new Set(rows.map(({ name }) => name as string))].flatMap((name) =>
          (["marked", "pages"] as const).map((key) => ({
            name: `${name}: ${key === "marked" ? "marked" : "pages that differ"}`,
            points: rows
              .filter((row) => row.name === name && (row[key] as number) > 0)
              .map((row) => [row.ms as number, row[key] as number] as const),
          })),
        ),
      },
    ],
    notes: sqliteQuery === undefined ? ["SQLite was not built, for want of a compiler, and is not asked."] : [],
  };
}

export const question: Question = {
  chapter: "dirty",
  title: "How many bytes would an incremental copy move?",
  ask,
};
