/**
 * The README's share of the full reports: their summary, between two comments, all versions of Node side by side.
 *
 *   npm run bench:readme              puts it there
 *   npm run bench:readme -- --check   exit code 1 if what stands there is not of the reports in bench/results/
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { headText, summaryText } from "./markdown.ts";
import { type Report, readReport, runtimeName } from "./report.ts";
import { summaryOf } from "./summary.ts";

const README = new URL("../../README.md", import.meta.url);
const RESULTS = new URL("../results/", import.meta.url);

const BEGIN = "<!-- begin of what `npm run bench:readme` writes -->";
const END = "<!-- end of what `npm run bench:readme` writes -->";

export function storedReports(): Report[] {
  return readdirSync(RESULTS)
    .filter((file) => /^node\d+\.json$/.test(file))
    .sort()
    .map((file) => readReport(readFileSync(new URL(file, RESULTS), "utf8")));
}

export function readmeText(reports: readonly Report[]): string {
  const heads = reports.map((report) => {
    const major = runtimeName(report).match(/\d+/)![0];
    return `- ${headText(report.circumstances)} [The report](bench/results/node${major}.md), and with pictures \`bench/results/node${major}.html\`.`;
  });
  return [heads.join("\n"), summaryText(summaryOf(reports), 3)].join("\n\n");
}

/** @throws {Error} the README has no place for it. */
export function included(readme: string, text: string): string {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the README lacks the line ${from < 0 ? BEGIN : END}`);
  return `${readme.slice(0, from + BEGIN.length)}\n\n${text}\n\n${readme.slice(to)}`;
}

if (import.meta.main) {
  const readme = readFileSync(README, "utf8");
  const wanted = included(readme, readmeText(storedReports()));
  if (!process.argv.includes("--check")) writeFileSync(README, wanted);
  else if (readme !== wanted) {
    console.error("The README does not say what the reports in bench/results/ say: npm run bench:readme");
    process.exitCode = 1;
  }
}
