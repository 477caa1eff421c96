/** What the demonstration shows: rows that change in place on a terminal and plain lines elsewhere, then a table. */

import { styleText } from "node:util";

const SHOW_MS = { terminal: 80, plain: 2000 };

/** Times are logarithms here: from a microsecond to a second. */
const BARS = "▁▂▃▄▅▆▇█";

export function bars(times: readonly number[]): string {
  const bar = (ms: number): string => {
    const height = ((Math.log10(Math.max(ms, 0.001)) + 3) / 6) * BARS.length;
    return BARS[Math.min(BARS.length - 1, Math.floor(height))] as string;
  };
  return times.map(bar).join("");
}

/** Three digits that matter. */
export function milliseconds(ms: number): string {
  if (ms === 0) return "0 ms";
  const digits = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(ms)))));
  return `${ms.toFixed(digits)} ms`;
}

export function styled(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Shows `rows()` again and again until it is stopped; the last rows stay. */
export function watch(rows: () => readonly string[]): { stop(): void } {
  const terminal = process.stdout.isTTY === true;
  // Some terminals do not know how wide they are.
  const width = process.stdout.columns || 80;
  let shown = 0;
  const show = (): void => {
    const lines = rows().map((line) => (terminal ? `\x1b[2K${line.slice(0, width - 1)}` : line));
    process.stdout.write(`${terminal && shown > 0 ? `\x1b[${shown}A` : ""}${lines.join("\n")}\n`);
    shown = lines.length;
  };
  const timer = setInterval(show, terminal ? SHOW_MS.terminal : SHOW_MS.plain);
  return {
    stop: () => {
      clearInterval(timer);
      show();
    },
  };
}

/** Columns that line up, the first to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("   "),
    )
    .join("\n");
}
