/**
 * The test runner behind `npm test`: each file under `test/` named `*.test.ts` is a process of its own, two at a time.
 *
 *   node test/run.ts [--full] [--jobs COUNT] [FILTER ...]        a filter is a part of a file's path
 *
 * Processes of their own, because a test may leave Workers, signal handlers or a dead thread behind and the next one must not
 * know. Two at a time, each of several threads, on machines of two cores: none of them should depend on having a core to itself.
 * One that fails beside another is shown, and run once more alone with the same seed: that is what counts.
 *
 * Nothing passes by silence: a file that crashes, runs out of time, prints no summary (uvu prints none when `.run()` was
 * forgotten) or skips a test has failed. Seeded tests take SP_SEED, which is drawn here and printed, so that a red run can be
 * repeated. Lines that a test prints as `# …` are figures and are shown even when it passes; all else only when it fails.
 */

import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { globSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Why the file failed beyond what its own summary says; undefined if there is nothing to add. */
  readonly reason: string | undefined;
  readonly output: string;
  readonly seconds: number;
}

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: { full: { type: "boolean", default: false }, jobs: { type: "string", default: "2" } },
});

const TESTS = dirname(fileURLToPath(import.meta.url));
/** Far above what a file takes on a slow machine: it only has to end what hangs. */
const LIMIT_MS = options.full ? 3_600_000 : 300_000;
const SEED = process.env.SP_SEED ?? String(randomInt(2 ** 32));

const running = new Set<number>();

/** Ends a test together with whatever it has started. */
function kill(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
}

function countOf(output: string, label: string): number | undefined {
  const found = new RegExp(`^ {2}${label}: +(\\d+)$`, "m").exec(output);
  return found === null ? undefined : Number(found[1]);
}

/** What a finished process amounts to, by its summary and its exit; both have to be good. */
function judge(output: string, exit: string | undefined, seconds: number): Outcome {
  const total = countOf(output, "Total");
  const passed = countOf(output, "Passed");
  const skipped = countOf(output, "Skipped") ?? 0;
  const of = (failed: number, reason?: string): Outcome => ({ passed: passed ?? 0, failed, reason, output, seconds });
  if (total === undefined || passed === undefined) return of(1, exit ?? "printed no summary: is .run() missing?");
  if (total === 0) return of(1, "holds no test");
  const failed = total - passed + skipped;
  if (skipped > 0) return of(failed, `skipped ${skipped}`);
  if (failed === 0 && exit !== undefined) return of(1, exit);
  if (failed > 0 && exit === undefined) return of(failed, "a hook of a suite threw, which uvu does not report");
  return of(failed);
}

function runFile(file: string): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
    cwd: dirname(TESTS),
    env: { ...process.env, SP_SEED: SEED, NO_COLOR: "1", ...(options.full ? { SP_FULL: "1" } : {}) },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const pid = child.pid;
  let output = "";
  let late = false;
  const collect = (chunk: string): void => {
    output += chunk;
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  const limit = setTimeout(() => {
    late = true;
    if (pid !== undefined) kill(pid);
  }, LIMIT_MS);
  if (pid !== undefined) running.add(pid);
  return new Promise((done) => {
    const finish = (exit: string | undefined): void => {
      clearTimeout(limit);
      if (pid !== undefined) running.delete(pid);
      done(judge(output, exit, (performance.now() - started) / 1000));
    };
    child.on("error", (error) => finish(error.message));
    // What a test leaves behind would hold its output open, and the cores of the next one.
    child.on("exit", () => {
      if (pid !== undefined) kill(pid);
    });
    child.on("close", (code, signal) => {
      if (late) finish(`ran out of its ${LIMIT_MS / 1000} s and was ended`);
      else if (signal !== null) finish(`was ended by ${signal}`);
      else finish(code === 0 ? undefined : `ended with exit code ${code}`);
    });
  });
}

function report(name: string, outcome: Outcome): void {
  const verdict = outcome.failed === 0 ? "ok    " : "FAILED";
  const counts = `${outcome.passed} passed${outcome.failed > 0 ? `, ${outcome.failed} failed` : ""}`;
  console.log(`${verdict} ${name.padEnd(36)} ${counts.padEnd(22)} ${outcome.seconds.toFixed(1).padStart(6)} s`);
  if (outcome.reason !== undefined) console.log(`       ${outcome.reason}`);
  if (outcome.failed > 0) console.log(outcome.output.replace(/^/gm, "     | "));
  else for (const figure of outcome.output.matchAll(/(?:^|\s)# (.*)$/gm)) console.log(`       ${figure[1]}`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    for (const group of running) kill(group);
    process.exit(1);
  });
}

const nameOf = (file: string): string => relative(TESTS, file).replace(/\.test\.ts$/, "");
const queue = globSync("**/*.test.ts", { cwd: TESTS })
  .map((file) => resolve(TESTS, file))
  .filter((file) => filters.length === 0 || filters.some((filter) => nameOf(file).includes(filter)))
  .sort();
console.log(`${queue.length} files, Node ${process.version}, SP_SEED=${SEED}${options.full ? ", SP_FULL=1" : ""}\n`);

const sum = { passed: 0, failed: queue.length === 0 ? 1 : 0 };
if (queue.length === 0) console.log(`FAILED no test file matches ${filters.join(" ")}`);

/** Files that failed while another one ran. */
const again: string[] = [];

function count(file: string, outcome: Outcome): void {
  report(nameOf(file), outcome);
  sum.passed += outcome.passed;
  sum.failed += outcome.failed;
}

async function work(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const outcome = await runFile(file);
    if (outcome.failed === 0 || options.jobs === "1") count(file, outcome);
    else {
      again.push(file);
      report(`${nameOf(file)}, beside another`, outcome);
    }
  }
}
await Promise.all(Array.from({ length: Number(options.jobs) }, work));
if (again.length > 0) console.log(`\nonce more, alone, with the same seed: ${again.map(nameOf).join(", ")}`);
for (const file of again) count(file, await runFile(file));

console.log(`\n${sum.passed} passed, ${sum.failed} failed`);
process.exitCode = sum.failed === 0 ? 0 : 1;
