/**
 * A report: what was answered, what was not and why, and the facts without which no figure means anything. It is kept as JSON; the
 * Markdown, the page, the summary and comparisons are all made from that alone, so that they can be made again from a stored one.
 */

import type { Answer, Chapter, Figure } from "../support/question.ts";

export interface Report {
  readonly circumstances: Circumstances;
  /** By name, in the order in which they were asked. */
  readonly answers: Readonly<Record<string, Answered>>;
  readonly unanswered: Readonly<Record<string, Unanswered>>;
}

export interface Answered extends Answer {
  readonly chapter: Chapter;
  readonly title: string;
  /** Of all passes together. */
  readonly seconds: number;
  /** In how many passes it was answered; undefined: in one. Its figures are the means of them, and all else is of the first. */
  readonly passes?: number;
  /** Why it was asked once in a run of several passes. */
  readonly once?: string;
  /** The cores that its process was allowed, as the system lists them (`1`, `0-3`). Undefined where the system does not say. */
  readonly cores?: string;
}

export interface Unanswered {
  readonly title: string;
  readonly reason: string;
  readonly seconds: number;
}

export interface Circumstances {
  readonly date: string;
  readonly size: "full" | "smoke";
  /** Of the first pass; SP_SEED. */
  readonly seed: number;
  /** Of each pass, the first included; undefined: there was one. */
  readonly seeds?: readonly number[];
  readonly commit: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly system: string;
    /** Mean number of busy threads in the minute before: above 0.5 the figures are of a machine that did something else too. */
    readonly load: number;
  };
  readonly runtime: { readonly node: string; readonly v8: string; readonly flags: readonly string[] };
}

/** What a figure is worth is less than this; it keeps a stored report small. */
const DIGITS = 6;

export function figuresOf({ answers }: Report): Figure[] {
  return Object.values(answers).flatMap(({ figures }) => figures);
}

/** `Node 24.21.0` */
export function runtimeName({ circumstances }: Report): string {
  return `Node ${circumstances.runtime.node.replace(/^v/, "")}`;
}

/** What is not a number, such as the percentile of nothing, is written as null and read as NaN. */
export function writeReport(report: Report): string {
  const short = (_: string, value: unknown): unknown =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
  return `${JSON.stringify(report, short, 1)}\n`;
}

/** @throws {Error} the text is not a report. */
export function readReport(text: string): Report {
  const report = JSON.parse(text, (_, value) => (value === null ? Number.NaN : value)) as Partial<Report>;
  if (report.circumstances === undefined || report.answers === undefined)
    throw new Error("this is no report of benches");
  return { circumstances: report.circumstances, answers: report.answers, unanswered: report.unanswered ?? {} };
}
