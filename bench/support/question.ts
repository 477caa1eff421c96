/**
 * What a bench is: one question, asked in a process of its own (bench/support/ask.ts), answered with tables and with figures that
 * have a bar to hold. Numbers stay numbers until bench/report/ prints them, so that an answer can be compared with another.
 */

import type { Random } from "../../test/support/random.ts";

/** What the report is divided into, in its order. */
export const CHAPTERS = {
  pause: "How long is the pause?",
  replacement: "How long is a host replaced?",
  cost: "What does it cost when nothing happens?",
  alternatives: "What would one do instead?",
  dirty: "What does knowing the dirty pages cost, and save?",
  growth: "How does it grow?",
} as const;

export type Chapter = keyof typeof CHAPTERS;

export interface Question {
  readonly chapter: Chapter;
  /** As a person would ask it. */
  readonly title: string;
  ask(run: Run): Promise<Answer>;
}

/** How a question is asked this time. */
export interface Run {
  /** Numbers to quote; otherwise the smallest run that shows that the bench works. */
  readonly full: boolean;
  readonly random: Random;
  progress(text: string): void;
}

export interface Answer {
  readonly tables: readonly Table[];
  readonly figures: readonly Figure[];
  readonly plots?: readonly Plot[];
  /** What a reader has to know to read the tables right. */
  readonly notes: readonly string[];
}

export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

export type Cell = string | number | undefined;

export interface Column {
  readonly key: string;
  readonly title: string;
  /** Digits after the point. Undefined for what is counted rather than measured: comparing two reports leaves that out. */
  readonly digits?: number;
  /** Otherwise less is better, as of a time or a size. */
  readonly moreIsBetter?: true;
}

/** Numbers to be drawn. Bars have names on their x axis, and one number for each; lines have numbers there. */
export interface Plot {
  readonly title: string;
  readonly kind: "bars" | "lines";
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface Axis {
  /** With its unit. */
  readonly title: string;
  readonly logarithmic?: boolean;
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number | string, y: number])[];
}

/** A number of which design and README speak. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The value may be at most this. Undefined: told for information. */
  readonly atMost?: number;
  /** The value may not be below this. */
  readonly atLeast?: number;
  /** Our number over that of another way to the same end: above 1 that way is better, and the summary says so. */
  readonly against?: string;
  /** By how much the same thing measured twice differed, as a factor of at least 1. Undefined where nothing was measured twice. */
  readonly noise?: number;
  /** What each process said that was asked. A question leaves it out: the report has it where there were several (bench/report/passes.ts). */
  readonly passes?: readonly number[];
}
