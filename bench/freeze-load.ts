/**
 * How long is the pause on a busy machine?
 *
 * A guest at work is frozen and resumed at random moments, as in bench/freeze.ts, once with nothing else to do for the machine and once
 * with a process beside it on every core that computes all the time, of the same priority, pinned where the system can do that. Both
 * take turns in rounds: the processes are stopped by signals while they have none. The rows "idle" and "idle, again" are the same.
 *
 * The floor of each is the bare round trip of two threads under the same load. What a busy core costs is its scheduler's: a thread that
 * is woken waits until another's time slice is over, or takes it over, and a guest that should see a request may itself be waiting for a
 * core. Neither is a matter of this library; a host that wants short pauses leaves a core free, or gives its threads a higher priority.
 *
 * It would change with: the scheduler and its slices (Linux: some milliseconds), priorities, control groups.
 */

import { Fleet } from "../dist/index.js";
import { cpythonLoop, type Subject, tightLoop } from "./programs/guests.ts";
import { Echo } from "./support/echo.ts";
import { BUDGET_MS, type FreezeCandidate, freezing, pause, runUp } from "./support/freezes.ts";
import { Load } from "./support/load.ts";
import { microsecondColumns, microseconds, percentilePlot, type Sampled } from "./support/percentiles.ts";
import { noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Question, Run } from "./support/question.ts";
import { type Candidate, type Measured, measureRounds, ratio } from "./support/rounds.ts";

const SUBJECTS: readonly Subject[] = [tightLoop, cpythonLoop];
const IDLE = "idle";
const AGAIN = "idle, again";
const BUSY = "every core busy";
const WARM_UP_MS = { full: 2000, smoke: 300 };

interface Outcome {
  readonly rows: readonly Record<string, Cell>[];
  readonly figures: readonly Figure[];
  readonly drawn: readonly Sampled[];
}

/** With the machine loaded in its turns. */
function loaded(candidate: Candidate, load: Load): Candidate {
  return {
    ...candidate,
    begin: async () => {
      load.go();
      await candidate.begin?.();
    },
    end: async () => {
      await candidate.end?.();
      load.stop();
    },
  };
}

async function askOf(
  subject: Subject,
  fleet: Fleet,
  { echo, load }: { echo: Echo; load: Load },
  run: Run,
): Promise<Outcome> {
  run.progress(`booting: ${subject.name}`);
  const { guest } = await subject.boot(fleet);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS[run.full ? "full" : "smoke"]));
  guest.freezeSync({ budgetMs: BUDGET_MS });
  const { random } = run;
  const trip = (name: string): Candidate => ({
    name,
    begin: runUp,
    measure: () => {
      pause(random);
      return echo.trip();
    },
  });
  const own = new Map(
    [IDLE, AGAIN, BUSY].map((name): [string, FreezeCandidate] => [
      name,
      freezing(guest, { name, sync: true, timed: "both", random }),
    ]),
  );
  const floor = { [IDLE]: "floor, idle", [BUSY]: "floor, every core busy" };
  const measured = await measureRounds(
    [
      own.get(IDLE)!,
      own.get(AGAIN)!,
      loaded(own.get(BUSY)!, load),
      trip(floor[IDLE]!),
      loaded(trip(floor[BUSY]!), load),
    ],
    {
      rounds: run.full ? 20 : 4,
      iterations: run.full ? 50 : 10,
      warmups: run.full ? 100 : 10,
      random,
      progress: (text) => run.progress(`${subject.name}: ${text}`),
    },
  );
  await guest.terminate();
  const of = (name: string): Measured => measured.get(name)!;
  const row = (name: string): Record<string, Cell> => {
    const freezes = own.get(name)?.freezes;
    return {
      name: `${subject.name}: ${name}`,
      parked: freezes?.parkedPercent,
      ...microseconds("freeze", of(name).samples),
      ...(freezes && microseconds("blackout", freezes.blackoutMs)),
      samples: of(name).samples.length,
    };
  };
  return {
    rows: [IDLE, AGAIN, BUSY, floor[IDLE]!, floor[BUSY]!].map(row),
    figures: [
      {
        name: `freeze and resume with every core busy against idle, p50, ${subject.name}`,
        value: ratio(of(BUSY), of(IDLE)),
        unit: "x",
        noise: noiseOf(ratio(of(AGAIN), of(IDLE))),
      },
      {
        name: `bare round trip of two threads with every core busy against idle, p50, beside ${subject.name}`,
        value: ratio(of(floor[BUSY]!), of(floor[IDLE]!)),
        unit: "x",
      },
      {
        name: `blackout with every core busy, p99, ${subject.name}`,
        value: quantile(own.get(BUSY)!.freezes.blackoutMs, 0.99),
        unit: "ms",
      },
    ],
    drawn: [IDLE, BUSY].map((name) => ({
      name: `${subject.name}: ${name}`,
      samplesMs: own.get(name)!.freezes.blackoutMs,
    })),
  };
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  await using echo = await Echo.start();
  await using load = new Load();
  const outcomes: Outcome[] = [];
  for (const subject of SUBJECTS) outcomes.push(await askOf(subject, fleet, { echo, load }, run));
  return {
    tables: [
      {
        title: `freezeSync and resume beside other work, ${load.cores} cores, µs`,
        columns: [
          { key: "name", title: "guest and machine" },
          { key: "parked", title: "mid-execution, %" },
          ...microsecondColumns("freeze", ""),
          ...microsecondColumns("blackout", "blackout "),
          { key: "samples", title: "samples" },
        ],
        rows: outcomes.flatMap(({ rows }) => rows),
      },
    ],
    figures: outcomes.flatMap(({ figures }) => figures),
    plots: [
      percentilePlot(
        "Blackout beside other work",
        { title: "guest and machine" },
        "blackout",
        "µs",
        outcomes.flatMap(({ drawn }) => drawn),
      ),
    ],
    notes: [
      "In a round trip of the floor both threads sleep at its begin; a guest at work sleeps only while it is frozen.",
    ],
  };
}

export const question: Question = { chapter: "pause", title: "How long is the pause on a busy machine?", ask };
