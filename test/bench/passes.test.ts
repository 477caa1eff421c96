// Goal: passes over a question come to one answer that hides neither how far they differ nor that one has failed. Method: passes made by
// hand, of which some differ, lack a figure or failed.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { figureText, spreadOf } from "../../bench/report/figure.ts";
import { askedText } from "../../bench/report/markdown.ts";
import { together } from "../../bench/report/passes.ts";
import type { Answered, Unanswered } from "../../bench/report/report.ts";
import type { Figure } from "../../bench/support/question.ts";

const answered = (figures: readonly Figure[], notes: readonly string[] = []): Answered => ({
  chapter: "pause",
  title: "How long?",
  seconds: 10,
  tables: [],
  figures,
  notes,
});
const FAILED: Unanswered = { title: "How long?", reason: "no such thing here", seconds: 1 };

const ratio = (value: number, noise?: number): Figure => ({
  name: "ratio",
  value,
  unit: "x",
  ...(noise !== undefined && { noise }),
});
const calls = (value: number): Figure => ({ name: "lost calls", value, unit: "calls", atMost: 0 });

const passes = suite("passes");

passes("come to a mean, geometric of ratios, and keep what each has said and the worst of their noises", () => {
  const { answered: one, failed } = together([
    answered([ratio(1, 1.02), { name: "time", value: 1, unit: "ms" }], ["of the first"]),
    answered([ratio(4, 1.05), { name: "time", value: 4, unit: "ms" }], ["of the second"]),
  ]);
  assert.is(failed, undefined);
  assert.equal(one?.figures, [
    { name: "ratio", value: 2, unit: "x", noise: 1.05, passes: [1, 4] },
    { name: "time", value: 2.5, unit: "ms", passes: [1, 4] },
  ]);
  assert.equal([one?.seconds, one?.passes, one?.notes], [20, 2, ["of the first"]]);
  assert.is(spreadOf(one!.figures[0]!), 4);
  assert.match(figureText(one!.figures[0]!), "ratio: 2 x; A/A 1.05; passes 4.00 (1, 4)");
});

passes("do not let a zero hide what is none, nor a pass what is no number", () => {
  const of = (...values: readonly number[]): Figure =>
    together(values.map((value) => answered([calls(value)]))).answered!.figures[0]!;
  assert.is(of(0, 1).value, 0.5);
  assert.is(spreadOf(of(0, 1)), Number.POSITIVE_INFINITY);
  assert.is(spreadOf(of(0, 0)), 1);
  assert.ok(Number.isNaN(of(1, Number.NaN).value));
  assert.match(figureText(of(0, 1)), /MISSED.*passes no number \(0, 1\)/);
});

passes("are no passes where there was one", () => {
  const { answered: one } = together([answered([ratio(3, 1.01)])]);
  assert.equal(one, answered([ratio(3, 1.01)]));
  assert.is(spreadOf(one!.figures[0]!), undefined);
  assert.not.match(figureText(one!.figures[0]!), "passes");
});

passes("that failed are told, and the others count", () => {
  const { answered: one, failed } = together([FAILED, answered([ratio(3)])]);
  assert.equal(one?.figures, [ratio(3)]);
  assert.is(failed?.reason, "pass 1 of 2: no such thing here");
  const none = together([FAILED, FAILED]);
  assert.equal([none.answered, none.failed?.reason], [undefined, "no such thing here"]);
  const two = together([FAILED, { ...FAILED, reason: "late" }]);
  assert.is(two.failed?.reason, "pass 1 of 2: no such thing here; pass 2 of 2: late");
});

passes("may lack a figure that another has", () => {
  const { answered: one } = together([answered([ratio(1)]), answered([calls(0), ratio(1)])]);
  assert.equal(one?.figures, [{ ...ratio(1), passes: [1, 1] }, calls(0)]);
});

passes("say how often and where they were asked", () => {
  const machine = { cpu: "", cores: 2, memoryGiB: 8, system: "", load: 0 };
  const one = answered([]);
  assert.is(askedText(one, { machine }), "10 s");
  assert.is(askedText({ ...one, passes: 2, cores: "1" }, { machine }), "10 s, in 2 passes, pinned to core 1");
  assert.is(askedText({ ...one, once: "long", cores: "0-1" }, { machine }), "10 s, asked once (long), on any core");
});

passes.run();
