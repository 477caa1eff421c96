// Goal: a report says what was measured, and what was not, and hides no loss. Method: small reports made by hand, whose text is
// looked at; the promises are held against the design's own list of what is missing.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BARS } from "../../bench/report/bars.ts";
import { figureText, lost, verdictOf } from "../../bench/report/figure.ts";
import { reportText, tableText } from "../../bench/report/markdown.ts";
import { reportPage } from "../../bench/report/page.ts";
import { readReport, writeReport } from "../../bench/report/report.ts";
import { summaryOf } from "../../bench/report/summary.ts";
import type { Figure, Plot } from "../../bench/support/question.ts";
import { reportOf } from "../support/report.ts";

const HELD: Figure = { name: "held", value: 1, unit: "ms", atMost: 1 };
const PLOTS: readonly Plot[] = [
  {
    title: "Bars <of> it",
    kind: "bars",
    x: { title: "guest" },
    y: { title: "pause, µs", logarithmic: true },
    series: [
      {
        name: "p50",
        points: [
          ["a", 3],
          ["b", 30],
        ],
      },
      {
        name: "p99",
        points: [
          ["a", 300],
          ["b", 3000],
        ],
      },
    ],
  },
  {
    title: "Lines of it",
    kind: "lines",
    x: { title: "MiB", logarithmic: true },
    y: { title: "pause, µs" },
    series: [
      {
        name: "p50",
        points: [
          [1, 3],
          [4096, 30],
        ],
      },
    ],
  },
];

const report = suite("report");

report("holds a figure to its bar, on both sides", () => {
  assert.is(verdictOf(HELD), "held");
  assert.is(verdictOf({ ...HELD, value: 1.001 }), "MISSED");
  assert.is(verdictOf({ name: "", unit: "x", value: 0.94, atLeast: 0.95 }), "MISSED");
  assert.is(verdictOf({ name: "", unit: "x", value: 0.95, atLeast: 0.95 }), "held");
  assert.is(verdictOf({ name: "", unit: "x", value: 3 }), undefined);
});

report("takes what is no number for missed and lost", () => {
  assert.is(verdictOf({ ...HELD, value: Number.NaN }), "MISSED");
  assert.is(verdictOf({ name: "", unit: "x", value: Number.NaN, atLeast: 1 }), "MISSED");
  assert.ok(lost({ name: "", unit: "x", value: Number.NaN, against: "another way" }));
});

report("marks a figure whose noise is above ten percent", () => {
  assert.not.match(figureText({ ...HELD, noise: 1.1 }), "too noisy");
  assert.match(figureText({ ...HELD, noise: 1.101 }), "too noisy to quote");
});

report("names each promised figure that it lacks", () => {
  assert.equal(
    summaryOf([reportOf({ figures: [HELD] })]).missing,
    BARS.map(({ name }) => name),
  );
  const figures = BARS.map(({ figure }): Figure => {
    return {
      name: typeof figure === "string" ? figure : figure.source.replace("^(.+)", "guest").slice(0, -1),
      value: 1,
      unit: "x",
      atMost: 1,
    };
  });
  const whole = summaryOf([reportOf({ figures })]);
  assert.equal(whole.missing, []);
  assert.equal(whole.losses, []);
  // Beside a report that has them all.
  assert.is(summaryOf([reportOf({ figures }), reportOf({ figures: figures.slice(1) })]).missing.length, 1);
});

report("takes the worst of several for the promise, and tells their mean", () => {
  const figures = [1, 4, 2].map((value, i): Figure => {
    return {
      name: `guest ${i}: freezeSync and resume against the floor, p50`,
      value,
      unit: "x",
      atMost: 2,
      noise: 1 + i / 100,
      ...(i < 2 && { passes: [value, value * (1 + i / 10)] }),
    };
  });
  const { bars, losses } = summaryOf([reportOf({ figures })]);
  assert.is(bars.rows[0]?.value0, "4 x (the worst: guest 1; geometric mean of 3: 2 x), **missed**");
  assert.equal([bars.rows[0]?.noise0, bars.rows[0]?.spread0], ["1.02", "1.10"]);
  assert.is(bars.rows[1]?.spread0, "–");
  assert.is(losses.length, 1);
  assert.match(losses[0]!, "4 x (guest 1");
});

report("tells every loss: bars that were missed, promised or not, and ways that are better", () => {
  const figures: Figure[] = [
    { name: "handover blackout p50, idle reactor", value: 0.4, unit: "ms", atMost: 0.3 },
    { name: "of its own", value: 2, unit: "s", atMost: 1 },
    { name: "pause against a copy", value: 1.5, unit: "x", against: "a copy" },
    { name: "pause against a replay", value: 0.5, unit: "x", against: "a replay" },
    { name: "long pause against a copy", value: 0.25, unit: "x", against: "a copy" },
    HELD,
  ];
  const { losses, alternatives } = summaryOf([reportOf({ figures })]);
  assert.is(losses.length, 3);
  assert.match(losses[0]!, /idle reactor, p50: 0\.4 ms; the bar is at most 0\.3 ms/);
  assert.match(losses[1]!, /^of its own: 2 s/);
  assert.match(losses[2]!, /^pause against a copy: 1\.5 x/);
  assert.is(alternatives?.rows.length, 2);
  assert.is(alternatives?.rows[0]?.value0, "0.25 x … 1.5 x, **theirs is better** in 1 of 2");
  assert.is(alternatives?.rows[1]?.value0, "0.5 x");
});

report("puts two versions of Node side by side, a loss on one of them included", () => {
  const of = (value: number) => ({ name: "of its own", value, unit: "s", atMost: 1 });
  const old = reportOf({ figures: [of(0.9)], node: "v24.1.0" });
  const { bars, losses } = summaryOf([old, reportOf({ figures: [of(1.1)], node: "v26.2.0" })]);
  assert.equal(
    bars.columns.map(({ title }) => title),
    ["figure", "bar", "Node 24.1.0", "A/A", "passes", "Node 26.2.0", "A/A", "passes"],
  );
  assert.equal(losses, ["of its own: 0.9 s on Node 24.1.0, 1.1 s on Node 26.2.0; the bar is at most 1 s"]);
});

report("keeps a table a table, whatever its cells say", () => {
  const columns = [
    { key: "name", title: "a|b" },
    { key: "value", title: "value", digits: 1 },
  ];
  const rows = [{ name: "x | y\nz", value: 1.25 }, { name: "none" }];
  const lines = tableText({ columns, rows }).split("\n");
  assert.is(lines.length, 4);
  assert.match(lines[2]!, "x \\| y z |   1.3 |");
  assert.match(lines[3]!, "| none");
  assert.ok(lines.every((line) => line.replaceAll("\\|", "").split("|").length === 4));
});

report("says what was not answered, and why", () => {
  const unanswered = { criu: { title: "What of CRIU?", reason: "criu is not installed", seconds: 0 } };
  const one = { ...reportOf({ figures: [HELD] }), unanswered };
  for (const text of [reportText(one), reportPage(one)]) assert.match(text, "criu is not installed");
});

report("is a page that asks the network for nothing, with its plots in it, and whose text is no markup", () => {
  const page = reportPage(reportOf({ figures: [{ ...HELD, name: "a < b & <script>" }], plots: PLOTS }));
  assert.is(page.match(/<svg /g)?.length, 2);
  assert.not.match(page, /<script|<link|<img|@import|url\((?!#)| src=/);
  assert.not.match(page, /NaN|undefined/);
  assert.match(page, "a &lt; b &amp; &lt;script>");
  assert.match(page, "Bars &lt;of> it");
  // Colours follow the reader's theme: none is fixed but those of the style sheet. (A clip's own colour is never seen.)
  const drawn = page.slice(page.indexOf("</style>")).replaceAll(/<clipPath.*?<\/clipPath>/gs, "");
  assert.match(drawn, 'fill="var(--series-2)"');
  assert.not.match(drawn, /(?:fill|stroke)="(?!var\(|none)/);
});

report("is the same after it was stored, to six digits, and no number becomes one", () => {
  const none = { ...HELD, name: "none", value: Number.NaN, noise: Number.NaN };
  const one = reportOf({
    figures: [{ ...HELD, value: 1 / 3 }, none],
    tables: [{ title: "Cells", columns: [{ key: "a", title: "a" }], rows: [{ a: Number.NaN }, { a: 2 }] }],
  });
  const stored = readReport(writeReport(one));
  assert.is(stored.answers.question?.figures[0]?.value, 0.333333);
  assert.is(stored.circumstances.seed, one.circumstances.seed);
  assert.equal(summaryOf([stored]).losses, ["none: no number; the bar is at most 1 ms"]);
  for (const text of [reportText(stored), reportPage(stored)]) assert.not.match(text, "NaN");
  assert.throws(() => readReport('{"answers": 3}'), /no report/);
});

report.run();
