/** A report as Markdown: the summary, then chapter by chapter what was asked and answered. */

import { CHAPTERS, type Chapter, type Table } from "../support/question.ts";
import { cellText, figureText } from "./figure.ts";
import type { Answered, Circumstances, Report } from "./report.ts";
import { type Summary, summaryOf } from "./summary.ts";

export function tableText({ columns, rows }: Omit<Table, "title">): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => cellText(row[column.key], column))),
  ].map((line) => line.map((text) => text.replaceAll("|", "\\|").replaceAll("\n", " ")));
  // Text to the left, numbers to the right.
  const numeric = columns.map(({ key }) => rows.some((row) => typeof row[key] === "number"));
  const widths = columns.map((_, i) => Math.max(3, ...cells.map((line) => line[i]!.length)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, i) => (numeric[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (numeric[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  return [line(cells[0]!), rule, ...cells.slice(1).map(line)].join("\n");
}

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join("\n");

export function headText({ date, size, seed, seeds = [], commit, machine, runtime }: Circumstances): string {
  const flags = runtime.flags.length === 0 ? "no flags" : runtime.flags.join(" ");
  return (
    `${size === "full" ? "Full" : "Smoke"} run of ${date.slice(0, 10)}: ` +
    `Node ${runtime.node} (V8 ${runtime.v8}), ${flags}; ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ` +
    `${machine.system}, load ${machine.load.toFixed(2)} at the start; commit ${commit}; SP_SEED=${seed}` +
    `${seeds
      .slice(1)
      .map((further, i) => `, of pass ${i + 2}: ${further}`)
      .join("")}.` +
    (size === "smoke" ? " A smoke run shows that the benches work. Its numbers are nothing to quote." : "")
  );
}

/** What the two columns beside a figure say. */
export function legendText({ seeds = [] }: Circumstances): string {
  return [
    "`A/A` is how far the same thing measured twice in one process differs, `passes` how far the processes do in which a question was asked; both are factors, and no number stands where there were not two.",
    ...(seeds.length > 1
      ? ["A figure is the mean of its passes; tables, plots and notes are those of the first."]
      : ["Here all was asked in one pass."]),
    "How it was measured is in [bench/README.md](../README.md).",
  ].join(" ");
}

/** How long it took, in how many passes, and where. */
export function askedText(
  { seconds, passes = 1, once, cores }: Answered,
  { machine }: Pick<Circumstances, "machine">,
): string {
  const everywhere = cores === (machine.cores === 1 ? "0" : `0-${machine.cores - 1}`);
  return [
    `${seconds.toFixed(0)} s`,
    ...(passes > 1 ? [`in ${passes} passes`] : []),
    ...(once === undefined ? [] : [`asked once (${once})`]),
    ...(cores === undefined ? [] : [everywhere ? "on any core" : `pinned to core ${cores}`]),
  ].join(", ");
}

/** `depth` is the number of signs before its headings. */
export function summaryText({ bars, alternatives, losses }: Summary, depth: number): string {
  const heading = (text: string): string => `${"#".repeat(depth)} ${text}`;
  const none = "Nowhere in these figures: every bar is held, and no other way was better.";
  return [
    heading(bars.title),
    tableText(bars),
    ...(alternatives === undefined
      ? []
      : [heading("Beside other ways"), `${alternatives.title}.`, tableText(alternatives)]),
    heading("Where stillpoint loses"),
    losses.length === 0 ? none : list(losses),
  ].join("\n\n");
}

function answerText(name: string, answer: Answered, circumstances: Circumstances): string {
  const { title, tables, figures, notes } = answer;
  return [
    `### ${title}`,
    ...tables.flatMap((table) => [`**${table.title}**`, tableText(table)]),
    ...(figures.length === 0 ? [] : [list(figures.map(figureText))]),
    ...notes,
    `(\`--only ${name}\`: ${askedText(answer, circumstances)})`,
  ].join("\n\n");
}

export function reportText(report: Report): string {
  const unanswered = Object.entries(report.unanswered);
  const answers = Object.entries(report.answers);
  const chapters = (Object.keys(CHAPTERS) as Chapter[]).flatMap((chapter) => {
    const own = answers.filter(([, answer]) => answer.chapter === chapter);
    return own.length === 0
      ? []
      : [`## ${CHAPTERS[chapter]}`, ...own.map(([name, answer]) => answerText(name, answer, report.circumstances))];
  });
  return [
    "# stillpoint's benches",
    headText(report.circumstances),
    legendText(report.circumstances),
    "## Summary",
    summaryText(summaryOf([report]), 3),
    ...(unanswered.length === 0
      ? []
      : ["## Not answered", list(unanswered.map(([name, { title, reason }]) => `${title} (${name}): ${reason}`))]),
    ...chapters,
  ].join("\n\n");
}
