// Goal: `npm run bench` says what is wrong with how it was asked, and a question that cannot be answered costs nothing but itself. Method: the
// runner is asked wrongly, and its asker is given questions that fail in the ways there are.

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeReport } from "../../bench/report/report.ts";
import { ask } from "../../bench/support/asking.ts";
import { chaptersOf } from "../../bench/support/chapters.ts";
import { reportOf } from "../support/report.ts";

const RUN = fileURLToPath(new URL("../../bench/run.ts", import.meta.url));

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Ended> {
  const env = { ...process.env };
  delete env.SP_BENCH;
  return new Promise((resolve) => {
    execFile(process.execPath, [RUN, ...args], { timeout: 60_000, env }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const asked = (name: string, { oneCore = false } = {}) =>
  ask({ name, full: false, seed: 1, oneCore, progress: () => undefined });

const runner = suite("bench");

runner("refuses what it does not know with a sentence and exit code 2", async () => {
  const refusals = [
    [["--fast"], /Unknown option '--fast'/],
    [["freeze"], /freeze/],
    [["--only", "freezing"], /no question or chapter freezing; there are freeze, /],
    [["--compare", "/nowhere.json"], /nowhere\.json cannot be read/],
    [["--only", "toString"], /no question or chapter toString/],
    [["--passes", "0"], /--passes 0: it has to be a number/],
  ] as const;
  const all = await Promise.all(refusals.map(([args]) => run(...args)));
  for (const [i, [args, sentence]] of refusals.entries()) {
    const { status, stdout, stderr } = all[i]!;
    assert.is(status, 2, args.join(" "));
    assert.is(stdout, "");
    assert.match(stderr, sentence);
    assert.not.match(stderr, /^\s+at /m);
  }
});

runner("helps, and names its questions, of which each has a line in bench/README.md", async () => {
  const { status, stdout } = await run("--help");
  assert.is(status, 0);
  for (const word of ["--only", "--compare", "memory-size", "alternatives"]) assert.match(stdout, word);
  const questions = /^Questions: (.*)$/m.exec(stdout)![1]!.split(", ");
  const explained = readFileSync(new URL("../../bench/README.md", import.meta.url), "utf8").matchAll(
    /^\| `([\w-]+)` \|/gm,
  );
  assert.equal([...explained].map(([, name]) => name).sort(), questions.sort());
});

runner("compares two reports that are there, and none of different sizes; makes the text of one anew", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stillpoint-"));
  try {
    const file = (name: string, value: number, size: "full" | "smoke"): string => {
      const path = join(folder, `${name}.json`);
      writeFileSync(path, writeReport(reportOf({ figures: [{ name: "pause", value, unit: "ms" }], size })));
      return path;
    };
    const [old, now, small] = [file("old", 1, "full"), file("new", 2, "full"), file("small", 1, "smoke")];
    const { status, stdout } = await run("--compare", old, "--from", now);
    assert.is(status, 0);
    assert.match(stdout, /\| pause \| 1 ms \| 2 ms \| +2\.000 \| –, – +\| 1\.10 +\| worse/);
    const again = await run("--from", old);
    assert.is(again.status, 0);
    for (const extension of ["md", "html"])
      assert.match(readFileSync(join(folder, `old.${extension}`), "utf8"), "pause");
    for (const args of [
      ["--compare", old, "--from", small],
      ["--compare", old, "--only", "sweep"],
    ]) {
      const refused = await run(...args);
      assert.is(refused.status, 2);
      assert.match(refused.stderr, /full run/);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

runner("hears why a question has no answer, whichever way it fails", async () => {
  const failures = [
    ["throws", "the kernel has no such call"],
    ["throws-later", "nobody waited for this"],
    ["ends", "its process ended without an answer (exit code 3)"],
    ["nowhere", "Cannot find module"],
  ] as const;
  const outcomes = await Promise.all(failures.map(([name]) => asked(`../test/support/questions/${name}`)));
  for (const [i, [name, reason]] of failures.entries()) {
    const outcome = outcomes[i]!;
    assert.ok("reason" in outcome, name);
    assert.match(outcome.reason, reason);
  }
});

runner("knows the chapters of questions that can be loaded", () => {
  const names = ["answers", "nowhere", "ends"].map((name) => `../test/support/questions/${name}`);
  assert.equal(Object.values(chaptersOf(["sweep", ...names])), ["dirty", "growth", "growth"]);
});

runner("gets an answer with its chapter and title", async () => {
  const outcome = await asked("../test/support/questions/answers");
  assert.ok(!("reason" in outcome));
  assert.equal([outcome.chapter, outcome.title], ["growth", "Does it answer?"]);
  // What is no number stays none.
  assert.equal(
    outcome.figures.map(({ value }) => value),
    [42, Number.NaN],
  );
});

runner("records on which cores a question was asked, by what the system says", async () => {
  const outcome = await asked("../test/support/questions/answers", { oneCore: true });
  assert.ok(!("reason" in outcome));
  // Without that tool nothing is pinned, and what the system says of this process holds for the other as well.
  const everywhere = await asked("../test/support/questions/answers");
  assert.ok(!("reason" in everywhere));
  const pinned = spawnSync("taskset", ["--version"]).status === 0;
  assert.is(outcome.cores, pinned ? `${cpus().length - 1}` : everywhere.cores);
});

runner.run();
