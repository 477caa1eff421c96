/**
 * A report as one page that needs nothing else: no script, no request. The same as the Markdown, with the plots. It reads in
 * light and dark, on paper, and on a narrow screen, where wide tables scroll by themselves.
 */

import { readFileSync } from "node:fs";
import { CHAPTERS, type Chapter, type Column, type Figure, type Table } from "../support/question.ts";
import {
  barText,
  cellText,
  lost,
  noiseText,
  passesText,
  spreadOf,
  spreadText,
  valueText,
  verdictOf,
} from "./figure.ts";
import { askedText, headText, legendText } from "./markdown.ts";
import { plotSvg } from "./plot.ts";
import { type Answered, type Circumstances, type Report, runtimeName } from "./report.ts";
import { summaryOf } from "./summary.ts";

const STYLE = readFileSync(new URL("page.css", import.meta.url), "utf8");

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/** Text of ours: code in backticks; what is strong in it is a loss; a number and its unit stay together. */
function inline(text: string): string {
  return escaped(text)
    .replaceAll(/(\d) (?=(?:x|s|ms|µs|MB|MiB|GiB|%|cores)\b)/g, "$1\u00a0")
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll(/\*\*(.+?)\*\*/g, '<strong class="missed">$1</strong>')
    .replaceAll(/https?:\/\/[^\s)]+/g, (url) => `<a href="${url}">${url}</a>`);
}

function tableHtml({ title, columns, rows }: Table): string {
  const numeric = new Set(columns.filter(({ key }) => rows.some((row) => typeof row[key] === "number")));
  const kind = (column: Column): string => (numeric.has(column) ? ' class="number"' : "");
  const head = columns.map((column, i) => `<th scope="col"${i === 0 ? "" : kind(column)}>${inline(column.title)}</th>`);
  const body = rows.map((row) => {
    const cells = columns.map((column, i) => {
      const text = inline(cellText(row[column.key], column));
      return i === 0 ? `<th scope="row">${text}</th>` : `<td${kind(column)}>${text}</td>`;
    });
    return `<tr>${cells.join("")}</tr>`;
  });
  return `<div class="table" role="region" tabindex="0" aria-label="${escaped(title)}"><table>
<caption>${inline(title)}</caption>
<thead><tr>${head.join("")}</tr></thead>
<tbody>
${body.join("\n")}
</tbody></table></div>`;
}

function verdictText(figure: Figure): string {
  if (figure.against !== undefined) return lost(figure) ? "**theirs is better**" : "ours is better";
  return verdictOf(figure) === "MISSED" ? "**missed**" : (verdictOf(figure) ?? "");
}

function figureTable(figures: readonly Figure[]): Table {
  const rows: Table["rows"] = figures.map((figure) => ({
    figure: figure.name,
    measured: valueText(figure),
    bar: barText(figure),
    verdict: verdictText(figure),
    "A/A": noiseText(figure),
    passes: figure.passes === undefined ? "" : spreadText(spreadOf(figure)),
    "of each pass": passesText(figure),
  }));
  const columns = ["figure", "measured", "bar", "verdict", "A/A", "passes", "of each pass"].filter((key) =>
    rows.some((row) => row[key]),
  );
  return { title: "Figures", columns: columns.map((title) => ({ key: title, title })), rows };
}

const list = (items: readonly string[]): string => (items.length === 0 ? "" : `<ul>\n${items.join("\n")}\n</ul>`);

function answerHtml(name: string, answer: Answered, circumstances: Circumstances): string {
  const { title, tables, figures, plots = [], notes } = answer;
  const drawn = plots.map(
    (plot) =>
      `<figure><figcaption>${inline(plot.title)}</figcaption>${plotSvg(plot).replace("<svg ", `<svg role="img" aria-label="${escaped(plot.title)}; the numbers are in the tables" `)}</figure>`,
  );
  return `<section id="${escaped(name)}">
<h3>${inline(title)}</h3>
${figures.length === 0 ? "" : tableHtml(figureTable(figures))}
${drawn.length === 0 ? "" : `<div class="plots">${drawn.join("\n")}</div>`}
${tables.map(tableHtml).join("\n")}
${notes.map((note) => `<p>${inline(note)}</p>`).join("\n")}
<p class="faint"><code>--only ${escaped(name)}</code>: ${escaped(askedText(answer, circumstances))}</p>
</section>`;
}

export function reportPage(report: Report): string {
  const { bars, alternatives, losses } = summaryOf([report]);
  const answers = Object.entries(report.answers);
  const unanswered = Object.entries(report.unanswered);
  const chapters = (Object.keys(CHAPTERS) as Chapter[])
    .map((chapter) => ({ chapter, own: answers.filter(([, answer]) => answer.chapter === chapter) }))
    .filter(({ own }) => own.length > 0);
  const contents = chapters.map(({ chapter, own }) => {
    const questions = own.map(([name, { title }]) => `<li><a href="#${escaped(name)}">${inline(title)}</a></li>`);
    return `<li><a href="#chapter-${chapter}">${CHAPTERS[chapter]}</a>${list(questions)}</li>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>stillpoint's benches, ${runtimeName(report)}</title>
<style>
${STYLE}</style>
</head>
<body>
<header>
<h1>stillpoint's benches, ${runtimeName(report)}</h1>
<p>${inline(headText(report.circumstances))}</p>
<p>${inline(legendText(report.circumstances)).replaceAll(/\[([^\]]+)\]\([^)]+\)/g, "<code>$1</code>")}</p>
</header>
<nav aria-label="Contents">${list(contents)}</nav>
<main>
<h2 id="summary">Summary</h2>
${tableHtml(bars)}
${alternatives === undefined ? "" : tableHtml(alternatives)}
<h3>Where stillpoint loses</h3>
${losses.length === 0 ? "<p>Nowhere in these figures: every bar is held, and no other way was better.</p>" : list(losses.map((line) => `<li>${inline(line)}</li>`))}
${unanswered.length === 0 ? "" : `<h2>Not answered</h2>${list(unanswered.map(([name, { title, reason }]) => `<li>${inline(title)} (${escaped(name)}): ${inline(reason)}</li>`))}`}
${chapters
  .map(
    ({ chapter, own }) =>
      `<h2 id="chapter-${chapter}">${CHAPTERS[chapter]}</h2>\n${own.map(([name, answer]) => answerHtml(name, answer, report.circumstances)).join("\n")}`,
  )
  .join("\n")}
</main>
</body>
</html>
`;
}
