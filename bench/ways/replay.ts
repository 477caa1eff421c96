/**
 * The Worker is ended, and a new one does the same work again from the start until it is where the other was.
 *
 * QuickJS and CPython do the pieces of work that bench/speed.ts has, one after the other, unprepared; a replay is only possible because they
 * answer the same each time. After so many seconds of work the Worker is ended. Timed is from that moment to the new Worker having done as
 * many pieces, by the owner's clock; the module is compiled already and shared. The new Worker has to come to the same checksum.
 *
 * It would change with: how long the program has run, to which it is proportional, and whether inputs and clocks have been recorded.
 */

import { Worker } from "node:worker_threads";
import { cpython } from "../programs/cpython.ts";
import type { Program } from "../programs/program.ts";
import { quickJs } from "../programs/quickjs.ts";
import { plainVariant, type Variant } from "../support/variants.ts";
import { CPYTHON, HANDOVER, type Pause, QUICKJS, type Way } from "./way.ts";

/** How long the program has worked before, ms, and how often each is tried. */
const PLANS = { full: { workedMs: [100, 1000], tries: 5 }, smoke: { workedMs: [100], tries: 1 } };

export interface ReplayTask {
  readonly program: string;
  readonly variant: Variant;
  /** One word: how many pieces are done in its upper half, their checksum in the lower one, so that both are of one moment. */
  readonly progress: BigInt64Array<SharedArrayBuffer>;
  /** How many pieces to do; undefined: until ended. */
  readonly pieces: number | undefined;
}

/** Longest a Worker may need for a piece, ms. */
const LIMIT_MS = 60_000;

interface Replayer {
  readonly worker: Worker;
  readonly progress: ReplayTask["progress"];
}

function start(program: Program, variant: Variant, pieces?: number): Replayer {
  const progress = new BigInt64Array(new SharedArrayBuffer(8));
  const workerData: ReplayTask = { program: program.name, variant, progress, pieces };
  return { worker: new Worker(new URL("./replay-worker.ts", import.meta.url), { workerData }), progress };
}

const piecesOf = (progress: bigint): number => Number(progress >> 32n);

/** Resolves with its progress when so many pieces are done. */
async function reached({ progress }: Replayer, pieces: number): Promise<bigint> {
  for (;;) {
    const now = Atomics.load(progress, 0);
    if (piecesOf(now) >= pieces) return now;
    const { value } = Atomics.waitAsync(progress, 0, now, LIMIT_MS);
    if ((await value) === "timed-out") throw new Error("a Worker does no work");
  }
}

async function replay(program: Program, variant: Variant, workedMs: number): Promise<number> {
  const first = start(program, variant);
  await reached(first, 1);
  await new Promise((resolve) => setTimeout(resolve, workedMs));
  const from = performance.now();
  await first.worker.terminate();
  const before = Atomics.load(first.progress, 0);
  const second = start(program, variant, piecesOf(before));
  const after = await reached(second, piecesOf(before));
  const took = performance.now() - from;
  await second.worker.terminate();
  if (after !== before) throw new Error(`${program.name} is not where it was`);
  return took;
}

export const way: Way = {
  measure: async ({ full, progress }) => {
    const { workedMs, tries } = full ? PLANS.full : PLANS.smoke;
    const pauses: Pause[] = [];
    for (const [guest, program] of [[QUICKJS, quickJs] as const, [CPYTHON, cpython] as const]) {
      const variant = plainVariant("replay", program.bytes);
      for (const ms of workedMs) {
        const samplesMs: number[] = [];
        for (let i = 0; i < tries; i++) {
          progress(`${program.name} after ${ms} ms: ${i} of ${tries}`);
          samplesMs.push(await replay(program, variant, ms));
        }
        pauses.push({
          way: `new Worker that replays ${ms / 1000} s`,
          guest,
          keeps: "nothing",
          newHost: "yes",
          stopsAt: "anywhere",
          samplesMs,
          bytes: 0,
          counterpart: { way: HANDOVER, guest },
        });
      }
    }
    return {
      pauses,
      notes: ["Replay: right only for a program whose inputs, clocks and random numbers are the same again."],
    };
  },
};
