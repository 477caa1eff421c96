/**
 * Is a call lost or doubled when its guest is handed over?
 *
 * Several callers for each guest make one call after the other, of two kinds: calls that compute, and calls that wait in a service of the
 * host and go on in another one. Meanwhile the guests are handed over at random moments, again and again. Each call has a key of
 * its own; in guest memory the guest counts for each key how often the call was begun and how often it came to its end, and
 * numbers the ends, which is what it answers. A call is lost if its caller heard nothing or something that the guest does not know of,
 * and doubled if it was begun or ended twice, or told twice.
 *
 * The time of a call is the caller's, in two spans without a handover, which are each other's noise, and in the one with handovers.
 * Guests take their turns side by side, because starting a Worker is most of the time of a handover for everybody but the guest.
 *
 * The count should not change with anything. The times would: with how many calls wait in the queue of a guest.
 */

import { Fleet, type Guest, type HandoverReport, prepareSync } from "../dist/index.js";
import { assemble } from "../test/support/assemble.ts";
import { services } from "../test/support/guests.ts";
import { millisecondColumns, milliseconds } from "./support/percentiles.ts";
import { noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";

const HANDOVERS = { full: 1000, smoke: 12 };
/** Of a span without a handover, ms. */
const ALONE_MS = { full: 2000, smoke: 300 };
const GUESTS = 4;
const CALLERS = 2;
/** Longest time between two handovers of a guest, ms. */
const APART_MS_MAX = 4;
/** A call that has not been answered by then never will be, ms. */
const ANSWER_MS_MAX = 30_000;
const TURNS_MAX = 6_000_000;
const WAIT_MS_MAX = 4;

/** Calls of a guest that may be counted: a byte for each key in two tables. */
const KEYS = 1 << 20;
const BEGUN = 65_536;
const ENDED = BEGUN + KEYS;

const WAT = `(module
  (import "env" "wait" (func $wait (param i32)))
  (memory (export "memory") ${(ENDED + KEYS) / 65_536})
  (func $count (param $at i32) (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1))))
  (func $begin (param $key i32) (call $count (i32.add (local.get $key) (i32.const ${BEGUN}))))
  (func $end (param $key i32) (result i32)
    (call $count (i32.add (local.get $key) (i32.const ${ENDED})))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.load (i32.const 0)))
  (func (export "compute") (param $key i32) (param $turns i32) (result i32)
    (call $begin (local.get $key))
    (loop $again (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (call $end (local.get $key)))
  (func (export "wait") (param $key i32) (param $ms i32) (result i32)
    (call $begin (local.get $key))
    (call $wait (local.get $ms))
    (call $end (local.get $key))))`;

/** A wait that is issued again in another host ends when it should have: its deadline is in the ledger. */
const SERVICES = services(`return { imports: { env: { wait(ms) {
  const untilMs = host.clock.monotonicMs() + ms;
  while (host.wait({ untilMs }) !== "elapsed");
} } } };`);

class Callers {
  readonly #guest: Guest;
  readonly #random: Run["random"];
  readonly #running: Promise<unknown>;
  #over = false;
  /** What callers were told, by key. */
  readonly told: number[][] = [];
  /** Of calls since it was emptied, ms. */
  callMs: number[] = [];

  constructor(guest: Guest, random: Run["random"]) {
    this.#guest = guest;
    this.#random = random;
    this.#running = Promise.all(Array.from({ length: CALLERS }, () => this.#run()));
    // Awaited in end().
    this.#running.catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      const own: number[] = [];
      const key = this.told.push(own) - 1;
      if (key >= KEYS) throw new Error("more calls than can be counted");
      const [kind, most] = this.#random.oneIn(2) ? (["wait", WAIT_MS_MAX] as const) : (["compute", TURNS_MAX] as const);
      const from = performance.now();
      const options = { timeoutMs: ANSWER_MS_MAX };
      await this.#guest.call<number>(kind, [key, 1 + this.#random.below(most)], options).then(
        (number) => own.push(number),
        () => undefined,
      );
      this.callMs.push(performance.now() - from);
    }
  }

  /** Once all calls are over: how many of them were lost or doubled. */
  async end(): Promise<{ lost: number; doubled: number }> {
    this.#over = true;
    await this.#running;
    const counts = await this.#guest.withFrozen(() => this.#guest.read({ ptr: BEGUN, bytes: 2 * KEYS }));
    const numbers = new Set(this.told.flat());
    const lost = this.told.filter((own, key) => own.length === 0 || counts[KEYS + key] === 0).length;
    const again = this.told.filter((own, key) => own.length > 1 || counts[key]! > 1 || counts[KEYS + key]! > 1).length;
    // Two calls that were told the same number are two outcomes of one.
    return { lost, doubled: again + this.told.flat().length - numbers.size };
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function ask({ full, random, progress }: Run): Promise<Answer> {
  const size = full ? "full" : "smoke";
  await using fleet = await Fleet.open();
  const image = prepareSync(assemble(WAT)!);
  const guests = await Promise.all(
    Array.from({ length: GUESTS }, (_, i) => fleet.boot(image, { name: `guest ${i}`, services: SERVICES })),
  );
  const callers = guests.map((guest) => new Callers(guest, random));
  const spans = new Map<string, number[]>();
  const span = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    for (const one of callers) one.callMs = [];
    await run();
    spans.set(
      name,
      callers.flatMap(({ callMs }) => callMs),
    );
  };
  const reports: HandoverReport[] = [];
  const move = async (guest: Guest): Promise<void> => {
    for (let i = 0; i < HANDOVERS[size] / GUESTS; i++) {
      await pause(random.below(APART_MS_MAX + 1));
      reports.push(await guest.handover());
      progress(`handed over ${reports.length} times of ${HANDOVERS[size]}`);
    }
  };
  await pause(ALONE_MS[size] / 2);
  await span("left alone", () => pause(ALONE_MS[size]));
  await span("handed over", () => Promise.all(guests.map(move)));
  await span("left alone, again", () => pause(ALONE_MS[size]));
  const ends = await Promise.all(callers.map((one) => one.end()));
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  const made = sum(callers.map(({ told }) => told.length));
  const lost = sum(ends.map((end) => end.lost));
  const doubled = sum(ends.map((end) => end.doubled));
  const [alone, again] = ["left alone", "left alone, again"].map((name) => quantile(spans.get(name)!, 0.5));
  const row = (name: string, samples: readonly number[]): Record<string, Cell> => ({
    name,
    ...milliseconds("call", samples),
    samples: samples.length,
  });
  return {
    tables: [
      {
        title: "Calls and their outcomes",
        columns: [
          { key: "made", title: "calls made" },
          { key: "answered", title: "answered" },
          { key: "lost", title: "lost" },
          { key: "doubled", title: "doubled" },
          { key: "handovers", title: "handovers" },
          { key: "parked", title: "while computing, %" },
          { key: "waiting", title: "while waiting, %" },
          { key: "idle", title: "between calls, %" },
        ],
        rows: [
          {
            made,
            answered: made - lost,
            lost,
            doubled,
            handovers: reports.length,
            ...Object.fromEntries(
              (["parked", "waiting", "idle"] as const).map((kind) => [
                kind,
                (100 * reports.filter(({ how }) => how === kind).length) / reports.length,
              ]),
            ),
          },
        ],
      },
      {
        title: "Time of a call as its caller sees it, and blackout, ms",
        columns: [
          { key: "name", title: "guests" },
          ...millisecondColumns("call", ""),
          { key: "samples", title: "samples" },
        ],
        rows: [
          ...[...spans].map(([name, samples]) => row(`calls: ${name}`, samples)),
          row(
            "blackout",
            reports.map(({ blackoutMs }) => blackoutMs),
          ),
        ],
      },
    ],
    figures: [
      {
        name: `lost or doubled calls over ${full ? "1 000" : reports.length} handovers`,
        value: lost + doubled,
        unit: "calls",
        atMost: 0,
      },
      {
        name: "time of a call while its guest is handed over all the time against left alone, p99",
        value: quantile(spans.get("handed over")!, 0.99) / quantile(spans.get("left alone")!, 0.99),
        unit: "x",
        noise: noiseOf(again! / alone!),
      },
    ],
    notes: [
      `${GUESTS} guests with ${CALLERS} callers each. While they are handed over, the Workers that are started and ended for it take the same cores.`,
    ],
  };
}

export const question: Question = {
  chapter: "replacement",
  title: "Is a call lost or doubled when its guest is handed over?",
  ask,
};
