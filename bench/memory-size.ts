/**
 * Does the pause grow with the guest's memory?
 *
 * Guests of 1 MiB to 4 GiB run the same program: it writes to every page of its memory once, and from then on, over and over,
 * to 256 words of its first MiB. So all of the memory is really there (up to half of the RAM that is free; the table says how
 * much that was), and the guests differ in its size alone. The guest "all over" has its 256 words in all of its memory: it
 * runs out of what caches and address translation hold, which slows whatever runs on that core next, frozen or not.
 *
 * All guests are alive at the same time and take turns; whoever has no turn is frozen. Timed is `freezeSync` alone, from call
 * to return, by the owner's clock; blackout by the guest's own time stamps stands beside it.
 *
 * Floor: the guest of 1 MiB. It is there twice.
 *
 * It would change with anything that looks at guest memory during a freeze (nothing does), and with what the system does to
 * a process of that size: page faults of a guest that touches new memory are part of its way to the next safepoint.
 */

import { Fleet, type Guest, prepareSync } from "../dist/index.js";
import { assemble } from "../test/support/assemble.ts";
import { BUDGET_MS, type FreezeCandidate, freezing } from "./support/freezes.ts";
import { availableBytes } from "./support/memory.ts";
import { microsecondColumns, microseconds } from "./support/percentiles.ts";
import { noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Question, Run } from "./support/question.ts";
import { measureRounds, ratio } from "./support/rounds.ts";

const MIB = 2 ** 20;
const PAGE_BYTES = 2 ** 16;

interface Size {
  readonly name: string;
  readonly mib: number;
  /** Where the words lie. */
  readonly inUseMib: number;
}

const SMALLEST = "1 MiB";
const AGAIN = "1 MiB, again";
const LARGEST = "4 GiB";
const SIZES: readonly Size[] = [
  { name: SMALLEST, mib: 1, inUseMib: 1 },
  { name: AGAIN, mib: 1, inUseMib: 1 },
  { name: "16 MiB", mib: 16, inUseMib: 1 },
  { name: "256 MiB", mib: 256, inUseMib: 1 },
  { name: "1 GiB", mib: 1024, inUseMib: 1 },
  { name: "1 GiB, all over", mib: 1024, inUseMib: 1024 },
  { name: LARGEST, mib: 4096, inUseMib: 1 },
];

/**
 * walk(bytes, inUse, step): writes to a word of each 4 KiB of the first `bytes` bytes (0 means 2^32), then for ever to 256 words
 * that are `step` bytes apart, wrapping around at `inUse`, a power of two.
 */
const walker = (pages: number): string => `(module
  (memory (export "memory") ${pages} ${pages})
  (func (export "walk") (param $bytes i32) (param $inUse i32) (param $step i32)
    (local $at i32)
    (local $word i32)
    (loop $page
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $page (i32.ne (local.get $at) (local.get $bytes))))
    (loop $round
      (local.set $word (i32.const 256))
      (loop $next
        (local.set $at
          (i32.and (i32.add (local.get $at) (local.get $step)) (i32.sub (local.get $inUse) (i32.const 1))))
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
        (br_if $next (local.tee $word (i32.sub (local.get $word) (i32.const 1)))))
      (br $round))))`;

/** From one word to the next: a 256th of what is in use, and a page and a line more, so that they share no sets of a cache. */
const stepOf = (bytes: number): number => bytes / 256 + 4096 + 64;

interface Subject {
  readonly size: Size;
  readonly touchedMib: number;
  readonly guest: Guest;
}

async function boot(fleet: Fleet, size: Size, touchedMib: number): Promise<Subject> {
  const image = prepareSync(assemble(walker((size.mib * MIB) / PAGE_BYTES))!);
  const guest = await fleet.boot(image, { name: size.name });
  const touched = touchedMib * MIB;
  const inUse = Math.min(size.inUseMib * MIB, touched);
  guest.call("walk", [touched | 0, inUse, stepOf(inUse)]).catch(() => undefined);
  // The last word is written last: from 1 on, every page has been touched.
  const words = new Int32Array(guest.memory.buffer);
  while (Atomics.load(words, (touched - 4096) / 4) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  guest.freezeSync({ budgetMs: BUDGET_MS });
  return { size, touchedMib, guest };
}

async function ask({ full, random, progress }: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  const subjects: Subject[] = [];
  // Half of what is free, as a power of two, for the largest; it leaves the other half to the rest.
  const limitMib = full ? 2 ** Math.floor(Math.log2(availableBytes() / 2 / MIB)) : 64;
  for (const size of SIZES) {
    progress(`booting: ${size.name}`);
    subjects.push(await boot(fleet, size, Math.min(size.mib, limitMib)));
  }
  const candidates = subjects.map(({ size, guest }): FreezeCandidate => {
    return freezing(guest, { name: size.name, sync: true, timed: "freeze", random });
  });
  const measured = await measureRounds(candidates, {
    rounds: full ? 40 : 5,
    iterations: full ? 50 : 15,
    warmups: full ? 200 : 20,
    random,
    progress,
  });
  const smallest = measured.get(SMALLEST)!;
  const noise = noiseOf(ratio(measured.get(AGAIN)!, smallest));
  return {
    tables: [
      {
        title: "freezeSync by size of guest memory, µs",
        columns: [
          { key: "name", title: "guest memory" },
          { key: "touched", title: "touched, MiB" },
          { key: "parked", title: "mid-execution, %" },
          ...microsecondColumns("freeze", ""),
          { key: "against", title: "to 1 MiB", digits: 2 },
          ...microsecondColumns("blackout", "blackout "),
          { key: "samples", title: "samples" },
        ],
        rows: subjects.map(({ size, touchedMib }, i) => {
          const { freezes } = candidates[i]!;
          const own = measured.get(size.name)!;
          return {
            name: size.name,
            touched: touchedMib,
            parked: freezes.parkedPercent,
            ...microseconds("freeze", own.samples),
            against: ratio(own, smallest),
            ...microseconds("blackout", freezes.blackoutMs),
            samples: own.samples.length,
          };
        }),
      },
    ],
    plots: [
      {
        title: "Time of freezeSync by size of guest memory",
        kind: "lines",
        x: { title: "guest memory, MiB", logarithmic: true },
        y: { title: "µs", logarithmic: true },
        series: [0.5, 0.9, 0.99].map((share) => ({
          name: `p${100 * share}`,
          points: subjects
            .filter(({ size }) => size.name !== AGAIN && size.inUseMib === 1)
            .map(({ size }) => [size.mib, quantile(measured.get(size.name)!.samples, share) * 1000] as const),
        })),
      },
    ],
    figures: [
      {
        name: "freeze time at 4 GiB against 1 MiB, p50",
        value: ratio(measured.get(LARGEST)!, smallest),
        unit: "x",
        atMost: 1.2,
        noise,
      },
    ],
    notes: subjects.at(-1)!.touchedMib === 4096 ? [] : ["The largest guests have touched only part of their memory."],
  };
}

export const question: Question = { chapter: "pause", title: "Does the pause grow with the guest's memory?", ask };
