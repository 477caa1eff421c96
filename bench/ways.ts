/**
 * How long does each way keep a program still?
 *
 * A program computes, something under it is to be replaced, and it shall go on as if nothing had been. Each way to that end is a file in
 * bench/ways/ whose head says how it is done and timed; each is measured in a process of its own, one after the other on the same
 * machine. Ours is measured in two processes that have their turns between all of them (bench/ways/ours.ts); they are the A/A rows. A way
 * that needs what is not here says so in the table. The programs are the same wherever a way can take them; a machine or a process that
 * counts stands in for them elsewhere, beside our kernel with as much memory.
 *
 * The last column has our pause, of both processes together, over theirs, of as much memory: where a way has the program go on elsewhere or
 * takes its stack off the thread our handover, otherwise our freeze and resume. Above 1 the other way is faster.
 *
 * It would change with: how much memory a program has (copies), how long it has run (replay), how often it calls its host (Asyncify, JSPI),
 * and what else a machine has in it (v86, QEMU). What JSPI costs while nothing pauses is in the second table; for ours and Asyncify that is
 * asked in bench/speed.ts and bench/asyncify.ts, and the others cost a program nothing, or all that a machine around it does.
 */

import { fork } from "node:child_process";
import { median, quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Figure, Plot, Question, Run, Table } from "./support/question.ts";
import type { FromWay } from "./support/way-once.ts";
import { Ours, type OwnPauses } from "./ways/ours.ts";
import { type Cost, KERNEL_MIB, kernelName, MACHINE_MIB, type Outcome, type Pause } from "./ways/way.ts";

/** Files of bench/ways/, in the order of the table. */
const OTHERS: readonly string[] = ["copy", "asyncify", "jspi", "replay", "quickjs-snapshot", "v86", "qemu", "criu"];

const OURS_NOTE =
  "stillpoint: of guests that have computed for a tenth of a second before, so that the system has given their thread a core to itself where there is one. " +
  "Right after a resume it is on the core of who resumed it, and pauses are shorter: those are in the first table of freezes.";

/** Ends what hangs. */
const LIMIT_MS = 5 * 60_000;

/** What came of a way, or why nothing did. */
type Heard = { readonly outcome: Outcome } | { readonly reason: string };

function hear(name: string, { progress }: Run): Promise<Heard> {
  const child = fork(new URL("support/way-once.ts", import.meta.url), [name], { stdio: ["ignore", 2, 2, "ipc"] });
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  let heard: Heard | undefined;
  child.on("message", (message: FromWay) => {
    if (message.type === "progress") progress(`${name}: ${message.text}`);
    else heard = message.type === "outcome" ? { outcome: message.outcome } : { reason: `not run: ${message.reason}` };
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      resolve(heard ?? { reason: `failed (${signal ?? `exit code ${code}`})` });
    });
  });
}

/** Ours has itself for a counterpart: both processes over one. */
function pauseRow(
  pause: Pause,
  own: OwnPauses,
  counterpart: Pick<Pause, "way" | "guest"> | undefined = pause.counterpart,
): Record<string, Cell> {
  const { way, guest, keeps, newHost, stopsAt, samplesMs, bytes } = pause;
  const p50 = median(samplesMs);
  return {
    way,
    guest,
    keeps,
    newHost,
    stopsAt,
    p50,
    p99: quantile(samplesMs, 0.99),
    samples: samplesMs.length,
    kib: bytes / 1024,
    against: counterpart && own.of(counterpart).p50 / p50,
  };
}

const COLUMNS: Table["columns"] = [
  { key: "way", title: "way" },
  { key: "guest", title: "guest" },
  { key: "keeps", title: "keeps" },
  { key: "newHost", title: "other host" },
  { key: "stopsAt", title: "stops at" },
  { key: "p50", title: "pause p50, ms", digits: 3 },
  { key: "p99", title: "p99, ms", digits: 3 },
  { key: "samples", title: "samples" },
  { key: "kib", title: "moved, KiB" },
  { key: "against", title: "ours / this", digits: 5 },
];

function figureOf({ way, samplesMs, counterpart }: Pause, own: OwnPauses): Figure[] {
  if (counterpart === undefined) return [];
  const { p50, noise } = own.of(counterpart);
  const name = `${counterpart.way} against ${way}, ${counterpart.guest}, p50`;
  return [{ name, value: p50 / median(samplesMs), unit: "x", against: way, noise }];
}

/** How much memory is behind it, MiB, of pauses whose guests differ in nothing else. */
function mibOf({ guest, counterpart }: Pause): number | undefined {
  return KERNEL_MIB.full.find((mib) => kernelName(mib) === (counterpart?.guest ?? guest));
}

/** All ways side by side, ours first: the interpreters, and of all that differ in memory those of one size. */
function sideBySide(ours: readonly Pause[], others: readonly Pause[], mib: number): Plot {
  const points = (pauses: readonly Pause[]) =>
    pauses
      .filter((pause) => (mibOf(pause) ?? mib) === mib)
      .map(({ way, guest, samplesMs }) => [`${way} (${guest})`, median(samplesMs)] as const)
      .sort(([, a], [, b]) => a - b);
  return {
    title: "How long a program stands still, by each way, p50",
    kind: "bars",
    x: { title: "way (guest)" },
    y: { title: "pause, ms", logarithmic: true },
    series: [
      { name: "ours", points: points(ours) },
      { name: "others", points: points(others) },
    ],
  };
}

/** Ways that move memory, and ours. */
function byMemory(ours: readonly Pause[], others: readonly Pause[]): Plot {
  const series = new Map<string, (readonly [number, number])[]>();
  for (const pause of [...ours, ...others.filter(({ bytes }) => bytes > 0)]) {
    const mib = mibOf(pause);
    if (mib === undefined) continue;
    series.set(pause.way, [...(series.get(pause.way) ?? []), [mib, median(pause.samplesMs)]]);
  }
  return {
    title: "Pause by the size of memory, p50",
    kind: "lines",
    x: { title: "memory, MiB", logarithmic: true },
    y: { title: "pause, ms", logarithmic: true },
    series: [...series].map(([name, points]) => ({ name, points })),
  };
}

function costTables(costs: readonly Cost[]): Table[] {
  if (costs.length === 0) return [];
  return [
    {
      title: "Running speed while nothing pauses, time against the same program without",
      columns: [
        { key: "name", title: "way" },
        { key: "ratio", title: "time", digits: 2 },
        { key: "again", title: "without, again", digits: 2 },
      ],
      rows: costs.map(({ name, ratio, again }) => ({ name, ratio, again })),
    },
  ];
}

async function ask(run: Run): Promise<Answer> {
  const ours = await Ours.open(run);
  await ours.turn();
  const heard: { readonly name: string; readonly heard: Heard }[] = [];
  for (const name of OTHERS) {
    heard.push({ name, heard: await hear(name, run) });
    await ours.turn();
  }
  const own = await ours.close();

  const outcomes = heard.flatMap((other) => ("outcome" in other.heard ? [other.heard.outcome] : []));
  const pauses = outcomes.flatMap((outcome) => outcome.pauses);
  const costs = outcomes.flatMap((outcome) => outcome.costs ?? []);
  return {
    tables: [
      {
        title: "How long a program stands still, by each way",
        columns: COLUMNS,
        rows: [
          ...own.first.map((pause) => pauseRow(pause, own, pause)),
          ...own.again.map((pause) => ({ ...pauseRow(pause, own, pause), way: `${pause.way}, again` })),
          ...heard.flatMap((other) =>
            "outcome" in other.heard
              ? other.heard.outcome.pauses.map((pause) => pauseRow(pause, own))
              : [{ way: other.name, guest: other.heard.reason }],
          ),
        ],
      },
      ...costTables(costs),
    ],
    figures: pauses.flatMap((pause) => figureOf(pause, own)),
    plots: [
      sideBySide(own.first, pauses, run.full ? MACHINE_MIB.full.at(-1)! : MACHINE_MIB.smoke.at(-1)!),
      byMemory(own.first, pauses),
    ],
    notes: [OURS_NOTE, ...outcomes.flatMap(({ notes }) => notes)],
  };
}

export const question: Question = {
  chapter: "alternatives",
  title: "How long does each way keep a program still?",
  ask,
};
