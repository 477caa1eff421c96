/**
 * How many guests does one process hold?
 *
 * Idle guests of a small program are booted one after the other, each in its Worker, until there are as many as asked for, half of the
 * memory that was free is used, or booting has taken too long; how many there were then is told, and what ended it. At 1, 3, 10, 30, ... the
 * process is asked:
 *
 *   boot      of each guest since the stage before, ms
 *   memory    resident set of the process, for each guest since the stage before
 *   freeze    of one of them, and of all in one go, and their resumes: an idle guest is frozen by a compare-and-swap of its owner
 *   call      a round trip to one of them that returns at once
 *
 * The floor of boot and memory is a plain Worker that waits (bench/support/echo.ts), started and measured as often before the first guest.
 * The A/A column is the ratio of all odd freezes of all to the even ones.
 *
 * It would change with: Node's environment for a Worker, which is nearly all of a small guest; the address space that engines reserve for
 * a memory (ten gigabytes each for V8, two of them a guest); and with guests at work, which are asked in bench/freeze-together.ts.
 */

import { Fleet, type Guest } from "../dist/index.js";
import { idle } from "./programs/guests.ts";
import { Echo } from "./support/echo.ts";
import { BUDGET_MS } from "./support/freezes.ts";
import { availableBytes } from "./support/memory.ts";
import { median, noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";

const STAGES = { full: [1, 3, 10, 30, 100, 300, 1000], smoke: [1, 3, 10] };
/** Booting ends here, ms. */
const BOOT_MS_MAX = 15_000;
const FLOOR_COUNT = { full: 10, smoke: 3 };
/** Freezes of one, and of all, at each stage. */
const ONE = { full: 200, smoke: 10 };
const TOGETHER = { full: 20, smoke: 4 };
/** Until what was allocated on the way is known to the system, ms. */
const SETTLE_MS = 200;
const MIB = 2 ** 20;

async function residentBytes(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return process.memoryUsage().rss;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Each of them, one after the other. */
async function times(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < count; i++) took.push(await timed(work));
  return took;
}

/** What one more takes, and holds. */
interface Grown {
  readonly bootMs: readonly number[];
  readonly eachMib: number;
}

async function stage(guests: readonly Guest[], { full }: Run): Promise<Record<string, Cell>> {
  const size = full ? "full" : "smoke";
  const [one] = guests;
  const freezeOne: number[] = [];
  for (let i = 0; i < ONE[size]; i++) {
    freezeOne.push(await timed(() => one!.freeze({ budgetMs: BUDGET_MS })));
    await one!.resume();
  }
  const freezeAll: number[] = [];
  const resumeAll: number[] = [];
  for (let i = 0; i < TOGETHER[size]; i++) {
    freezeAll.push(await timed(() => Promise.all(guests.map((guest) => guest.freeze({ budgetMs: BUDGET_MS })))));
    resumeAll.push(await timed(() => Promise.all(guests.map((guest) => guest.resume()))));
  }
  const call = await times(ONE[size], () => one!.call("fib", [1]));
  const every = (rest: number): number => median(freezeAll.filter((_, i) => i % 2 === rest));
  return {
    guests: guests.length,
    one: quantile(freezeOne, 0.5) * 1000,
    oneP99: quantile(freezeOne, 0.99) * 1000,
    all: median(freezeAll),
    allMax: Math.max(...freezeAll),
    again: noiseOf(every(1) / every(0)),
    resume: median(resumeAll),
    call: median(call) * 1000,
  };
}

async function floor({ full, progress }: Run): Promise<Grown> {
  progress("the floor: plain Workers");
  await using workers = new AsyncDisposableStack();
  // The first brings what all of them share.
  workers.use(await Echo.start());
  const before = await residentBytes();
  const count = FLOOR_COUNT[full ? "full" : "smoke"];
  const bootMs = await times(count, async () => workers.use(await Echo.start()));
  return { bootMs, eachMib: ((await residentBytes()) - before) / count / MIB };
}

async function ask(run: Run): Promise<Answer> {
  const plain = await floor(run);
  await using fleet = await Fleet.open();
  const guests: Guest[] = [];
  const rows: Record<string, Cell>[] = [];
  const leaveBytes = availableBytes() / 2;
  const stages = STAGES[run.full ? "full" : "smoke"];
  let spentMs = 0;
  let ended = `the size of the run (${stages.at(-1)})`;
  for (const wanted of stages) {
    const before = await residentBytes();
    const bootMs: number[] = [];
    while (guests.length < wanted && spentMs < BOOT_MS_MAX && availableBytes() > leaveBytes) {
      run.progress(`guest ${guests.length + 1}`);
      const from = performance.now();
      guests.push((await idle.boot(fleet, { name: `guest ${guests.length}` })).guest);
      bootMs.push(performance.now() - from);
      spentMs += bootMs.at(-1)!;
    }
    // What the first one is asked runs in cold code.
    if (rows.length === 0) await stage(guests, run);
    if (bootMs.length > 0) {
      rows.push({
        boot: median(bootMs),
        bootMax: Math.max(...bootMs),
        memory: ((await residentBytes()) - before) / bootMs.length / MIB,
        ...(await stage(guests, run)),
      });
    }
    if (guests.length < wanted) {
      ended = spentMs < BOOT_MS_MAX ? "memory: half of what was free is used" : `time: ${BOOT_MS_MAX / 1000} s`;
      break;
    }
  }
  run.progress(`ending ${guests.length} guests`);
  await Promise.all(guests.map((guest) => guest.terminate()));
  const last = rows.at(-1)!;
  const digits = (key: string, title: string, digits: number) => ({ key, title, digits });
  const line = (name: string, key: string) => ({
    name,
    points: rows.map((row) => [row.guests as number, row[key] as number] as const),
  });
  return {
    tables: [
      {
        title: "Idle guests in one process",
        columns: [
          { key: "guests", title: "guests" },
          digits("boot", "boot, ms, p50", 1),
          digits("bootMax", "max", 1),
          digits("memory", "memory of each, MiB", 1),
          digits("one", "freeze of one, µs, p50", 1),
          digits("oneP99", "p99", 1),
          digits("all", "freeze of all, ms, p50", 2),
          digits("allMax", "max", 2),
          digits("again", "A/A", 2),
          digits("resume", "resume of all, ms, p50", 2),
          digits("call", "call, µs, p50", 1),
        ],
        rows: [
          ...rows.map((row) => ({ ...row, guests: `${row.guests}` })),
          {
            guests: "floor: a plain Worker",
            boot: median(plain.bootMs),
            bootMax: Math.max(...plain.bootMs),
            memory: plain.eachMib,
          },
        ],
      },
    ],
    figures: [
      {
        name: "freeze of one of the most idle guests against one alone, p50",
        value: (last.one as number) / (rows[0]!.one as number),
        unit: "x",
      },
      {
        name: "freeze of all of the most idle guests, for each of them, p50",
        value: (1000 * (last.all as number)) / guests.length,
        unit: "µs",
        noise: last.again as number,
      },
      { name: "memory of one more idle guest", value: last.memory as number, unit: "MiB" },
    ],
    plots: [
      {
        title: "Idle guests in one process",
        kind: "lines",
        x: { title: "guests", logarithmic: true },
        y: { title: "ms", logarithmic: true },
        series: [
          line("boot of one, p50", "boot"),
          line("freeze of all, p50", "all"),
          line("resume of all, p50", "resume"),
        ],
      },
    ],
    notes: [`The most guests were ${guests.length}; what ended it was ${ended}.`],
  };
}

export const question: Question = { chapter: "growth", title: "How many guests does one process hold?", ask };
