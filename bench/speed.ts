/**
 * How fast does a prepared program run while nobody freezes it?
 *
 * Each program runs unprepared and prepared in one process, all variants interleaved in rounds of one piece of work each, on one
 * core where the system can do that. A piece is timed by the CPU time of the thread that does it, so that neither other processes
 * nor the engine's own compiler threads count. Each variant is there several times, compiled separately (bench/support/variants.ts
 * says why); in each round it counts with the geometric mean of these. The number is the median over rounds of the ratio to the
 * unprepared module in the same round. Every piece answers a checksum, which must be the same in all variants and all rounds. V8's
 * flags are its defaults, and the warm-up is long enough for its optimising tier.
 *
 * A prepared module can be faster than the original: V8 inlines in it as in a module of small functions, whatever the original looks
 * like to it (src/prepare/fillers.ts). That counts, because it is what a user sees.
 *
 * The floor is the unprepared module; the row "unprepared, again" is the same module once more.
 * "shared memory" is the module with nothing but its memory changed. Real programs are two interpreters and a database at work,
 * as others wrote them; each kernel stands for a kind of program, is written to show where polls and marks hurt, and counts in no bar.
 *
 * It would change with: the engine (how it tiers, aligns loops, keeps the memory's base in a register), the share of short
 * innermost loops in a program, and how it was compiled: code that its compiler has unrolled has fewer loop headers.
 */

import { cpython } from "./programs/cpython.ts";
import { kernelKinds, kernels } from "./programs/kernels.ts";
import type { Program } from "./programs/program.ts";
import { quickJs } from "./programs/quickjs.ts";
import { sqlite } from "./programs/sqlite.ts";
import { geometricMean, median, noiseOf } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run, Table } from "./support/question.ts";
import { type Measured, ratio } from "./support/rounds.ts";
import {
  AGAIN,
  ALL,
  POLLS,
  POLLS_AND_CAPTURE,
  POLLS_AND_MARKS,
  SHARED,
  UNPREPARED,
  type Variant,
  variantsOf,
} from "./support/variants.ts";
import { measureWork, type NamedInstance } from "./support/works.ts";

const PROGRAMS: readonly Program[] = [quickJs, cpython, ...(sqlite === undefined ? [] : [sqlite]), kernels];
const VARIANTS: readonly string[] = [UNPREPARED, AGAIN, SHARED, POLLS, POLLS_AND_MARKS, POLLS_AND_CAPTURE, ALL];

/** Engines before this one ignore branch hints, which checks after calls need most. */
const HINTS_SINCE = 26;
const heedsHints: boolean = Number(process.versions.node.split(".")[0]) >= HINTS_SINCE;

/** The bars of the project: what guests run on by default, and when what they write is tracked as well. */
const BARS = { [POLLS_AND_CAPTURE]: heedsHints ? 1.08 : 1.12, [ALL]: 1.28 };

/** How often each variant is compiled. */
const COPIES = { full: 2, smoke: 1 };

interface Result {
  readonly program: Program;
  readonly work: string;
  /** Of each variant to the unprepared module. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly unpreparedMs: number;
}

/** Variants that differ in nothing but when V8 has compiled them count together: the mean of each round. */
function together(measured: readonly Measured[]): Measured {
  const [first] = measured;
  return {
    samples: measured.flatMap(({ samples }) => samples),
    rounds: first!.rounds.map((_, round) => geometricMean(measured.map(({ rounds }) => rounds[round]!))),
  };
}

async function measureProgram(program: Program, variants: readonly Variant[], run: Run): Promise<Result[]> {
  const instances: (NamedInstance & { readonly variant: string })[] = [];
  const results: Result[] = [];
  try {
    for (const [i, variant] of variants.entries()) {
      run.progress(`${program.name}: starting ${variant.name}`);
      instances.push({ variant: variant.name, name: `${variant.name} ${i}`, instance: await program.start(variant) });
    }
    for (const [index, work] of program.works.entries()) {
      const measured = await measureWork(instances, { work: `${program.name} ${work}`, index }, run);
      const of = (wanted: string): Measured =>
        together(instances.filter(({ variant }) => variant === wanted).map(({ name }) => measured.get(name)!));
      const floor = of(UNPREPARED);
      results.push({
        program,
        work,
        ratios: Object.fromEntries(VARIANTS.map((name) => [name, ratio(of(name), floor)])),
        unpreparedMs: median(floor.samples),
      });
    }
  } finally {
    for (const { instance } of instances) await instance.close();
  }
  return results;
}

function mean(results: readonly Result[], variant: string): number {
  return geometricMean(results.map(({ ratios }) => ratios[variant]!));
}

/** What stands in the table: a real program with all of its work, and every kernel, which is a program of its own kind. */
interface Entry {
  readonly name: string;
  readonly results: readonly Result[];
}

function entriesOf(results: readonly Result[]): Entry[] {
  const names = new Map<string, Result[]>();
  for (const result of results) {
    const { program, work } = result;
    const name = program.real ? program.name : (kernelKinds[work] ?? work);
    names.set(name, [...(names.get(name) ?? []), result]);
  }
  return [...names].map(([name, results]) => ({ name, results }));
}

const variantColumns = VARIANTS.filter((name) => name !== UNPREPARED).map((name) => ({
  key: name,
  title: name,
  digits: 2,
}));

const cellsOf = (of: (variant: string) => number): Record<string, number> =>
  Object.fromEntries(VARIANTS.map((variant) => [variant, of(variant)]));

function programTable(entries: readonly Entry[], real: readonly Result[]): Table {
  const row = (name: string, results: readonly Result[]): Record<string, Cell> => ({
    name,
    works: results.length,
    ...cellsOf((variant) => mean(results, variant)),
  });
  // Each program counts once, however many pieces of work it has.
  const meanOf = (of: readonly Entry[]) => (variant: string) =>
    geometricMean(of.map(({ results }) => mean(results, variant)));
  return {
    title: "Time against the unprepared module, by program",
    columns: [{ key: "name", title: "program" }, { key: "works", title: "pieces of work" }, ...variantColumns],
    rows: [
      ...entries.map(({ name, results }) => row(name, results)),
      { ...row("geometric mean of the real programs' work", real) },
      { name: "geometric mean of all programs", ...cellsOf(meanOf(entries)) },
    ],
  };
}

function workTable(program: Program, results: readonly Result[]): Table {
  return {
    title: `${program.name}: time against the unprepared module`,
    columns: [
      { key: "name", title: "work" },
      { key: "unpreparedMs", title: "unprepared, ms", digits: 2 },
      ...variantColumns,
    ],
    rows: results.map(({ work, ratios, unpreparedMs }) => ({ name: work, unpreparedMs, ...ratios })),
  };
}

async function ask(run: Run): Promise<Answer> {
  const results: Result[] = [];
  const sizes: Record<string, Cell>[] = [];
  // Starting seven of CPython takes longer than a smoke run may.
  const programs = PROGRAMS.filter((program) => run.full || program !== cpython);
  for (const program of programs) {
    const variants = variantsOf(program.bytes, {
      copies: run.full ? COPIES.full : COPIES.smoke,
      progress: (text) => run.progress(`${program.name}: ${text}`),
    });
    const floor = variants[0]!.codeBytes;
    sizes.push({
      name: program.name,
      bytes: floor / 2 ** 20,
      ...Object.fromEntries(variants.map(({ name, codeBytes }) => [name, codeBytes / floor])),
    });
    results.push(...(await measureProgram(program, variants, run)));
  }
  const real = results.filter(({ program }) => program.real);
  const realPrograms = programs.filter((program) => program.real);
  const entries = entriesOf(results);
  const noise = noiseOf(mean(real, AGAIN));
  const figure = (variant: string, atMost?: number): Figure => ({
    name: `${variant}, real programs`,
    value: mean(real, variant),
    unit: "x",
    ...(atMost !== undefined && { atMost }),
    noise,
  });
  return {
    tables: [
      programTable(entries, real),
      ...realPrograms.map((program) =>
        workTable(
          program,
          results.filter((result) => result.program === program),
        ),
      ),
      {
        title: "Size of code against the unprepared module's",
        columns: [
          { key: "name", title: "module" },
          { key: "bytes", title: "MiB unprepared", digits: 2 },
          ...variantColumns,
        ],
        rows: sizes,
      },
    ],
    figures: [
      figure(POLLS_AND_CAPTURE, BARS[POLLS_AND_CAPTURE]),
      figure(ALL, BARS[ALL]),
      figure(POLLS),
      figure(POLLS_AND_MARKS),
      figure(SHARED),
    ],
    plots: [
      {
        title: "Time against the unprepared module",
        kind: "bars",
        x: { title: "program" },
        y: { title: "times as long" },
        series: [AGAIN, POLLS, POLLS_AND_CAPTURE, ALL].map((variant) => ({
          name: variant,
          points: entries.map(({ name, results }) => [name, mean(results, variant)] as const),
        })),
      },
    ],
    notes: [
      `Real programs: ${realPrograms.map(({ name }) => name).join(", ")}; ${real.length} pieces of work, of which each counts once.`,
      ...(sqlite === undefined ? ["SQLite was not built, for want of a compiler, and is not asked."] : []),
    ],
  };
}

export const question: Question = {
  chapter: "cost",
  title: "How fast does a prepared program run while nobody freezes it?",
  ask,
};
