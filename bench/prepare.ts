/**
 * What does preparing a module take?
 *
 * `prepareSync` runs in a fresh process each time (bench/support/prepare-once.ts), as a build step or a service that has just
 * started would run it: the preparer's own JavaScript is cold. Timed are wall clock and CPU of that call, in a process that is
 * not kept on one core; the second call in the same process shows what is warmth. Peak memory is the process's own, from
 * the system; the row "read only" is a process that reads and parses the module and prepares nothing.
 *
 * A module is prepared as by default, the same once more for the noise, and with marks.
 *
 * The modules are other people's: CPython with its standard library inside, QuickJS.
 *
 * It would change with: marks (each store becomes several instructions), the share of data in a module (copied, not read),
 * and whether the engine has a second core for its garbage collector and compiler.
 */

import { spawnSync } from "node:child_process";
import { cpython } from "./programs/cpython.ts";
import { quickJs } from "./programs/quickjs.ts";
import type { Once, OnceTask } from "./support/prepare-once.ts";
import { median, noiseOf } from "./support/quantiles.ts";
import type { Answer, Question, Run } from "./support/question.ts";

const MODULES = [quickJs, cpython];
const READ_ONLY = "read only";
const DEFAULT = "polls and capture";
const AGAIN = `${DEFAULT}, again`;
const MARKS = "polls, capture and marks";
const WAYS: Readonly<Record<string, OnceTask["way"]>> = {
  [READ_ONLY]: "read only",
  [DEFAULT]: "unmarked",
  [AGAIN]: "unmarked",
  [MARKS]: "marked",
};
const MIB = 2 ** 20;

function once(task: OnceTask): Once {
  const entry = new URL("support/prepare-once.ts", import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, entry, JSON.stringify(task)], {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`preparing ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Once;
}

async function ask({ full, progress }: Run): Promise<Answer> {
  const runs = full ? 4 : 1;
  const results = new Map<string, Once[]>();
  const key = (module: string, as: string): string => `${module}: ${as}`;
  // Interleaved, like everything else.
  for (let run = 0; run < runs; run++) {
    for (const { name } of MODULES) {
      for (const [as, way] of Object.entries(WAYS)) {
        progress(`run ${run + 1} of ${runs}: ${key(name, as)}`);
        const own = results.get(key(name, as)) ?? [];
        own.push(once({ module: name, way }));
        results.set(key(name, as), own);
      }
    }
  }
  const of = (name: string, field: keyof Once): number[] => results.get(name)!.map((result) => result[field]);
  const large = key(cpython.name, DEFAULT);
  const again = key(cpython.name, AGAIN);
  const marked = key(cpython.name, MARKS);
  const walls = of(large, "wallMs");
  const noise = noiseOf(median(of(again, "wallMs").map((ms, run) => ms / walls[run]!)));
  return {
    tables: [
      {
        title: "Preparing a module in a fresh process",
        columns: [
          { key: "name", title: "module" },
          { key: "before", title: "MiB before", digits: 2 },
          { key: "after", title: "MiB after", digits: 2 },
          { key: "wall", title: "s, median", digits: 2 },
          { key: "wallMax", title: "s, max", digits: 2 },
          { key: "cpu", title: "CPU s", digits: 2 },
          { key: "again", title: "s, second time", digits: 2 },
          { key: "peak", title: "peak MiB", digits: 0 },
          { key: "runs", title: "runs" },
        ],
        rows: MODULES.flatMap((module) =>
          Object.keys(WAYS).map((as) => {
            const name = key(module.name, as);
            return {
              name,
              before: module.bytes.length / MIB,
              after: as === READ_ONLY ? undefined : median(of(name, "bytes")) / MIB,
              wall: median(of(name, "wallMs")) / 1000,
              wallMax: Math.max(...of(name, "wallMs")) / 1000,
              cpu: median(of(name, "cpuMs")) / 1000,
              again: as === READ_ONLY ? undefined : median(of(name, "againMs")) / 1000,
              peak: Math.max(...of(name, "peakBytes")) / MIB,
              runs,
            };
          }),
        ),
      },
    ],
    figures: [
      { name: "prepare of 26 MB, wall", value: median(walls) / 1000, unit: "s", atMost: 1.5, noise },
      {
        name: "prepare of 26 MB with marks, wall",
        value: median(of(marked, "wallMs")) / 1000,
        unit: "s",
        atMost: 3,
        noise,
      },
      {
        name: "prepare of 26 MB, peak memory of the process",
        value: Math.max(...of(large, "peakBytes"), ...of(marked, "peakBytes")) / 1e6,
        unit: "MB",
        atMost: 500,
      },
    ],
    notes: [],
  };
}

export const question: Question = { chapter: "cost", title: "What does preparing a module take?", ask };
