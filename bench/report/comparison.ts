/**
 * What has moved between two reports, beyond the noise of both.
 *
 * Figures are compared by their names, cells of tables by question, table, row and column. Something has moved if it differs by more than
 * both reports say that it varies by, whichever of two is more. The one is what a process differs from itself: the A/A of both reports
 * multiplied, which is a figure's own, and for a column of a table what its A/A rows (`NAME` and `NAME, again`) differ by, or where it has none
 * the worst of the question's figures. The other is what processes differ from each other: from the passes of both reports, and with two
 * passes a weak estimate, so those of all figures of one unit in a question count for as much as a figure's own; it is made so that a report
 * of the same code has less than one figure in a hundred outside (spread.ts derives it). What differs by less than STEADY has not
 * moved, however quiet the runs were; where nothing was measured twice and nothing asked twice, it has to differ by UNKNOWN.
 *
 * Columns without digits are counts and not measured. Reports of different sizes are not compared at all; of different
 * machines or runtimes they are, and it says so, because that may be what is asked.
 */

import { noiseOf } from "../support/quantiles.ts";
import type { Column, Table } from "../support/question.ts";
import { NOISE_MAX, valueText } from "./figure.ts";
import { tableText } from "./markdown.ts";
import type { Answered, Circumstances, Report } from "./report.ts";
import { Spread } from "./spread.ts";

const STEADY = 1.05;
const UNKNOWN = NOISE_MAX;
/** What the second of two A/A rows has in its name. */
const AGAIN = ", again";

export type Verdict = "better" | "worse" | "within noise";

export interface Compared {
  readonly name: string;
  readonly old: number;
  readonly new: number;
  readonly unit: string;
  readonly oldNoise: number | undefined;
  readonly newNoise: number | undefined;
  /** By how much it has to differ, as a factor. */
  readonly threshold: number;
  readonly verdict: Verdict;
}

/** By how much something has to differ, as a factor; `spread` is what processes differ by. */
export function threshold({
  oldNoise,
  newNoise,
  spread,
}: Partial<Pick<Compared, "oldNoise" | "newNoise">> & { spread?: number | undefined }): number {
  if (oldNoise === undefined && newNoise === undefined && spread === undefined) return UNKNOWN;
  return Math.max(STEADY, (oldNoise ?? 1) * (newNoise ?? 1), spread ?? 1);
}

type Pair = Omit<Compared, "verdict" | "threshold"> & { readonly spread: number | undefined };

function compared({ spread, ...pair }: Pair, moreIsBetter: boolean): Compared {
  const factor = threshold({ ...pair, spread });
  const ratio = pair.new / pair.old;
  const verdict = (): Verdict => {
    // Also where one of them is 0: from nothing to something is a move, from nothing to nothing is none.
    if (pair.new === pair.old) return "within noise";
    if (noiseOf(ratio) <= factor) return "within noise";
    return ratio > 1 === moreIsBetter ? "better" : "worse";
  };
  return { ...pair, threshold: factor, verdict: verdict() };
}

interface Both {
  readonly question: string;
  readonly before: Answered;
  readonly after: Answered;
  readonly spread: Spread;
}

function figures({ question, before, after, spread }: Both): Compared[] {
  return after.figures.flatMap((figure) => {
    const old = before.figures.find(({ name, unit }) => name === figure.name && unit === figure.unit);
    if (old === undefined) return [];
    const { name, value, unit, noise } = figure;
    const moreIsBetter = figure.atLeast !== undefined;
    const noises = { oldNoise: old.noise, newNoise: noise, spread: spread.ofFigures(question, old, figure) };
    return [compared({ name, old: old.value, new: value, unit, ...noises }, moreIsBetter)];
  });
}

const nameOf = (row: Table["rows"][number], columns: readonly Column[]): string =>
  columns
    .map(({ key }) => row[key])
    .filter((cell) => typeof cell === "string")
    .join(", ");

/** How far rows of the same thing differ in a column; undefined where none is there twice. */
function columnNoise({ rows, columns }: Table, { key }: Column): number | undefined {
  const ratios = rows.flatMap((row) => {
    const name = nameOf(row, columns);
    const first = name.includes(AGAIN) && rows.find((other) => nameOf(other, columns) === name.replace(AGAIN, ""));
    const [a, b] = [first ? first[key] : undefined, row[key]];
    return typeof a === "number" && typeof b === "number" && a > 0 && b > 0 ? [noiseOf(b / a)] : [];
  });
  return ratios.length === 0 ? undefined : Math.max(...ratios);
}

/** The worst of its figures' noises. */
function answerNoise({ figures }: Answered): number | undefined {
  const noises = figures.flatMap(({ noise }) => noise ?? []);
  return noises.length === 0 ? undefined : Math.max(...noises);
}

/** Rows by their names, and by which of them it is where several have one: those differ in a number, such as a depth. */
function rowsOf({ rows, columns }: Table): ReadonlyMap<string, Table["rows"][number]> {
  const named = Map.groupBy(rows, (row) => nameOf(row, columns));
  return new Map(
    [...named].flatMap(([name, alike]) =>
      alike.map((row, i) => [alike.length === 1 ? name : `${name}, ${i + 1} of ${alike.length}`, row] as const),
    ),
  );
}

function cells({ question, before, after, spread }: Both): Compared[] {
  return after.tables.flatMap((table) => {
    const old = before.tables.find(({ title }) => title === table.title);
    if (old === undefined) return [];
    const oldRows = rowsOf(old);
    return table.columns
      .filter(({ digits }) => digits !== undefined)
      .flatMap((column) => {
        const oldNoise = columnNoise(old, column) ?? answerNoise(before);
        const newNoise = columnNoise(table, column) ?? answerNoise(after);
        // Figures that agree say little of cells that nobody has measured twice.
        const unknown = oldNoise === undefined && newNoise === undefined ? UNKNOWN : 1;
        return [...rowsOf(table)].flatMap(([name, row]) => {
          const now = row[column.key];
          const then = oldRows.get(name)?.[column.key];
          if (typeof now !== "number" || typeof then !== "number") return [];
          const pair = {
            name: `${table.title}: ${name}: ${column.title}`,
            old: then,
            new: now,
            unit: "",
            oldNoise,
            newNoise,
            spread: Math.max(unknown, spread.ofCells(question) ?? 1),
          };
          return [compared(pair, column.moreIsBetter === true)];
        });
      });
  });
}

export interface Comparison {
  readonly figures: readonly Compared[];
  readonly cells: readonly Compared[];
  /** In what the runs differ beside the code. */
  readonly differences: readonly string[];
}

function differences(before: Circumstances, after: Circumstances): string[] {
  const facts = ({ machine, runtime }: Circumstances): Record<string, string> => ({
    processor: `${machine.cores} x ${machine.cpu}`,
    memory: `${machine.memoryGiB} GiB`,
    system: machine.system,
    Node: runtime.node,
    V8: runtime.v8,
    flags: runtime.flags.join(" ") || "none",
  });
  const [old, now] = [facts(before), facts(after)];
  return Object.keys(now)
    .filter((fact) => old[fact] !== now[fact])
    .map((fact) => `${fact}: ${old[fact]}, now ${now[fact]}`);
}

/** @throws {Error} one is of a smoke run, the other of a full one. */
export function compare(before: Report, after: Report): Comparison {
  const [old, now] = [before.circumstances.size, after.circumstances.size];
  if (old !== now) throw new Error(`a ${old} run and a ${now} run measure too differently to be compared`);
  const spread = new Spread(before, after);
  const pairs = Object.entries(after.answers).flatMap(([question, answer]): Both[] => {
    const old = before.answers[question];
    return old === undefined ? [] : [{ question, before: old, after: answer, spread }];
  });
  return {
    figures: pairs.flatMap(figures),
    cells: pairs.flatMap(cells),
    differences: differences(before.circumstances, after.circumstances),
  };
}

function text(heading: string, shown: readonly Compared[], all: readonly Compared[]): string {
  const noise = (factor: number | undefined): string => (factor === undefined ? "–" : factor.toFixed(2));
  const rows = shown.map((one) => ({
    name: one.name,
    old: valueText({ value: one.old, unit: one.unit }),
    new: valueText({ value: one.new, unit: one.unit }),
    ratio: one.new / one.old,
    noise: `${noise(one.oldNoise)}, ${noise(one.newNoise)}`,
    threshold: `${one.threshold.toFixed(2)}`,
    verdict: one.verdict,
  }));
  const columns = [
    { key: "name", title: "what" },
    { key: "old", title: "old" },
    { key: "new", title: "new" },
    { key: "ratio", title: "new to old", digits: 3 },
    { key: "noise", title: "A/A old, new" },
    { key: "threshold", title: "moved above" },
    { key: "verdict", title: "verdict" },
  ];
  const moved = all.filter(({ verdict }) => verdict !== "within noise").length;
  return [
    `## ${heading}: ${moved} of ${all.length} have moved`,
    ...(rows.length === 0 ? [] : [tableText({ columns, rows })]),
  ].join("\n\n");
}

/** All figures, and the cells that have moved. */
export function comparisonText({ figures, cells, differences }: Comparison): string {
  return [
    "# What has moved",
    ...(differences.length === 0
      ? []
      : [
          `**THESE RUNS DIFFER IN MORE THAN THE CODE.** ${differences.join("; ")}. What has moved may be due to that alone.`,
        ]),
    text("Figures", figures, figures),
    text(
      "Cells of tables",
      cells.filter(({ verdict }) => verdict !== "within noise"),
      cells,
    ),
    "A cell is of one pass, and a tail (p99, max) as often the machine's as ours: what has moved here is a hint where to look.",
  ].join("\n\n");
}
