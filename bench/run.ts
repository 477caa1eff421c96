/**
 * `npm run bench`: asks the questions, one after the other, and writes the report.
 *
 *   node bench/run.ts [--full] [--only NAME]... [--json]
 *
 * Each question has a process of its own, so that none is answered in the heap, the code cache or the threads that another left
 * behind. Without --full (or SP_BENCH=full) all runs are of smoke size: under three minutes, to see that the benches work.
 *
 * The report goes to standard output, as Markdown or with --json as it is, and to files: bench/results/ for a full run of
 * everything, by Node's major version, and bench/output/ for all else. Progress goes to standard error.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { answerText, circumstances, headText, type Report } from "./report.ts";
import type { FromQuestion } from "./support/ask.ts";
import type { Answer } from "./support/question.ts";

/** In the order in which they are asked, and whether one core is enough for the process. */
const QUESTIONS: Readonly<Record<string, { readonly oneCore: boolean }>> = {
  freeze: { oneCore: false },
  "memory-size": { oneCore: false },
  "freeze-load": { oneCore: false },
  "freeze-together": { oneCore: false },
  speed: { oneCore: true },
  sweep: { oneCore: true },
  prepare: { oneCore: false },
  handover: { oneCore: false },
  "handover-calls": { oneCore: false },
  "tier-up": { oneCore: false },
  asyncify: { oneCore: true },
  alternatives: { oneCore: false },
  events: { oneCore: false },
  scale: { oneCore: true },
};

/** Far above what any of them takes: it only ends what hangs. */
const LIMIT_MS = 15 * 60_000;

const { values: options } = parseArgs({
  options: {
    full: { type: "boolean", default: process.env.SP_BENCH === "full" },
    only: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
  },
});
const seed = Number(process.env.SP_SEED ?? randomInt(2 ** 32));
const names = options.only.length > 0 ? options.only : Object.keys(QUESTIONS);
for (const name of names) {
  if (QUESTIONS[name] === undefined) {
    console.error(`no bench ${name}; there are ${Object.keys(QUESTIONS).join(", ")}`);
    process.exit(2);
  }
}

/** What keeps a process on the last core, which the system itself uses least; nothing where there is no such tool. */
const pinned: readonly string[] =
  spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0
    ? ["taskset", "-c", `${cpus().length - 1}`]
    : [];

function start(name: string): ChildProcess {
  const command = [
    ...(QUESTIONS[name]!.oneCore ? pinned : []),
    process.execPath,
    ...process.execArgv,
    "--disable-warning=ExperimentalWarning",
    new URL("support/ask.ts", import.meta.url).pathname,
    name,
  ];
  return spawn(command[0]!, command.slice(1), {
    // What is shared with tests ends a process that takes longer than a test may, unless it is a full one.
    env: { ...process.env, SP_BENCH: options.full ? "full" : "smoke", SP_FULL: "1", SP_SEED: `${seed}` },
    // What a question or its guests print is not part of the report.
    stdio: ["ignore", 2, 2, "ipc"],
  });
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function ask(name: string): Promise<Answer & { title: string; seconds: number }> {
  const from = performance.now();
  const child = start(name);
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  let title = name;
  let answer: Answer | undefined;
  child.on("message", (message: FromQuestion) => {
    if (message.type === "title") title = message.title;
    else if (message.type === "progress") progress(`${name}: ${message.text}`);
    else answer = message.answer;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      progress("");
      const seconds = (performance.now() - from) / 1000;
      if (answer !== undefined) resolve({ title, seconds, ...answer });
      else reject(new Error(`bench ${name} ended without an answer (${signal ?? `exit code ${code}`})`));
    });
  });
}

const report: Report & { answers: Record<string, Awaited<ReturnType<typeof ask>>> } = {
  circumstances: circumstances({ full: options.full, seed }),
  answers: {},
};
const texts = [headText(report.circumstances)];
if (!options.json) console.log(texts[0]);
for (const name of names) {
  try {
    const answer = await ask(name);
    report.answers[name] = answer;
    const text = `${answerText(answer)}\n\n(${name}: ${answer.seconds.toFixed(0)} s)`;
    texts.push(text);
    if (!options.json) console.log(`\n${text}`);
  } catch (error) {
    process.exitCode = 1;
    console.error(`\n${(error as Error).message}`);
  }
}

const complete = options.full && options.only.length === 0 && process.exitCode === undefined;
const folder = new URL(complete ? "results/" : "output/", import.meta.url);
const file = complete ? `node${process.versions.node.split(".")[0]}` : "latest";
const json = `${JSON.stringify(report, undefined, 1)}\n`;
mkdirSync(folder, { recursive: true });
writeFileSync(new URL(`${file}.json`, folder), json);
writeFileSync(new URL(`${file}.md`, folder), `${texts.join("\n\n")}\n`);
if (options.json) console.log(json);
