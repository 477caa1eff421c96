/**
 * What several passes over a question come to. A pass asks it in a process of its own, minutes after the one before, so that what a process
 * draws once (when and where functions are compiled, where threads run) and what the machine does for a while is drawn anew.
 *
 * A figure is the mean of what the passes say, the geometric one of ratios, and keeps what each has said. Its A/A is the worst of theirs.
 * Tables, plots and notes are those of the first pass that was answered: the mean of a table is nobody's table. Where a pass has
 * failed, the others count, and that it has failed is told beside whatever was never answered: an answer that is only had now and
 * then is not one to rely on.
 */

import { geometricMean } from "../support/quantiles.ts";
import type { Figure } from "../support/question.ts";
import type { Answered, Unanswered } from "./report.ts";

/** No pass is left out, so it is no median: of two it would be the same. */
function mean(values: readonly number[], unit: string): number {
  return unit === "x" ? geometricMean(values) : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function merged(figures: readonly [Figure, ...Figure[]]): Figure {
  const [first] = figures;
  if (figures.length === 1) return first;
  const passes = figures.map(({ value }) => value);
  const noises = figures.flatMap(({ noise }) => noise ?? []);
  return {
    ...first,
    value: mean(passes, first.unit),
    ...(noises.length > 0 && { noise: Math.max(...noises) }),
    passes,
  };
}

/** Figures of the same name and unit are one; a pass may lack some. */
function figuresOf(answers: readonly Answered[]): Figure[] {
  const byName = Map.groupBy(
    answers.flatMap(({ figures }) => figures),
    ({ name, unit }) => `${name}\n${unit}`,
  );
  return [...byName.values()].map((figures) => merged(figures as [Figure, ...Figure[]]));
}

/** Both where some passes were answered and some were not. */
export function together(passes: readonly (Answered | Unanswered)[]): {
  readonly answered: Answered | undefined;
  readonly failed: Unanswered | undefined;
} {
  const answers = passes.filter((pass): pass is Answered => !("reason" in pass));
  const failures = passes.flatMap((pass, i) => ("reason" in pass ? [{ ...pass, at: i + 1 }] : []));
  const seconds = passes.reduce((sum, pass) => sum + pass.seconds, 0);
  const [first, lost] = [answers[0], failures[0]];
  const reasons = new Set(failures.map(({ reason }) => reason));
  const reason =
    answers.length === 0 && reasons.size === 1
      ? [...reasons][0]!
      : failures.map(({ at, reason }) => `pass ${at} of ${passes.length}: ${reason}`).join("; ");
  return {
    answered: first && {
      ...first,
      figures: figuresOf(answers),
      seconds,
      ...(answers.length > 1 && { passes: answers.length }),
    },
    failed: lost && { title: lost.title, reason, seconds },
  };
}
