/**
 * By how much two reports of the same thing differ, because another process draws anew: what the passes of both say about it.
 *
 * Assumed is that the logarithm of what a process says of a figure is drawn from a normal distribution, the same one in each pass and each
 * report, and that figures of one unit in one question have spreads that are alike to a factor of about two.
 *
 * Two passes alone say next to nothing of a spread: by chance they agree. So the variance of a figure is taken to be the mean of two: its own,
 * estimated from its passes in both reports (two differences, two degrees of freedom), and that of its kind, which is the median over
 * all figures of that unit in the question, in both reports, put right by the median of a normal distribution's magnitude. A median,
 * because one wild figure must not hide what the others do. As the kind is to count for as much as the figure does, together they are worth
 * four degrees of freedom, for which 99 of 100 draws of Student's t are within DOUBT. Where a question has fewer than KIN figures of a
 * unit, the kind is all figures of the reports; a figure that was asked once has nothing but its kind. The means of n and m passes
 * differ by sqrt(1/n + 1/m) of one draw's deviation.
 *
 * What comes of it: of 100 figures that are as alike as assumed, less than one moves by chance. Of one that varies four times as much as its
 * kind it is seven. With more than two passes all of this errs on the safe side.
 */

import { median } from "../support/quantiles.ts";
import type { Figure } from "../support/question.ts";
import { figuresOf, type Report } from "./report.ts";

/** 99 % quantile of Student's t with four degrees of freedom, on both sides. */
const DOUBT = 4.604;
/** The median of what a normal distribution's draws deviate by. */
const MEDIAN_DEVIATION = 0.6745;
/** So few figures are no kind. */
const KIN = 4;

/** Of the logarithms of a figure's passes; infinite if one of them has none. Undefined where there was one pass. */
function varianceOf({ passes = [] }: Figure): number | undefined {
  if (passes.length < 2) return undefined;
  // Also of nothing, each time.
  if (passes.every((value) => value === passes[0])) return 0;
  const logarithms = passes.map(Math.log);
  const mean = logarithms.reduce((sum, one) => sum + one, 0) / passes.length;
  const variance = logarithms.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (passes.length - 1);
  return Number.isNaN(variance) ? Number.POSITIVE_INFINITY : variance;
}

/** How far figures of a kind deviate as a rule; undefined where none has passes. */
function deviationOf(figures: readonly Figure[]): number | undefined {
  const variances = figures.flatMap((figure) => varianceOf(figure) ?? []);
  return variances.length === 0 ? undefined : median(variances.map(Math.sqrt)) / MEDIAN_DEVIATION;
}

/** What both have said of it, weighted by how much that is. */
function ownVariance(figures: readonly Figure[]): number | undefined {
  const parts = figures.flatMap((figure) => {
    const variance = varianceOf(figure);
    return variance === undefined ? [] : [{ variance, freedom: figure.passes!.length - 1 }];
  });
  const freedom = parts.reduce((sum, part) => sum + part.freedom, 0);
  return freedom === 0 ? undefined : parts.reduce((sum, part) => sum + part.variance * part.freedom, 0) / freedom;
}

const drawsOf = ({ passes = [] }: Figure): number => Math.max(1, passes.length);

export class Spread {
  readonly #reports: readonly [before: Report, after: Report];
  readonly #all: number | undefined;

  constructor(before: Report, after: Report) {
    this.#reports = [before, after];
    this.#all = deviationOf(this.#reports.flatMap(figuresOf));
  }

  /** Of the figures of a question, of one unit or of all. */
  #deviation(question: string, unit?: string): number | undefined {
    const kin = this.#reports.map((report) =>
      (report.answers[question]?.figures ?? []).filter((figure) => unit === undefined || figure.unit === unit),
    );
    return Math.max(...kin.map(({ length }) => length)) < KIN ? this.#all : (deviationOf(kin.flat()) ?? this.#all);
  }

  /** The factor by which two reports' figures differ hardly ever. Undefined where no report has passes. */
  ofFigures(question: string, before: Figure, after: Figure): number | undefined {
    const kind = this.#deviation(question, after.unit);
    if (kind === undefined) return undefined;
    const own = ownVariance([before, after]) ?? kind ** 2;
    return Math.exp(DOUBT * Math.sqrt(((own + kind ** 2) / 2) * (1 / drawsOf(before) + 1 / drawsOf(after))));
  }

  /** The same of what stands in tables. It is of one pass, and nothing is known of it but what the question's figures and all figures say. */
  ofCells(question: string): number | undefined {
    const kind = this.#deviation(question);
    return kind === undefined ? undefined : Math.exp(DOUBT * Math.max(kind, this.#all!) * Math.SQRT2);
  }
}
