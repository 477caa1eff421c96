/** Percentiles of times, as cells and columns of a table and as bars. Samples are in ms; what is shown may be in µs. */

import { quantile } from "./quantiles.ts";
import type { Axis, Column, Plot } from "./question.ts";

const SHOWN = [
  { key: "P50", title: "p50", share: 0.5 },
  { key: "P90", title: "p90", share: 0.9 },
  { key: "P99", title: "p99", share: 0.99 },
  { key: "P999", title: "p99.9", share: 0.999 },
  { key: "Max", title: "max", share: 1 },
] as const;

interface Unit {
  readonly name: string;
  readonly perMs: number;
  readonly digits: number;
}

const MICROSECONDS: Unit = { name: "µs", perMs: 1000, digits: 1 };
const MILLISECONDS: Unit = { name: "ms", perMs: 1, digits: 2 };

function cells(prefix: string, samplesMs: readonly number[], { perMs }: Unit): Record<string, number> {
  return Object.fromEntries(SHOWN.map(({ key, share }) => [prefix + key, quantile(samplesMs, share) * perMs]));
}

function columns(prefix: string, before: string, { digits }: Unit): readonly Column[] {
  return SHOWN.map(({ key, title }) => ({ key: prefix + key, title: before + title, digits }));
}

/** Cells under these names behind a prefix, and the columns for them. */
export const microseconds = (prefix: string, samplesMs: readonly number[]): Record<string, number> =>
  cells(prefix, samplesMs, MICROSECONDS);
export const microsecondColumns = (prefix: string, before: string): readonly Column[] =>
  columns(prefix, before, MICROSECONDS);
export const milliseconds = (prefix: string, samplesMs: readonly number[]): Record<string, number> =>
  cells(prefix, samplesMs, MILLISECONDS);
export const millisecondColumns = (prefix: string, before: string): readonly Column[] =>
  columns(prefix, before, MILLISECONDS);

export interface Sampled {
  readonly name: string;
  readonly samplesMs: readonly number[];
}

/** A group of bars for each row, the maximum left to the table; logarithmic, because a tail is far from a median. */
export function percentilePlot(
  title: string,
  x: Axis,
  what: string,
  unit: "µs" | "ms",
  rows: readonly Sampled[],
): Plot {
  const { name, perMs } = unit === "µs" ? MICROSECONDS : MILLISECONDS;
  return {
    title,
    kind: "bars",
    x,
    y: { title: `${what}, ${name}`, logarithmic: true },
    series: SHOWN.filter(({ share }) => share < 1).map(({ title, share }) => ({
      name: title,
      points: rows.map((row) => [row.name, quantile(row.samplesMs, share) * perMs] as const),
    })),
  };
}
