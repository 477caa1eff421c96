// Goal: a comparison of two reports finds what has moved and calls nothing moved that the noise explains. Method: pairs of reports made by
// hand, and reports drawn from one distribution, of which hardly any figure may move.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compare, comparisonText, threshold, type Verdict } from "../../bench/report/comparison.ts";
import { geometricMean } from "../../bench/support/quantiles.ts";
import type { Figure, Table } from "../../bench/support/question.ts";
import { Random, SEED } from "../support/random.ts";
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
  assert.is(threshold({}), 1.1);
  assert.is(threshold({ oldNoise: 1.01, newNoise: 1.01 }), 1.05);
  assert.is(threshold({ oldNoise: 1.2 }), 1.2);
  assert.ok(Math.abs(threshold({ oldNoise: 1.2, newNoise: 1.1 }) - 1.32) < 1e-12);
  assert.is(threshold({ oldNoise: 1.2, newNoise: 1.1, spread: 1.4 }), 1.4);
  assert.is(threshold({ spread: 1.07 }), 1.07);
  assert.is(threshold({ spread: 1 }), 1.05);
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

comparison("tells rows apart that have the same name", () => {
  const of = (...values: readonly number[]) => {
    const [row] = tableOf(1, 1, 1).rows;
    return reportOf({ figures: [], tables: [{ ...tableOf(1, 1, 1), rows: values.map((p50) => ({ ...row, p50 })) }] });
  };
  const { cells } = compare(of(1, 10, 100), of(1, 10, 200));
  const moved = cells.filter((cell) => cell.verdict !== "within noise");
  assert.equal(
    moved.map(({ name }) => name),
    ["Pauses: tight, 3 of 3: p50"],
  );
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

/** What a simulated machine does: the same figures each time, drawn anew in each pass. */
interface Machine {
  readonly questions: number;
  /** Of a question. */
  readonly figures: number;
  readonly passes: number;
  /** Standard deviation of the logarithm of what a process says; its figures' own are so many times that, or one in so many. */
  readonly deviation: number;
  readonly unlike: number;
}

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log((random.u32() + 1) / 2 ** 32)) * Math.cos((2 * Math.PI * random.u32()) / 2 ** 32);

/** Reports before and after a change by this factor, as often as asked: how many of 100 figures have moved. */
function movedPercent(machine: Machine, { change = 1, pairs = 200, blind = false } = {}): number {
  const random = new Random(machine.questions);
  let [moved, all] = [0, 0];
  for (let pair = 0; pair < pairs; pair++) {
    const deviations = Array.from({ length: machine.questions * machine.figures }, () => {
      return machine.deviation * machine.unlike ** ((2 * random.u32()) / 2 ** 32 - 1);
    });
    const report = (factor: number) => {
      const answers = Array.from({ length: machine.questions }, (_, question) => {
        const figures = Array.from({ length: machine.figures }, (_, i): Figure => {
          const deviation = deviations[question * machine.figures + i]!;
          const passes = Array.from({ length: machine.passes }, () => factor * Math.exp(deviation * normal(random)));
          const value = geometricMean(passes);
          return { name: `figure ${i}`, value, unit: "x", noise: 1.01, ...(!blind && { passes }) };
        });
        return [`question ${question}`, reportOf({ figures }).answers.question!] as const;
      });
      return { ...reportOf({ figures: [] }), answers: Object.fromEntries(answers) };
    };
    const { figures } = compare(report(1), report(change));
    moved += figures.filter((figure) => figure.verdict !== "within noise").length;
    all += figures.length;
  }
  return (100 * moved) / all;
}

const ALIKE: Machine = { questions: 1, figures: 8, passes: 2, deviation: 0.06, unlike: 1.5 };

comparison("calls hardly anything moved in reports drawn from one distribution", () => {
  const machines: readonly Machine[] = [
    ALIKE,
    { ...ALIKE, passes: 3 },
    { ...ALIKE, deviation: 0.2 },
    { ...ALIKE, unlike: 2 },
    // Too few of a kind: all questions' figures are one.
    { ...ALIKE, questions: 8, figures: 1 },
  ];
  for (const machine of machines) {
    const percent = movedPercent(machine);
    assert.ok(percent < 1.5, `${percent} % of ${JSON.stringify(machine)}; SP_SEED=${SEED}`);
  }
  // It is the passes that say so: A/A alone would have called many of them moved.
  assert.ok(movedPercent(ALIKE, { blind: true }) > 30);
});

comparison("finds a change by 30 % where processes differ by 3 %", () => {
  const percent = movedPercent({ ...ALIKE, deviation: 0.03 }, { change: 1.3 });
  assert.ok(percent > 95, `${percent} %; SP_SEED=${SEED}`);
});

comparison("takes a figure that was asked once to vary as the others do", () => {
  const kin = Array.from({ length: 4 }, (_, i) => figureOf(1, { name: `${i}`, noise: 1, passes: [1, 1.1] }));
  const of = (value: number) => reportOf({ figures: [...kin, figureOf(value, { noise: 1 })] });
  const last = (value: number) => compare(of(1), of(value)).figures.at(-1)!;
  assert.is(last(1.5).verdict, "within noise");
  assert.is(last(2.5).verdict, "worse");
});

comparison("does not take figures that agree for cells that do", () => {
  const figures = Array.from({ length: 4 }, (_, i) => figureOf(1, { name: `${i}`, passes: [1, 1] }));
  const of = (p50: number) => reportOf({ figures, tables: [{ ...tableOf(1, 1, 1), rows: [{ name: "tight", p50 }] }] });
  assert.is(compare(of(1), of(1.09)).cells[0]?.verdict, "within noise");
  assert.is(compare(of(1), of(1.11)).cells[0]?.verdict, "worse");
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
