/**
 * How long is the pause in a browser?
 *
 * The same guests under the same code (bench/browser/pauses.ts), in a page of Chromium, in a page of Firefox and on Node: each is
 * frozen and resumed by `freeze` and `resume`, at moments that are drawn, in turns that are interleaved between the runtimes. Whoever
 * has no turn has all its guests frozen, so that one guest at a time computes.
 *
 *   time to safepoint   from the request to the guest standing still
 *   blackout            from the guest's last instruction before to its first after, by its own thread's time stamps
 *
 * Browsers blur their clocks: isolated pages see steps of 5 µs in Chromium and of 20 µs in Firefox, and no figure of theirs is finer. A
 * page cannot block its thread, so the owner's side waits by `Atomics.waitAsync` everywhere. The A/A column is the ratio of the median
 * blackouts of all odd turns to that of all even ones.
 *
 * It would change with: how a browser schedules a page's tasks after a wake-up from another thread, the steps of its clock, and what
 * else the machine does.
 */

import { prepare } from "../dist/index.js";
import type { BrowserName } from "../test/support/browsers.ts";
import { type Images, type Pause, Pauses, SUBJECTS, type Subject } from "./browser/pauses.ts";
import { PageTurns } from "./browser/turns.ts";
import { kernels } from "./programs/kernels.ts";
import { quickJs } from "./programs/quickjs.ts";
import { microsecondColumns, microseconds, percentilePlot } from "./support/percentiles.ts";
import { median } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";

const PAUSES = { full: 1000, smoke: 40 };
const TURNS = { full: 20, smoke: 2 };
const BROWSERS: readonly BrowserName[] = ["chromium", "firefox"];

interface Runtime extends AsyncDisposable {
  turn(subject: Subject, count: number): Promise<readonly Pause[]>;
}

async function onNode(images: Images, run: Run): Promise<Runtime> {
  const pauses = await Pauses.open(images);
  return {
    turn: (subject, count) => pauses.turn(subject, count, () => run.random.below(1000) / 1000),
    [Symbol.asyncDispose]: () => pauses[Symbol.asyncDispose](),
  };
}

async function ask(run: Run): Promise<Answer> {
  const images: Images = {
    "tight loop": (await prepare(kernels.bytes)).bytes,
    "QuickJS, loop": (await prepare(quickJs.bytes)).bytes,
  };
  await using ends = new AsyncDisposableStack();
  const runtimes = new Map<string, Runtime>();
  run.progress("starting Node's guests");
  runtimes.set("Node", ends.use(await onNode(images, run)));
  for (const browser of BROWSERS) {
    run.progress(`starting ${browser}`);
    runtimes.set(browser, ends.use(await PageTurns.open(browser, images)));
  }
  const size = run.full ? "full" : "smoke";
  const seen = new Map<string, (readonly Pause[])[]>();
  for (let turn = 0; turn < TURNS[size]; turn++) {
    for (const subject of SUBJECTS) {
      for (const [name, runtime] of runtimes) {
        run.progress(`turn ${turn + 1} of ${TURNS[size]}: ${subject}, ${name}`);
        const pauses = await runtime.turn(subject, PAUSES[size] / TURNS[size]);
        const key = `${subject}: ${name}`;
        seen.set(key, [...(seen.get(key) ?? []), pauses]);
      }
    }
  }
  const rows = [...seen].map(([name, turns]) => rowOf(name, turns));
  return {
    tables: [
      {
        title: "Time to safepoint and blackout by runtime, µs",
        columns: [
          { key: "name", title: "guest and runtime" },
          { key: "parked", title: "mid-execution, %" },
          ...microsecondColumns("safepoint", "safepoint "),
          ...microsecondColumns("blackout", "blackout "),
          { key: "again", title: "A/A", digits: 2 },
          { key: "samples", title: "samples" },
        ],
        rows,
      },
    ],
    figures: [],
    plots: [
      percentilePlot(
        "Blackout by runtime",
        { title: "guest and runtime" },
        "blackout",
        "µs",
        [...seen].map(([name, turns]) => ({ name, samplesMs: turns.flat().map(({ blackoutMs }) => blackoutMs) })),
      ),
    ],
    notes: ["Clocks of pages go in steps: 5 µs in Chromium, 20 µs in Firefox. Guest bytes copied: 0."],
  };
}

function rowOf(name: string, turns: readonly (readonly Pause[])[]): Record<string, Cell> {
  const all = turns.flat();
  const blackouts = (pauses: readonly Pause[]): number[] => pauses.map(({ blackoutMs }) => blackoutMs);
  const half = (odd: number): number[] => blackouts(turns.filter((_, i) => i % 2 === odd).flat());
  return {
    name,
    parked: (100 * all.filter(({ how }) => how === "parked").length) / all.length,
    ...microseconds(
      "safepoint",
      all.map(({ safepointMs }) => safepointMs),
    ),
    ...microseconds("blackout", blackouts(all)),
    again: median(half(1)) / median(half(0)),
    samples: all.length,
  };
}

export const question: Question = { chapter: "pause", title: "How long is the pause in a browser?", ask };
