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
 * "shared memory" is the module with nothing but its memory changed. Real programs are interpreters at work, compiled by others;
 * the kernels are written to show where polls and marks hurt, and count in no bar.
 *
 * It would change with: the engine (how it tiers, aligns loops, keeps the memory's base in a register), the share of short
 * innermost loops in a program, and how it was compiled: code that its compiler has unrolled has fewer loop headers.
 */

import { cpython } from "./programs/cpython.ts";
import { kernels } from "./programs/kernels.ts";
import type { Program } from "./programs/program.ts";
import { quickJs } from "./programs/quickjs.ts";
import { geometricMean, median, noiseOf } from "./support/quantiles.ts";
import type { Answer, Question, Run, Table } from "./support/question.ts";
import { type Measured, ratio } from "./support/rounds.ts";
import {
  AGAIN,
  ATOMIC_POLLS,
  POLLS,
  POLLS_AND_CAPTURE,
  POLLS_AND_MARKS,
  SHARED,
  UNPREPARED,
  type Variant,
  variantsOf,
} from "./support/variants.ts";
import { measureWork, type NamedInstance } from "./support/works.ts";

const PROGRAMS: readonly Program[] = [quickJs, cpython, kernels];
const VARIANTS: readonly string[] = [
  UNPREPARED,
  AGAIN,
  SHARED,
  POLLS,
  ATOMIC_POLLS,
  POLLS_AND_MARKS,
  POLLS_AND_CAPTURE,
];

/** Engines before this one ignore branch hints, which checks after calls need most. */
const HINTS_SINCE = 26;
const heedsHints: boolean = Number(process.versions.node.split(".")[0]) >= HINTS_SINCE;

/** The bars of the project. */
const BARS = { [POLLS]: 1.12, [POLLS_AND_MARKS]: 1.28, [POLLS_AND_CAPTURE]: heedsHints ? 1.08 : 1.12 };

/** How often each variant is compiled. */
const COPIES = { full: 3, smoke: 1 };

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

function speedTable(program: Program, results: readonly Result[]): Table {
  const own = results.filter((result) => result.program === program);
  return {
    title: `${program.name}: time against the unprepared module`,
    columns: [
      { key: "name", title: "variant" },
      ...own.map(({ work }) => ({ key: work, title: work, digits: 2 })),
      { key: "mean", title: "geometric mean", digits: 2 },
    ],
    rows: [
      ...VARIANTS.map((name) => ({
        name,
        ...Object.fromEntries(own.map(({ work, ratios }) => [work, ratios[name]])),
        mean: mean(own, name),
      })),
      { name: "unprepared, ms", ...Object.fromEntries(own.map(({ work, unpreparedMs }) => [work, unpreparedMs])) },
    ],
  };
}

async function ask(run: Run): Promise<Answer> {
  const results: Result[] = [];
  const sizes: Record<string, Record<string, number>> = {};
  for (const program of PROGRAMS) {
    const variants = variantsOf(program.bytes, {
      copies: run.full ? COPIES.full : COPIES.smoke,
      progress: (text) => run.progress(`${program.name}: ${text}`),
    });
    const floor = variants[0]!.codeBytes;
    sizes[program.name] = Object.fromEntries(variants.map(({ name, codeBytes }) => [name, codeBytes / floor]));
    results.push(...(await measureProgram(program, variants, run)));
  }
  const real = results.filter(({ program }) => program.real);
  const noise = noiseOf(mean(real, AGAIN));
  return {
    tables: [
      {
        title: "Time against the unprepared module, geometric means, and code size",
        columns: [
          { key: "name", title: "variant" },
          { key: "real", title: "real programs", digits: 3 },
          { key: "all", title: "with kernels", digits: 3 },
          ...PROGRAMS.map(({ name }) => ({ key: name, title: `code of ${name}`, digits: 2 })),
        ],
        rows: VARIANTS.map((name) => ({
          name,
          real: mean(real, name),
          all: mean(results, name),
          ...Object.fromEntries(PROGRAMS.map((program) => [program.name, sizes[program.name]![name]])),
        })),
      },
      ...PROGRAMS.map((program) => speedTable(program, results)),
    ],
    figures: [
      { name: "polls, real programs", value: mean(real, POLLS), unit: "x", atMost: BARS[POLLS], noise },
      { name: "atomic polls, real programs", value: mean(real, ATOMIC_POLLS), unit: "x", noise },
      {
        name: "polls and marks, real programs",
        value: mean(real, POLLS_AND_MARKS),
        unit: "x",
        atMost: BARS[POLLS_AND_MARKS],
        noise,
      },
      {
        name: "polls and capture, real programs",
        value: mean(real, POLLS_AND_CAPTURE),
        unit: "x",
        atMost: BARS[POLLS_AND_CAPTURE],
        noise,
      },
      { name: "shared memory alone, real programs", value: mean(real, SHARED), unit: "x", noise },
    ],
    notes: [
      `Real programs: ${[...new Set(real.map(({ program }) => program.name))].join(", ")}; ${real.length} pieces of work.`,
    ],
  };
}

export const question: Question = {
  chapter: "cost",
  title: "How fast does a prepared program run while nobody freezes it?",
  ask,
};
