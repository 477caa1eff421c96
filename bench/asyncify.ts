/**
 * What does the way cost by which others unwind a stack?
 *
 * Binaryen's Asyncify rewrites a module so that its stack can be unwound in a call of an import and rewound later, in the same instance.
 * QuickJS asks its host every so often whether it should be interrupted: that is where it can be unwound, and nowhere else. The same
 * scripts run in the unprepared module, in one prepared with capture, which can be unwound at every loop, and in the one by Asyncify, all
 * interleaved, as in bench/speed.ts. Building is timed in a process of its own, which is given up on after a while: CPython is tried, too.
 *
 * The trip is what a pause with the stack off the thread takes at the least: out of the interpreter and back into it at one interruption,
 * by the thread's own clock. What it compares with on our side is the handover in place, in bench/handover.ts, which also crosses threads.
 *
 * It would change with: how many calls of a program may reach an import (nearly all do in an interpreter), and binaryen's optimiser.
 */

import { prepareSync } from "../dist/prepare/prepare.js";
import { cpython } from "./programs/cpython.ts";
import { interruptible, quickJs } from "./programs/quickjs.ts";
import { asyncified, type Built } from "./support/asyncified.ts";
import { geometricMean, median, noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";
import { ratio } from "./support/rounds.ts";
import { codeBytes, plainVariant, type Variant } from "./support/variants.ts";
import { measureWork, type NamedInstance } from "./support/works.ts";

/** How long building may take, s. */
const BUILD_S_MAX = { QuickJS: 240, CPython: 60 };
const TRIPS = { full: 2000, smoke: 50 };

const UNPREPARED = "unprepared";
const AGAIN = "unprepared, again";
const CAPTURE = "polls and capture";
const ASYNCIFY = "Asyncify";

const buildRow = (name: string, { seconds, failed }: Built): Record<string, Cell> => ({
  name,
  seconds,
  result: failed ?? (seconds === undefined ? "built before" : "built"),
});

async function ask({ full, random, progress }: Run): Promise<Answer> {
  progress("building QuickJS with Asyncify");
  const built = asyncified(quickJs.bytes, { secondsMax: BUILD_S_MAX.QuickJS, fresh: full });
  if (built.bytes === undefined) throw new Error(`QuickJS could not be built: ${built.failed}`);
  progress("building CPython with Asyncify");
  const large = full ? asyncified(cpython.bytes, { secondsMax: BUILD_S_MAX.CPython, fresh: true }) : undefined;

  const image = prepareSync(quickJs.bytes);
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
  progress("trips out of the stack and back");
  const trips = interruptible(variants[3]!, full ? TRIPS.full : TRIPS.smoke);

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
        title: "Building with Asyncify, in a process of its own",
        columns: [
          { key: "name", title: "module" },
          { key: "seconds", title: "s", digits: 1 },
          { key: "result", title: "result" },
        ],
        rows: [buildRow("QuickJS", built), ...(large === undefined ? [] : [buildRow("CPython", large)])],
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
      { name: "running speed of QuickJS with Asyncify", value: mean(ASYNCIFY), unit: "x", noise },
      { name: "running speed of QuickJS with capture", value: mean(CAPTURE), unit: "x", noise },
      { name: "out of the stack and back with Asyncify, p50", value: median(trips), unit: "ms" },
      { name: "out of the stack and back with Asyncify, p99", value: quantile(trips, 0.99), unit: "ms" },
    ],
    notes: ["Asyncify unwinds at calls of imports alone, so a loop that calls none runs to its end."],
  };
}

export const question: Question = {
  chapter: "alternatives",
  title: "What does the way cost by which others unwind a stack?",
  ask,
};
