/**
 * How long is the pause?
 *
 * One guest at a time is frozen and resumed at random moments (0–1 ms after the last resume, drawn), by `freezeSync` and
 * `resumeSync`, and by `freeze` and `resume`. Each way is measured against its own floor, the bare round trip of two threads
 * that wait in the same manner (bench/support/echo.ts), in interleaved rounds; while a floor is measured the guest is frozen.
 * The row "bare handshake" is a second floor, higher by nature: a thread that computes is stopped and woken by the same steps as
 * a guest, with nothing of the library around them (bench/support/handshake.ts).
 *
 *   round trip          owner's clock, from the call of freeze to the return of resume, which waits for the guest's first moment
 *   time to safepoint   from the request to the guest standing still, both by the clock of the process
 *   blackout            from the guest's last instruction before to its first after, by its own thread's time stamps
 *
 * The share of freezes that found the guest in mid-execution stands beside each row; a guest that sleeps or is idle is frozen
 * by one compare-and-swap of the owner, and none of its figures counts towards the bar.
 *
 * It would change with: how the system wakes threads (most of every figure is two wake-ups), idle states of cores, other
 * work on them, and the longest way between two safepoints in the guest.
 */

import { Fleet, type Guest } from "../dist/index.js";
import type { Random } from "../test/support/random.ts";
import {
  cpythonAsleep,
  cpythonLoop,
  idle,
  quickJsLoop,
  recursion,
  type Subject,
  tightLoop,
} from "./programs/guests.ts";
import { Echo } from "./support/echo.ts";
import { BUDGET_MS, type FreezeCandidate, freezing, pause, runUp } from "./support/freezes.ts";
import { Handshake } from "./support/handshake.ts";
import { microsecondColumns, microseconds, percentilePlot, type Sampled } from "./support/percentiles.ts";
import { noiseOf } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run } from "./support/question.ts";
import { type Candidate, measureRounds, ratio } from "./support/rounds.ts";

/** Those at work count towards the bar. */
const SUBJECTS: readonly Subject[] = [tightLoop, recursion, quickJsLoop, cpythonLoop, cpythonAsleep, idle];

/** The guest runs this long before it is frozen for the first time, ms: its code is optimised by then. */
const WARM_UP_MS = { full: 2000, smoke: 300 };

interface Outcome {
  readonly rows: readonly Record<string, Cell>[];
  readonly pauses: readonly Record<string, Cell>[];
  readonly figures: readonly Figure[];
  /** What is drawn: blackouts of guests at work. */
  readonly drawn: readonly Sampled[];
}

function floor(echo: Echo, { name, sync, run }: { name: string; sync: boolean; run: Run }): Candidate {
  return {
    name,
    measure: () => {
      pause(run.random);
      return sync ? echo.trip() : echo.tripAsync();
    },
  };
}

/** The bare handshake; like a guest, its thread computes only in its own turns. */
function bareHandshake(handshake: Handshake, { sync, random }: { sync: boolean; random: Random }): Candidate {
  return {
    name: "bare handshake",
    measure: async () => {
      pause(random);
      const from = performance.now();
      if (sync) {
        handshake.stop();
        handshake.go();
      } else {
        await handshake.stopAsync();
        await handshake.goAsync();
      }
      return performance.now() - from;
    },
    begin: async () => {
      handshake.go();
      await runUp();
    },
    end: () => handshake.stop(),
  };
}

interface Floors {
  readonly echo: Echo;
  readonly handshake: Handshake;
}

async function measureSubject(
  subject: Subject,
  guest: Guest,
  { echo, handshake }: Floors,
  sync: boolean,
  run: Run,
): Promise<Outcome> {
  const way = sync ? "freezeSync" : "freeze";
  const own: FreezeCandidate = freezing(guest, {
    name: `${subject.name}: ${way}`,
    sync,
    timed: "both",
    random: run.random,
  });
  const floors = [
    ...["floor", "floor, again"].map((name) => floor(echo, { name, sync, run })),
    bareHandshake(handshake, { sync, random: run.random }),
  ];
  const measured = await measureRounds([...floors, own], {
    // Nothing is to be told of a guest that waits but that it costs a compare-and-swap.
    rounds: run.full ? (subject.busy ? 25 : 10) : 5,
    iterations: run.full ? 50 : 15,
    warmups: run.full ? 100 : 20,
    random: run.random,
    progress: (text) => run.progress(`${own.name}: ${text}`),
  });
  const [first, again, bare, trip] = [...floors, own].map(({ name }) => measured.get(name)!);
  const against = ratio(trip!, first!);
  const noise = noiseOf(ratio(again!, first!));
  const { freezes } = own;
  if (freezes.copied > 0) throw new Error(`${own.name} has copied ${freezes.copied} bytes of guest memory`);
  return {
    rows: [
      { name: `${own.name}: floor`, ...microseconds("trip", first!.samples), samples: first!.samples.length },
      {
        name: `${own.name}: floor, again`,
        ...microseconds("trip", again!.samples),
        against: ratio(again!, first!),
        samples: again!.samples.length,
      },
      {
        name: `${own.name}: bare handshake`,
        ...microseconds("trip", bare!.samples),
        against: ratio(bare!, first!),
        samples: bare!.samples.length,
      },
      {
        name: own.name,
        parked: freezes.parkedPercent,
        ...microseconds("trip", trip!.samples),
        against,
        samples: trip!.samples.length,
      },
    ],
    pauses: [
      {
        name: own.name,
        parked: freezes.parkedPercent,
        ...microseconds("safepoint", freezes.safepointMs),
        ...microseconds("blackout", freezes.blackoutMs),
        samples: freezes.safepointMs.length,
      },
    ],
    figures: subject.busy
      ? [
          { name: `${own.name} and resume against the floor, p50`, value: against, unit: "x", atMost: 2, noise },
          { name: `${own.name} and resume against the bare handshake, p50`, value: ratio(trip!, bare!), unit: "x" },
        ]
      : [],
    drawn: subject.busy ? [{ name: own.name, samplesMs: freezes.blackoutMs }] : [],
  };
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  await using echo = await Echo.start();
  await using handshake = await Handshake.start();
  const outcomes: Outcome[] = [];
  for (const subject of SUBJECTS) {
    run.progress(`booting: ${subject.name}`);
    const { guest } = await subject.boot(fleet);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS[run.full ? "full" : "smoke"]));
    guest.freezeSync({ budgetMs: BUDGET_MS });
    for (const sync of [true, false])
      outcomes.push(await measureSubject(subject, guest, { echo, handshake }, sync, run));
    await guest.terminate();
  }
  return {
    tables: [
      {
        title: "Freeze and resume against a bare round trip of two threads, µs",
        columns: [
          { key: "name", title: "guest and call" },
          { key: "parked", title: "mid-execution, %" },
          ...microsecondColumns("trip", ""),
          { key: "against", title: "to floor", digits: 2 },
          { key: "samples", title: "samples" },
        ],
        rows: outcomes.flatMap(({ rows }) => rows),
      },
      {
        title: "Time to safepoint and blackout, µs",
        columns: [
          { key: "name", title: "guest and call" },
          { key: "parked", title: "mid-execution, %" },
          ...microsecondColumns("safepoint", "safepoint "),
          ...microsecondColumns("blackout", "blackout "),
          { key: "samples", title: "samples" },
        ],
        rows: outcomes.flatMap(({ pauses }) => pauses),
      },
    ],
    figures: outcomes.flatMap(({ figures }) => figures),
    plots: [
      percentilePlot(
        "Blackout of a guest at work",
        { title: "guest and call" },
        "blackout",
        "µs",
        outcomes.flatMap(({ drawn }) => drawn),
      ),
    ],
    notes: [
      "`freezeSync` waits blocking, `freeze` by `Atomics.waitAsync`, and so do their floors. Guest bytes copied: 0.",
    ],
  };
}

export const question: Question = { chapter: "pause", title: "How long is the pause?", ask };
