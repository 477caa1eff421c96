/**
 * What does a guest take to start, and to hold?
 *
 * A process of its own (bench/support/start-once.ts) starts several guests of a program one after the other, from an image that was made
 * before, or, as the floor, the unprepared module as many times, each in a plain Worker that is given the compiled module, as Workers of
 * guests are. CPython has come up and sleeps, under Node's own WASI in the floor; QuickJS and SQLite are ready to be called.
 *
 *   first    from the bytes: the module is compiled, a Worker started, the program instantiated and ready; cold code everywhere
 *   later    each further one
 *   memory   resident set of the process, for each further one, once all are there
 *   engine   the same of the process with one, above a process of Node without any: compiled code, and what is kept of the image
 *
 * Processes take turns, in rounds; the floor is there twice. What is made before, the image, is asked in bench/prepare.ts.
 *
 * It would change with: how an engine compiles (lazily here, so that code which nobody calls costs nothing at first), the size of
 * Node's own environment for a Worker, which is most of the memory of a small guest, and how much of its memory a program touches.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareSync } from "../dist/index.js";
import { cpython } from "./programs/cpython.ts";
import type { Program } from "./programs/program.ts";
import { quickJs } from "./programs/quickjs.ts";
import { sqlite } from "./programs/sqlite.ts";
import { median, noiseOf } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run } from "./support/question.ts";
import type { Started, StartTask } from "./support/start-once.ts";

const PROGRAMS: readonly Program[] = [quickJs, ...(sqlite === undefined ? [] : [sqlite]), cpython];
const PROGRAM_COUNT = { full: PROGRAMS.length, smoke: 1 };
const ROUNDS = { full: 2, smoke: 1 };
/** Started in one process. */
const COUNT = { full: 4, smoke: 3 };
const MIB = 2 ** 20;

const FLOOR = "unprepared";
const AGAIN = "unprepared, again";
const GUEST = "guest";
const WAYS = [FLOOR, AGAIN, GUEST] as const;

function once(task: StartTask): Started {
  const entry = new URL("support/start-once.ts", import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, "--disable-warning=ExperimentalWarning", entry, JSON.stringify(task)],
    { encoding: "utf8", timeout: 120_000 },
  );
  if (status !== 0) throw new Error(`starting ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Started;
}

interface Result {
  readonly first: number;
  readonly later: number;
  readonly memory: number;
  readonly engine: number;
}

function resultOf(processes: readonly Started[]): Result {
  return {
    first: median(processes.map(({ firstMs }) => firstMs)),
    later: median(processes.flatMap(({ laterMs }) => laterMs)),
    memory: median(processes.map(({ eachBytes }) => eachBytes)) / MIB,
    engine: median(processes.map(({ firstBytes }) => firstBytes)) / MIB,
  };
}

async function ask({ full, random, progress }: Run): Promise<Answer> {
  const size = full ? "full" : "smoke";
  const programs = PROGRAMS.slice(0, PROGRAM_COUNT[size]);
  const folder = mkdtempSync(join(tmpdir(), "stillpoint-"));
  const started = new Map<string, Started[]>();
  const key = ({ name }: Program, way: string): string => `${name}: ${way}`;
  try {
    for (const [i, program] of programs.entries()) {
      progress(`preparing: ${program.name}`);
      writeFileSync(join(folder, `${i}.wasm`), program.bytes);
      writeFileSync(join(folder, `${i}.image.wasm`), prepareSync(program.bytes).bytes);
    }
    for (let round = 0; round < ROUNDS[size]; round++) {
      for (const [i, program] of programs.entries()) {
        for (const way of random.oneIn(2) ? WAYS : WAYS.toReversed()) {
          progress(`round ${round + 1} of ${ROUNDS[size]}: ${key(program, way)}`);
          const guest = way === GUEST;
          const file = join(folder, guest ? `${i}.image.wasm` : `${i}.wasm`);
          const own = started.get(key(program, way)) ?? [];
          own.push(once({ file, guest, sleeps: program === cpython, count: COUNT[size] }));
          started.set(key(program, way), own);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const of = (program: Program, way: string): Result => resultOf(started.get(key(program, way))!);
  const figures = programs.flatMap((program): Figure[] => {
    const [floor, again, guest] = WAYS.map((way) => of(program, way));
    const figure = (name: string, field: keyof Result): Figure => ({
      name: `${name}, ${program.name}`,
      value: guest![field] / floor![field],
      unit: "x",
      noise: noiseOf(again![field] / floor![field]),
    });
    return [
      figure("time to start the first guest against the unprepared module", "first"),
      figure("time to start a further guest against the unprepared module", "later"),
      figure("memory of a further guest against the unprepared module", "memory"),
    ];
  });
  return {
    tables: [
      {
        title: "Starting and holding a guest, medians",
        columns: [
          { key: "name", title: "program" },
          { key: "first", title: "first, ms", digits: 1 },
          { key: "later", title: "later, ms", digits: 1 },
          { key: "memory", title: "memory, MiB", digits: 1 },
          { key: "engine", title: "engine and first, MiB", digits: 1 },
          { key: "processes", title: "processes" },
          { key: "samples", title: "later ones" },
        ],
        rows: programs.flatMap((program) =>
          WAYS.map((way): Record<string, Cell> => {
            const processes = started.get(key(program, way))!;
            return {
              name: key(program, way),
              ...resultOf(processes),
              processes: processes.length,
              samples: processes.flatMap(({ laterMs }) => laterMs).length,
            };
          }),
        ),
      },
    ],
    figures,
    plots: [
      {
        title: "Starting a further one",
        kind: "bars",
        x: { title: "program" },
        y: { title: "ms" },
        series: WAYS.map((way) => ({
          name: way,
          points: programs.map((program) => [program.name, of(program, way).later] as const),
        })),
      },
    ],
    notes: sqlite === undefined ? ["SQLite was not built, for want of a compiler, and is not asked."] : [],
  };
}

export const question: Question = { chapter: "cost", title: "What does a guest take to start, and to hold?", ask };
