/**
 * What a bench is: one question, asked in a process of its own (bench/support/ask.ts), answered with tables and with figures that
 * have a bar to hold. Numbers stay numbers until bench/report.ts prints them, so that an answer can be compared with another.
 */

import type { Random } from "../../test/support/random.ts";

export interface Question {
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
  /** Digits after the point. */
  readonly digits?: number;
}

/** A number of which design and README speak. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The value may be at most this. Undefined: told for information. */
  readonly atMost?: number;
  /** By how much the same thing measured twice differed, as a factor of at least 1. Undefined where nothing was measured twice. */
  readonly noise?: number;
}
