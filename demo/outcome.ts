/** What came of the storm over one program, and the table of all of them: figures down, programs across. */

import { createHash } from "node:crypto";
import { milliseconds, table } from "./screen.ts";
import type { Storm } from "./storm.ts";

export interface Outcome {
  readonly name: string;
  readonly storm: Storm;
  /** Everything the program gave out, undisturbed and then frozen and resumed. */
  readonly undisturbed: string;
  readonly disturbed: string;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Nearest rank: every figure is one that was measured. */
function quantile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return milliseconds(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

const safepoints = ({ storm }: Outcome): number[] => storm.freezes.map((freeze) => freeze.timeToSafepointMs);
const blackouts = ({ storm }: Outcome): number[] => storm.resumes.map((resume) => resume.blackoutMs);
const copied = ({ storm }: Outcome): number => total(storm.freezes.map((freeze) => freeze.guestBytesCopied));
const same = ({ undisturbed, disturbed }: Outcome): boolean => undisturbed === disturbed;

const ROWS: readonly (readonly [heading: string, cell: (outcome: Outcome) => string])[] = [
  ["", ({ name }) => name],
  ["pauses", ({ storm }) => `${storm.freezes.length}`],
  ["  in mid-execution", ({ storm }) => `${storm.found("parked")}`],
  ["  while it waited", ({ storm }) => `${storm.found("waiting")}`],
  ["  while it was idle", ({ storm }) => `${storm.found("idle")}`],
  ["time to safepoint     p50", (outcome) => quantile(safepoints(outcome), 0.5)],
  ["                      p99", (outcome) => quantile(safepoints(outcome), 0.99)],
  ["                      max", (outcome) => quantile(safepoints(outcome), 1)],
  ["blackout              p50", (outcome) => quantile(blackouts(outcome), 0.5)],
  ["                      p99", (outcome) => quantile(blackouts(outcome), 0.99)],
  ["                      max", (outcome) => quantile(blackouts(outcome), 1)],
  ["guest memory copied", (outcome) => `${copied(outcome)} bytes`],
  ["pages dirtied", ({ storm }) => `${storm.dirtyPages}`],
  ["wall clock stepped by", ({ storm }) => milliseconds(total(storm.resumes.map((resume) => resume.wallStepMs)))],
  [
    "monotonic clock stepped by",
    ({ storm }) => milliseconds(total(storm.resumes.map((resume) => resume.monotonicStepMs))),
  ],
  ["output", ({ disturbed }) => `${Buffer.byteLength(disturbed)} bytes`],
  ["  sha256, undisturbed", ({ undisturbed }) => digest(undisturbed)],
  ["  sha256, frozen and resumed", ({ disturbed }) => digest(disturbed)],
  ["  the same", (outcome) => (same(outcome) ? "yes" : "NO")],
];

export function outcomeTable(outcomes: readonly Outcome[]): string {
  return table(ROWS.map(([heading, cell]) => [heading, ...outcomes.map(cell)]));
}

/** Frozen at all, nothing copied, and nothing noticed. */
export function isGood(outcome: Outcome): boolean {
  return outcome.storm.freezes.length > 0 && copied(outcome) === 0 && same(outcome);
}
