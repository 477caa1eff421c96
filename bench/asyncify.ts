/**
 * What does the way cost by which others unwind a stack?
 *
 * Binaryen's Asyncify rewrites a module so that its stack can be unwound in a call of an import and rewound later, in the same instance.
 * QuickJS asks its host every so often whether it should be interrupted: that is where it can be unwound, and nowhere else. The same
 * scripts run in the unprepared module, in one prepared with capture, which can be unwound at every loop, and in the one by Asyncify, all
 * interleaved, as in bench/speed.ts. Building is timed in a process of its own, which is given up on after a while: CPython is tried, too.
 * Beside it stands preparing, in this process and for the first time. What a trip out of the stack and back takes is in
 * bench/ways/asyncify.ts.
 *
 * It would change with: how many calls of a program may reach an import (nearly all do in an interpreter), and binaryen's optimiser.
 */

import type { Image } from "../dist/index.js";
import { prepareSync } from "../dist/prepare/prepare.js";
import { cpython } from "./programs/cpython.ts";
import type { Program } from "./programs/program.ts";
import { quickJs } from "./programs/quickjs.ts";
import { asyncified, type Built } from "./support/asyncified.ts";
import { geometricMean, noiseOf } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run } from "./support/question.ts";
import { ratio } from "./support/rounds.ts";
import { codeBytes, plainVariant, type Variant } from "./support/variants.ts";
import { measureWork, type NamedInstance } from "./support/works.ts";

/** How long building may take, s. */
const BUILD_S_MAX = { QuickJS: 240, CPython: 60 };

const UNPREPARED = "unprepared";
const AGAIN = "unprepared, again";
const CAPTURE = "polls and capture";
const ASYNCIFY = "Asyncify";

const buildRow = (name: string, { seconds, failed }: Built): Record<string, Cell> => ({
  name: `${name}, ${ASYNCIFY}`,
  seconds,
  result: failed ?? (seconds === undefined ? "built before" : "built"),
});

interface PreparedModule {
  readonly image: Image;
  readonly seconds: number;
  readonly row: Record<string, Cell>;
}

function prepared({ name, bytes }: Program): PreparedModule {
  const from = performance.now();
  const image = prepareSync(bytes);
  const seconds = (performance.now() - from) / 1000;
  return { image, seconds, row: { name: `${name}, prepared`, seconds, result: "built" } };
}

const against = (what: string, value: number, noise?: number): Figure[] => [
  {
    name: `${what} of QuickJS, ours against Asyncify's`,
    value,
    unit: "x",
    against: `${ASYNCIFY}: ${what}`,
    ...(noise && { noise }),
  },
];

async function ask({ full, random, progress }: Run): Promise<Answer> {
  progress("building QuickJS with Asyncify");
  const built = asyncified(quickJs.bytes, { secondsMax: BUILD_S_MAX.QuickJS, fresh: full });
  if (built.bytes === undefined) throw new Error(`QuickJS could not be built: ${built.failed}`);
  const own = prepared(quickJs);
  const builds = [buildRow("QuickJS", built), own.row];
  if (full) {
    progress("building CPython with Asyncify");
    const large = asyncified(cpython.bytes, { secondsMax: BUILD_S_MAX.CPython, fresh: true });
    builds.push(buildRow("CPython", large), prepared(cpython).row);
  }

  const { image } = own;
  const { importModule, importName, minimumPages, maximumPages } = image.info.memory;
  const captured = image.moduleBytes();
  const variants: Variant[] = [
    plainVariant(UNPREPARED, quickJs.bytes),
    plainVariant(AGAIN, quickJs.bytes),
    {
      name: CAPTURE,
      module: new WebAssembly.Module(captured),
      memory: { module: importModule, name: importName, minimumPages, maximumPages },
      prepared: true,
      codeBytes: codeBytes(captured),
    },
    plainVariant(ASYNCIFY, built.bytes),
  ];
  const instances: NamedInstance[] = [];
  for (const variant of variants) instances.push({ name: variant.name, instance: await quickJs.start(variant) });
  const ratios = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (const [index, work] of quickJs.works.entries()) {
    const measured = await measureWork(instances, { work, index }, { full, random, progress });
    for (const { name } of variants) ratios.get(name)!.push(ratio(measured.get(name)!, measured.get(UNPREPARED)!));
  }
  for (const { instance } of instances) await instance.close();

  const mean = (name: string): number => geometricMean(ratios.get(name)!);
  const noise = noiseOf(mean(AGAIN));
  return {
    tables: [
      {
        title: "QuickJS, time and size against the unprepared module",
        columns: [
          { key: "name", title: "variant" },
          ...quickJs.works.map((work) => ({ key: work, title: work, digits: 2 })),
          { key: "mean", title: "geometric mean", digits: 2 },
          { key: "size", title: "code size", digits: 2 },
        ],
        rows: variants.map(({ name, codeBytes }) => ({
          name,
          ...Object.fromEntries(quickJs.works.map((work, index) => [work, ratios.get(name)![index]])),
          mean: mean(name),
          size: codeBytes / variants[0]!.codeBytes,
        })),
      },
      {
        title: "Building with Asyncify, and preparing",
        columns: [
          { key: "name", title: "module" },
          { key: "seconds", title: "s", digits: 2 },
          { key: "result", title: "result" },
        ],
        rows: builds,
      },
    ],
    plots: [
      {
        title: "Time against the unprepared module",
        kind: "bars",
        x: { title: "work" },
        y: { title: "x" },
        series: variants.slice(1).map(({ name }) => ({
          name,
          points: quickJs.works.map((work, index) => [work, ratios.get(name)![index]!] as const),
        })),
      },
    ],
    figures: [
      { name: "running time of QuickJS with Asyncify", value: mean(ASYNCIFY), unit: "x", noise },
      { name: "running time of QuickJS with capture", value: mean(CAPTURE), unit: "x", noise },
      ...against("running time", mean(CAPTURE) / mean(ASYNCIFY), noise),
      ...against("code size", variants[2]!.codeBytes / variants[3]!.codeBytes),
      ...(built.seconds === undefined ? [] : against("time to build", own.seconds / built.seconds)),
    ],
    notes: ["Asyncify unwinds at calls of imports alone, so a loop that calls none runs to its end."],
  };
}

export const question: Question = {
  chapter: "alternatives",
  title: "What does the way cost by which others unwind a stack?",
  ask,
};
