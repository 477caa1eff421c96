// Goal: a comparison of two reports finds what has moved and calls nothing moved that the noise explains. Method: pairs of reports made by
// hand, and reports of the same simulated machine, of which none may move.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compare, comparisonText, threshold, type Verdict } from "../../bench/report/comparison.ts";
import type { Figure, Table } from "../../bench/support/question.ts";
import { reportOf } from "../support/report.ts";

const figureOf = (value: number, more: Partial<Figure> = {}): Figure => ({ name: "pause", value, unit: "ms", ...more });

function verdict(before: Figure, after: Figure): Verdict | undefined {
  return compare(reportOf({ figures: [before] }), reportOf({ figures: [after] })).figures[0]?.verdict;
}

const tableOf = (p50: number, again: number, max: number): Table => ({
  title: "Pauses",
  columns: [
    { key: "name", title: "guest" },
    { key: "p50", title: "p50", digits: 1 },
    { key: "max", title: "max", digits: 1 },
    { key: "samples", title: "samples" },
  ],
  rows: [
    { name: "tight", p50, max, samples: p50 },
    { name: "tight, again", p50: again, max: 2 * max, samples: 1 },
  ],
});

const comparison = suite("comparison");

comparison("needs both noises together, and more than runs differ anyhow", () => {
  assert.is(threshold(undefined, undefined), 1.1);
  assert.is(threshold(1.01, 1.01), 1.05);
  assert.is(threshold(1.2, undefined), 1.2);
  assert.ok(Math.abs(threshold(1.2, 1.1) - 1.32) < 1e-12);
});

comparison("judges by which side is the better one", () => {
  assert.is(verdict(figureOf(1), figureOf(1.2)), "worse");
  assert.is(verdict(figureOf(1.2), figureOf(1)), "better");
  assert.is(verdict(figureOf(1, { atLeast: 0.9 }), figureOf(1.2, { atLeast: 0.9 })), "better");
  assert.is(verdict(figureOf(1, { noise: 1.15 }), figureOf(1.2, { noise: 1.1 })), "within noise");
  assert.is(verdict(figureOf(1), figureOf(1.09)), "within noise");
});

comparison("sees that nothing became something", () => {
  assert.is(verdict(figureOf(0), figureOf(0)), "within noise");
  assert.is(verdict(figureOf(0), figureOf(1)), "worse");
  assert.is(verdict(figureOf(3), figureOf(0)), "better");
});

comparison("compares no figures of different names or units", () => {
  assert.is(verdict(figureOf(1), figureOf(5, { name: "another" })), undefined);
  assert.is(verdict(figureOf(1), figureOf(5, { unit: "s" })), undefined);
});

comparison("takes the noise of a column from its rows that are there twice, and leaves counts out", () => {
  const before = reportOf({ figures: [], tables: [tableOf(10, 10.1, 100)] });
  const after = reportOf({ figures: [], tables: [tableOf(12, 12, 190)] });
  const { cells } = compare(before, after);
  assert.is(cells.length, 4);
  const of = (name: string): Verdict | undefined => cells.find((cell) => cell.name === `Pauses: ${name}`)?.verdict;
  assert.is(of("tight: p50"), "worse");
  // Twice as long in the same run.
  assert.is(of("tight: max"), "within noise");
});

comparison("takes the worst noise of the question where a table has none", () => {
  const [row] = tableOf(10, 10, 10).rows;
  const of = (p50: number, noise: number) =>
    reportOf({
      figures: [figureOf(1, { noise }), figureOf(1, { name: "other", noise: 1 })],
      tables: [{ ...tableOf(1, 1, 1), rows: [{ ...row, p50 }] }],
    });
  assert.is(compare(of(10, 1.3), of(12, 1)).cells[0]?.verdict, "within noise");
  assert.is(compare(of(10, 1.1), of(12, 1)).cells[0]?.verdict, "worse");
});

comparison("refuses a smoke run beside a full one, and says loudly that machines differ", () => {
  const full = reportOf({ figures: [figureOf(1)] });
  assert.throws(() => compare(full, reportOf({ figures: [figureOf(1)], size: "smoke" })), /full run and a smoke run/);
  assert.not.match(comparisonText(compare(full, full)), "DIFFER");
  const other = comparisonText(compare(full, reportOf({ figures: [figureOf(1)], cores: 64, node: "v26.0.0" })));
  assert.match(other, "THESE RUNS DIFFER");
  assert.match(other, "2 x Some CPU, now 64 x Some CPU");
  assert.match(other, "Node: v24.0.0, now v26.0.0");
});

comparison.run();
