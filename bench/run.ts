/**
 * `npm run bench`: asks the questions, one after the other, and writes the report. HELP below says how.
 *
 * Without --full (or SP_BENCH=full) all runs are of smoke size: under three minutes together, to see that the benches work. A full run
 * asks all questions and then all of them again, in new processes (bench/report/passes.ts says why). One of everything goes to
 * bench/results/, by Node's major version, and all else to bench/output/: as JSON, as Markdown and as a page. Progress goes to
 * standard error. The exit code is 1 if a question was not answered, or if a full run of everything lacks a figure that is promised.
 */

import { createHash, randomInt } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { circumstances } from "./report/circumstances.ts";
import { compare, comparisonText } from "./report/comparison.ts";
import { reportText } from "./report/markdown.ts";
import { reportPage } from "./report/page.ts";
import { together } from "./report/passes.ts";
import { type Answered, type Report, readReport, type Unanswered, writeReport } from "./report/report.ts";
import { summaryOf } from "./report/summary.ts";
import { ask } from "./support/asking.ts";
import { chaptersOf } from "./support/chapters.ts";
import { Progress } from "./support/progress.ts";
import { CHAPTERS } from "./support/question.ts";

/** In the order in which they are asked: whether one core is enough for the process, and why further passes leave it out. */
const QUESTIONS: Readonly<Record<string, { readonly oneCore: boolean; readonly once?: string }>> = {
  freeze: { oneCore: false },
  "memory-size": { oneCore: false },
  "freeze-load": { oneCore: false },
  "freeze-together": { oneCore: false },
  browser: { oneCore: false, once: "no figures" },
  speed: { oneCore: true },
  start: { oneCore: false },
  sweep: { oneCore: true },
  tracking: { oneCore: false },
  increments: { oneCore: false },
  prepare: { oneCore: false },
  handover: { oneCore: false },
  "handover-calls": { oneCore: false, once: "long, and what counts is a number that has to be 0" },
  "handover-speed": { oneCore: false },
  "tier-up": { oneCore: false },
  asyncify: { oneCore: true, once: "long: the other tool builds for a minute" },
  ways: { oneCore: false },
  guests: { oneCore: false },
  events: { oneCore: false },
  scale: { oneCore: true },
};

const HELP = `Usage: npm run bench -- [options]

  --full               numbers to quote; otherwise a smoke run
  --passes N           asks everything N times, each time in new processes, but for what is long; with --full 2, otherwise 1
  --only NAME          this question or chapter alone; may be given several times
  --json               the report on standard output as JSON instead of Markdown
  --compare OLD.json   afterwards what has moved beyond the noise since that report, instead of the report
  --from REPORT.json   asks nothing: compares that report, or without --compare makes its Markdown and page anew
  --help

Questions: ${Object.keys(QUESTIONS).join(", ")}
Chapters:  ${Object.keys(CHAPTERS).join(", ")}
SP_SEED=N repeats the draws of a run, or with the seed of a later pass and --passes 1 those of that pass.`;

/** Ends for a reason that lies with whoever asked. */
function refuse(reason: string): never {
  console.error(reason);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      options: {
        full: { type: "boolean", default: process.env.SP_BENCH === "full" },
        passes: { type: "string" },
        only: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
        compare: { type: "string" },
        from: { type: "string" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    refuse(`${(error as Error).message} (--help lists the options)`);
  }
}

/** Names of the questions that are to be asked. */
function selected(only: readonly string[]): string[] {
  const all = Object.keys(QUESTIONS);
  if (only.length === 0) return all;
  for (const word of only) {
    if (!(Object.hasOwn(QUESTIONS, word) || Object.hasOwn(CHAPTERS, word))) {
      refuse(`no question or chapter ${word}; there are ${[...all, ...Object.keys(CHAPTERS)].join(", ")}`);
    }
  }
  const wanted = new Set(only.filter((word) => Object.hasOwn(QUESTIONS, word)));
  if (only.some((word) => Object.hasOwn(CHAPTERS, word))) {
    for (const [name, chapter] of Object.entries(chaptersOf(all))) if (only.includes(chapter)) wanted.add(name);
  }
  return all.filter((name) => wanted.has(name));
}

/** A seed for each pass, all from the first. */
function seedsOf(passes: string): number[] {
  if (!/^[1-9]\d?$/.test(passes)) refuse(`--passes ${passes}: it has to be a number from 1 to 99`);
  const seed = Number(process.env.SP_SEED ?? randomInt(2 ** 32));
  const further = (pass: number): number =>
    createHash("sha256").update(`${seed}, pass ${pass}`).digest().readUInt32LE();
  return Array.from({ length: Number(passes) }, (_, pass) => (pass === 0 ? seed : further(pass)));
}

function read(path: string): Report {
  try {
    return readReport(readFileSync(path, "utf8"));
  } catch (error) {
    refuse(`${path} cannot be read: ${(error as Error).message}`);
  }
}

function printComparison(old: Report, now: Report): void {
  try {
    console.log(comparisonText(compare(old, now)));
  } catch (error) {
    refuse((error as Error).message);
  }
}

/** Writes a report's three files; the one that cannot be made anew comes first. Answers its Markdown. */
function write(report: Report, file: URL): string {
  const to = (extension: string): URL => new URL(file.href.replace(/json$/, extension));
  writeFileSync(file, writeReport(report));
  const markdown = `${reportText(report)}\n`;
  writeFileSync(to("md"), markdown);
  writeFileSync(to("html"), reportPage(report));
  console.error(`\nThe report, with pictures: ${fileURLToPath(to("html"))}`);
  return markdown;
}

const options = parse();
const { full } = options;
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const old = options.compare === undefined ? undefined : read(options.compare);
if (options.from !== undefined) {
  const stored = read(options.from);
  if (old !== undefined) printComparison(old, stored);
  else if (options.from.endsWith(".json")) write(stored, pathToFileURL(options.from));
  else refuse(`${options.from} does not end in .json`);
  process.exit(0);
}
if (old !== undefined && old.circumstances.size !== (full ? "full" : "smoke")) {
  refuse(
    `${options.compare} is of a ${old.circumstances.size} run: ${full ? "without" : "with"} --full it can be compared with`,
  );
}
const seeds = seedsOf(options.passes ?? (full ? "2" : "1"));
const names = selected(options.only);
const everything = names.length === Object.keys(QUESTIONS).length;

const found = circumstances({ full, seeds });
/** What is asked, in this order: all questions, and then those again that are not asked once. */
const turns = seeds.flatMap((seed, pass) =>
  names.filter((name) => pass === 0 || QUESTIONS[name]!.once === undefined).map((name) => ({ name, seed, pass })),
);
const heard = new Map<string, (Answered | Unanswered)[]>(names.map((name) => [name, []]));
const progress = new Progress(process.stderr, { of: turns.length });
for (const { name, seed, pass } of turns) {
  const what = pass === 0 ? name : `${name}, again`;
  progress.now(what);
  const { oneCore } = QUESTIONS[name]!;
  const asked = await ask({ name, full, seed, oneCore, progress: (text) => progress.now(`${what}: ${text}`) });
  heard.get(name)!.push(asked);
  progress.done(`${what}: ${asked.seconds.toFixed(0)} s${"reason" in asked ? `, NOT ANSWERED: ${asked.reason}` : ""}`);
}
const answers: Record<string, Answered> = {};
const unanswered: Record<string, Unanswered> = {};
for (const [name, outcomes] of heard) {
  const { answered, failed } = together(outcomes);
  const { once } = QUESTIONS[name]!;
  if (answered) answers[name] = { ...answered, ...(seeds.length > 1 && once !== undefined && { once }) };
  if (failed) unanswered[name] = failed;
}
const report: Report = { circumstances: found, answers, unanswered };

const folder = new URL(full && everything ? "results/" : "output/", import.meta.url);
const file = full && everything ? `node${process.versions.node.split(".")[0]}` : "latest";
mkdirSync(folder, { recursive: true });
const markdown = write(report, new URL(`${file}.json`, folder));
if (old !== undefined) printComparison(old, report);
else process.stdout.write(options.json ? writeReport(report) : markdown);

if (Object.keys(unanswered).length > 0) {
  console.error(`Not answered: ${Object.keys(unanswered).join(", ")}`);
  process.exitCode = 1;
}
const { missing } = summaryOf([report]);
if (full && everything && missing.length > 0) {
  console.error(`Promised figures that nothing has measured: ${missing.join("; ")}`);
  process.exitCode = 1;
}
