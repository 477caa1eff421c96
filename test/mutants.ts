/**
 * Breaks one line at a time and expects the tests to notice: `npm run test:mutants [-- FILTER ...]`, a filter is a part of a
 * mutant's name or file.
 *
 * Works on a copy of the repository. Each mutant is built there and its tests are run until one fails. A mutant survives if
 * none does. Not killed, but broken, is one whose text is not found exactly once, that does not build, or whose test crashes
 * before it can judge: then the table is wrong, and the run fails as it does for a survivor. The tests must pass without a
 * mutant first, or their failing would say nothing.
 */

import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MUTANTS, type Mutant } from "./support/mutants.ts";

type Verdict = { readonly kind: "killed" | "survived" | "broken"; readonly by: string };

const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(REPOSITORY, "node_modules", ".bin");
/** A mutant may hang its test, and that is a kill as well. */
const LIMIT_MS = 180_000;
const SEED = process.env.SP_SEED ?? String(randomInt(2 ** 32));

const copy = mkdtempSync(join(tmpdir(), "mutants-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

interface Ran {
  readonly failed: boolean;
  readonly late: boolean;
  readonly output: string;
}

function run(command: string, args: readonly string[]): Promise<Ran> {
  const options = {
    cwd: copy,
    env: { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH}`, SP_SEED: SEED, NO_COLOR: "1" },
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  } as const;
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ failed: error !== null, late: error?.killed === true, output: `${stdout}${stderr}` });
    });
  });
}

/** Builds what follows from a file; answers what went wrong. */
async function build(file: string): Promise<string | undefined> {
  const core = (name: string, entry: string) =>
    run("asc", [`assembly/${entry}.ts`, "--target", "release", "--outFile", `dist/${name}.wasm`]);
  const built = await (file.startsWith("assembly/")
    ? file === "assembly/scan.ts"
      ? core("scan", "scan")
      : core("core", "index")
    : run("tsc", ["-p", "src"]));
  return built.failed ? built.output : undefined;
}

/** Runs a test file: undefined if it passes. */
async function judge(test: string): Promise<Verdict | undefined> {
  const { failed, late, output } = await run(process.execPath, [`test/${test}.test.ts`]);
  if (late) return { kind: "killed", by: `${test}: ran out of its time` };
  // uvu ends well, with tests that did not pass, when a hook of theirs has thrown.
  const counts = /Total: +(\d+)\n +Passed: +(\d+)/.exec(output);
  if (!failed && counts !== null && counts[1] === counts[2]) return undefined;
  const claim = /FAIL {2}.*?"(.*)"$/m.exec(output)?.[1];
  if (claim !== undefined) return { kind: "killed", by: `${test}: ${claim}` };
  return { kind: "broken", by: `${test} crashed: ${output.trim().slice(-300)}` };
}

async function attempt({ file, text, becomes, tests }: Mutant): Promise<Verdict> {
  const path = join(copy, file);
  const original = readFileSync(path, "utf8");
  const found = original.split(text).length - 1;
  if (found !== 1) return { kind: "broken", by: `its text is found ${found} times in ${file}` };
  writeFileSync(
    path,
    original.replace(text, () => becomes),
  );
  try {
    const wrong = await build(file);
    if (wrong !== undefined) return { kind: "broken", by: `does not build: ${wrong.trim().slice(0, 300)}` };
    for (const test of tests) {
      const verdict = await judge(test);
      if (verdict !== undefined) return verdict;
    }
    return { kind: "survived", by: tests.join(", ") };
  } finally {
    writeFileSync(path, original);
  }
}

const filters = process.argv.slice(2);
const chosen = MUTANTS.filter(
  ({ name, file }) => filters.length === 0 || filters.some((filter) => name.includes(filter) || file.includes(filter)),
);
console.log(`${chosen.length} mutants, SP_SEED=${SEED}`);

cpSync(REPOSITORY, copy, {
  recursive: true,
  filter: (path) => dirname(path) !== REPOSITORY || !["node_modules", ".git"].includes(basename(path)),
});
symlinkSync(join(REPOSITORY, "node_modules"), join(copy, "node_modules"));

for (const test of new Set(chosen.flatMap(({ tests }) => tests))) {
  const verdict = await judge(test);
  if (verdict === undefined) continue;
  console.log(`FAILED without a mutant: ${verdict.by}`);
  process.exit(1);
}

const sum = { killed: 0, survived: 0, broken: 0 };
let previous: string | undefined;
for (const mutant of chosen) {
  // The last mutant is still in what was built from its file.
  if (previous !== undefined && previous.startsWith("assembly/") !== mutant.file.startsWith("assembly/"))
    await build(previous);
  previous = mutant.file;
  const started = performance.now();
  const { kind, by } = await attempt(mutant);
  sum[kind]++;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${kind.padEnd(8)} ${mutant.name.padEnd(62)} ${seconds.padStart(6)} s   ${by}`);
}
console.log(`\n${sum.killed} killed, ${sum.survived} survived, ${sum.broken} broken`);
process.exitCode = sum.survived + sum.broken > 0 || chosen.length === 0 ? 1 : 0;
