/** Tables for people: columns as wide as they must be, numbers to the right. */

import { styleText } from "node:util";

export interface Column<T> {
  readonly head: string;
  readonly right?: true;
  text(row: T): string;
}

/** Lines without a break at the end. With no rows, the heads alone. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row))));
  const widths = columns.map(({ head }, index) => Math.max(head.length, ...cells.map((line) => line[index]!.length)));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => (columns[index]!.right ? text.padStart(widths[index]!) : text.padEnd(widths[index]!)))
      .join("  ")
      .trimEnd();
  const heads = line(columns.map(({ head }) => head));
  return [styleText("bold", heads, { stream: process.stdout }), ...cells.map(line)];
}

export function printTable<T>(rows: readonly T[], columns: readonly Column<T>[]): void {
  process.stdout.write(`${table(rows, columns).join("\n")}\n`);
}

/** Text from elsewhere cannot move the cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}

/** What is not there. */
export function orDash(value: string | number | null | undefined): string {
  return value === null || value === undefined ? "–" : String(value);
}

/** The end of a URL: what a person calls a services module. */
export function shortUrl(url: string | null): string {
  if (url === null) return "–";
  return url.startsWith("data:") ? "data:" : (url.split("/").at(-1) ?? url);
}
