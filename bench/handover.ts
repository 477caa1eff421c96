/**
 * How long is a host replaced?
 *
 * One guest at a time, prepared with capture, is handed from Worker to Worker at random moments. The first handover of a guest
 * stands apart: its continuations have to be made. Of the later ones the share that met a place in the program which nobody
 * had met before (a cache miss) is printed, and they are told apart by that in the parts.
 *
 *   blackout    from the guest's last instruction in the old host to its first in the new one, by its own threads' time stamps;
 *               for an idle guest from the grant to the release
 *   capture     globals, services and frames out of the old host          restore   into the new one
 *   synthesis   continuations that were not known                         compile   the same
 *
 * It would change with: messages between threads (an idle guest's blackout is two round trips of them), the depth of the
 * stack, the size of the functions on it, and how much of the program has been met before.
 */

import { Fleet, type Guest, type HandoverReport, prepareSync } from "../dist/index.js";
import { CPYTHON_LOOP, cpython } from "./programs/cpython.ts";
import { kernels } from "./programs/kernels.ts";
import { quantile } from "./support/quantiles.ts";
import type { Answer, Cell, Question, Run } from "./support/question.ts";

interface Subject {
  readonly name: string;
  /** The goal of its blackout, p50, ms. */
  readonly goalMs: number | undefined;
  boot(fleet: Fleet): Promise<Guest>;
}

const movable = (bytes: Uint8Array<ArrayBuffer>) => prepareSync(bytes, { capture: true });

const SUBJECTS: readonly Subject[] = [
  { name: "idle reactor", goalMs: 0.3, boot: (fleet) => fleet.boot(movable(kernels.bytes), { name: "idle" }) },
  {
    name: "recursive kernel",
    goalMs: undefined,
    boot: async (fleet) => {
      const guest = await fleet.boot(movable(kernels.bytes), { name: "recursion" });
      guest.call("fib", [90]).catch(() => undefined);
      return guest;
    },
  },
  {
    name: "CPython, loop",
    goalMs: 5,
    boot: async (fleet) => {
      const args = ["python", "-c", CPYTHON_LOOP];
      const guest = await fleet.boot(movable(cpython.bytes), { name: "python", args, stdout: "pipe" });
      await guest.stdout!.getReader().read();
      return guest;
    },
  },
];

const HANDOVERS = { full: 60, smoke: 8 };
/** Longest time between two handovers, ms. */
const APART_MS_MAX = 40;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function row(name: string, reports: readonly HandoverReport[]): Record<string, Cell> {
  const of = (key: "blackoutMs" | "captureMs" | "restoreMs" | "synthesisMs" | "compileMs" | "frames", q: number) =>
    quantile(
      reports.map((report) => report[key]),
      q,
    );
  return {
    name,
    samples: reports.length,
    frames: of("frames", 0.5),
    missing: (100 * reports.filter(({ cacheMisses }) => cacheMisses > 0).length) / reports.length,
    p50: of("blackoutMs", 0.5),
    p90: of("blackoutMs", 0.9),
    p99: of("blackoutMs", 0.99),
    max: of("blackoutMs", 1),
    capture: of("captureMs", 0.5),
    synthesis: of("synthesisMs", 0.5),
    compile: of("compileMs", 0.5),
    restore: of("restoreMs", 0.5),
  };
}

async function ask(run: Run): Promise<Answer> {
  await using fleet = await Fleet.open();
  const rows: Record<string, Cell>[] = [];
  const figures: Answer["figures"][number][] = [];
  const count = run.full ? HANDOVERS.full : HANDOVERS.smoke;
  for (const subject of SUBJECTS) {
    run.progress(`booting: ${subject.name}`);
    const guest = await subject.boot(fleet);
    const reports: HandoverReport[] = [];
    for (let i = 0; i <= count; i++) {
      await pause((run.random.below(1000) / 1000) * APART_MS_MAX);
      reports.push(await guest.handover());
      run.progress(`${subject.name}: ${i} of ${count}`);
    }
    await guest.terminate();
    const later = reports.slice(1);
    rows.push(row(`${subject.name}, the first`, reports.slice(0, 1)), row(`${subject.name}, later`, later));
    figures.push({
      name: `handover blackout p50, ${subject.name}`,
      value: quantile(
        later.map(({ blackoutMs }) => blackoutMs),
        0.5,
      ),
      unit: "ms",
      ...(subject.goalMs !== undefined && { atMost: subject.goalMs }),
    });
  }
  const ms = (key: string, title = key) => ({ key, title, digits: 2 });
  return {
    tables: [
      {
        title: "Handover, ms",
        columns: [
          { key: "name", title: "guest" },
          { key: "samples", title: "samples" },
          { key: "frames", title: "frames, p50" },
          { key: "missing", title: "with a cache miss, %" },
          ...["p50", "p90", "p99", "max"].map((key) => ms(key, `blackout ${key}`)),
          ...["capture", "synthesis", "compile", "restore"].map((key) => ms(key, `${key} p50`)),
        ],
        rows,
      },
    ],
    figures,
    notes: ["Every handover is to a new Worker. Guest bytes copied: 0."],
  };
}

export const question: Question = { chapter: "replacement", title: "How long is a host replaced?", ask };
