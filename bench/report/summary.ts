/**
 * What stands on top of a report: every promised figure against its bar, how stillpoint compares with other ways to the same end,
 * and where it loses. All of it follows from the figures; nothing here is written by hand. Several reports, one for each
 * version of Node, stand side by side.
 */

import { geometricMean } from "../support/quantiles.ts";
import type { Cell, Column, Figure, Table } from "../support/question.ts";
import { BARS, type Bar } from "./bars.ts";
import { barText, lost, noiseText, spreadOf, spreadText, valueText, verdictOf } from "./figure.ts";
import { figuresOf, type Report, runtimeName } from "./report.ts";

export interface Summary {
  readonly bars: Table;
  /** Undefined where nothing was compared with another way. */
  readonly alternatives: Table | undefined;
  /** A line for each missed bar, and each way that was better than ours. */
  readonly losses: readonly string[];
  /** Promised figures that a report does not have. */
  readonly missing: readonly string[];
}

/** A promised figure as one report has it. */
interface Found {
  readonly figure: Figure;
  /** How far its passes differ, of several figures the worst. */
  readonly spread: number | undefined;
  /** Which of several is the worst, and what they are together. */
  readonly worst: string | undefined;
}

/** The further above 1, the worse: how a figure stands to its bar. */
function strain({ value, atMost, atLeast }: Figure): number {
  if (atMost !== undefined) return value / atMost;
  return atLeast === undefined ? value : atLeast / value;
}

/** The worst of them; undefined where none was asked in several passes. */
function worstSpread(figures: readonly Figure[]): number | undefined {
  const spreads = figures.flatMap((figure) => spreadOf(figure) ?? []);
  return spreads.length === 0 ? undefined : Math.max(...spreads);
}

function find({ figure: wanted }: Bar, figures: readonly Figure[]): Found | undefined {
  if (typeof wanted === "string") {
    const figure = figures.find(({ name }) => name === wanted);
    return figure && { figure, spread: spreadOf(figure), worst: undefined };
  }
  const family = figures.filter(({ name }) => wanted.test(name));
  const [figure] = family.toSorted((a, b) => strain(b) - strain(a));
  if (figure === undefined) return undefined;
  const mean = valueText({ value: geometricMean(family.map(({ value }) => value)), unit: figure.unit });
  const noise = Math.max(...family.map((one) => one.noise ?? 1));
  return {
    figure: { ...figure, ...(figure.noise !== undefined && { noise }) },
    spread: worstSpread(family),
    worst: `${wanted.exec(figure.name)?.[1]}; geometric mean of ${family.length}: ${mean}`,
  };
}

function measuredText(found: Found | undefined): string {
  if (found === undefined) return "not measured";
  const { figure, worst } = found;
  return [
    valueText(figure),
    ...(worst === undefined ? [] : [` (the worst: ${worst})`]),
    `, ${verdictOf(figure) === "MISSED" ? "**missed**" : (verdictOf(figure) ?? "no bar")}`,
  ].join("");
}

/** The columns of each report. */
function columnsOf(reports: readonly Report[], title: string): Column[] {
  return reports.flatMap((report, i) => [
    { key: `value${i}`, title: reports.length === 1 ? title : runtimeName(report) },
    { key: `noise${i}`, title: "A/A" },
    { key: `spread${i}`, title: "passes" },
  ]);
}

function barRow(bar: Bar, figures: readonly (readonly Figure[])[]): Record<string, Cell> {
  const found = figures.map((own) => find(bar, own));
  // An engine can have a bar of its own.
  const texts = new Set(found.filter((one) => one !== undefined).map(({ figure }) => barText(figure)));
  return {
    name: bar.name,
    bar: [...texts].join("; "),
    ...Object.fromEntries(found.map((one, i) => [`value${i}`, measuredText(one)])),
    ...Object.fromEntries(found.map((one, i) => [`noise${i}`, one && noiseText(one.figure)])),
    ...Object.fromEntries(found.map((one, i) => [`spread${i}`, spreadText(one?.spread)])),
  };
}

/** Names of what some of the reports have, each once, in their order. */
function namesOf(figures: readonly (readonly Figure[])[], wanted: (figure: Figure) => boolean): string[] {
  return [...new Set(figures.flatMap((own) => own.filter(wanted).map(({ name }) => name)))];
}

/** What is said of all comparisons with one other way: from the best to the worst for us. */
function againstText(figures: readonly Figure[]): string {
  const sorted = figures.toSorted((a, b) => a.value - b.value);
  const [best, worst] = [sorted[0], sorted.at(-1)];
  if (best === undefined || worst === undefined) return "not measured";
  const range = best === worst ? valueText(worst) : `${valueText(best)} … ${valueText(worst)}`;
  const losses = figures.filter(lost).length;
  if (losses === 0) return range;
  return `${range}, **theirs is better**${figures.length === 1 ? "" : ` in ${losses} of ${figures.length}`}`;
}

function alternativesOf(reports: readonly Report[], figures: readonly (readonly Figure[])[]): Table | undefined {
  const ways = [...new Set(figures.flatMap((own) => own.flatMap(({ against }) => against ?? [])))];
  if (ways.length === 0) return undefined;
  const rows = ways.map((way) => {
    const own = figures.map((all) => all.filter(({ against }) => against === way));
    const noises = own.map((some) => some.flatMap(({ noise }) => noise ?? []));
    return {
      name: way,
      ...Object.fromEntries(own.map((some, i) => [`value${i}`, againstText(some)])),
      ...Object.fromEntries(
        noises.map((some, i) => [`noise${i}`, some.length === 0 ? "" : noiseText({ noise: Math.max(...some) })]),
      ),
      ...Object.fromEntries(own.map((some, i) => [`spread${i}`, spreadText(worstSpread(some))])),
    };
  });
  return {
    title: "Ours over that of other ways to the same end; below 1 ours is better",
    columns: [{ key: "name", title: "other way" }, ...columnsOf(reports, "ours over theirs, best … worst")],
    rows,
  };
}

function lossesOf(reports: readonly Report[], figures: readonly (readonly Figure[])[]): string[] {
  /** A line where one of the reports has a loss, with what all of them say. */
  const line = (name: string, found: readonly (Found | undefined)[], reason: (figure: Figure) => string): string => {
    const texts = found.map((one, i) => {
      const value =
        one === undefined ? "not measured" : `${valueText(one.figure)}${one.worst ? ` (${one.worst})` : ""}`;
      return reports.length === 1 ? value : `${value} on ${runtimeName(reports[i]!)}`;
    });
    return `${name}: ${texts.join(", ")}; ${reason(found.find((one) => one !== undefined)!.figure)}`;
  };
  const byName = (name: string): (Found | undefined)[] => figures.map((own) => find({ name, figure: name }, own));
  const promised = (name: string): boolean =>
    BARS.some(({ figure }) => (typeof figure === "string" ? figure === name : figure.test(name)));
  const missed = (figure: Figure): boolean => verdictOf(figure) === "MISSED";
  return [
    ...BARS.map((bar) => ({ name: bar.name, found: figures.map((own) => find(bar, own)) }))
      .filter(({ found }) => found.some((one) => one !== undefined && missed(one.figure)))
      .map(({ name, found }) => line(name, found, (figure) => `the bar is ${barText(figure)}`)),
    ...namesOf(figures, (figure) => missed(figure) && !promised(figure.name)).map((name) =>
      line(name, byName(name), (figure) => `the bar is ${barText(figure)}`),
    ),
    ...namesOf(figures, lost).map((name) =>
      line(name, byName(name), ({ against }) => `above 1, so ${against} is better there`),
    ),
  ];
}

export function summaryOf(reports: readonly Report[]): Summary {
  const figures = reports.map(figuresOf);
  return {
    bars: {
      title: "What is promised",
      columns: [{ key: "name", title: "figure" }, { key: "bar", title: "bar" }, ...columnsOf(reports, "measured")],
      rows: BARS.map((bar) => barRow(bar, figures)),
    },
    alternatives: alternativesOf(reports, figures),
    losses: lossesOf(reports, figures),
    missing: BARS.filter((bar) => figures.some((own) => find(bar, own) === undefined)).map(({ name }) => name),
  };
}
