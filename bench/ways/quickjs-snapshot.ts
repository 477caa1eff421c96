/**
 * The package `quickjs-wasi` takes a snapshot of its own QuickJS, and restores it in a fresh instance of the same module.
 *
 * The engine has the table in it that our idle QuickJS has, and does nothing: a snapshot may only be taken between two calls. Timed is from
 * the call of snapshot() to the restored engine being ready, on one thread, the module compiled once, as the package advises; and once more
 * through the bytes that can be stored. The old engine is let go of in between. Each restored one is asked for its table.
 *
 * It would change with: how much memory the engine has.
 */

import { readFileSync } from "node:fs";
import { QuickJS, type Snapshot } from "quickjs-wasi";
import { TABLE } from "../programs/quickjs.ts";
import { HANDOVER, type Pause, QUICKJS_IDLE, type Way } from "./way.ts";

const COUNTS = { full: { warmups: 20, trips: 200 }, smoke: { warmups: 2, trips: 10 } };
const KEYS = 1009;

const asBytes = (snapshot: Snapshot): Snapshot => QuickJS.deserializeSnapshot(QuickJS.serializeSnapshot(snapshot));

async function measure(
  name: string,
  { warmups, trips, pass }: { warmups: number; trips: number; pass: (snapshot: Snapshot) => Snapshot },
): Promise<Pause> {
  const module = new WebAssembly.Module(readFileSync(new URL(import.meta.resolve("quickjs-wasi/quickjs.wasm"))));
  const samplesMs: number[] = [];
  let bytes = 0;
  let engine = await QuickJS.create({ wasm: module });
  engine.evalCode(TABLE).dispose();
  for (let i = -warmups; i < trips; i++) {
    const from = performance.now();
    const snapshot = pass(engine.snapshot());
    engine.dispose();
    engine = await QuickJS.restore(snapshot, { wasm: module });
    if (i >= 0) samplesMs.push(performance.now() - from);
    bytes = snapshot.memory.byteLength;
    const size = engine.evalCode("table.size").consume((value) => value.toNumber());
    if (size !== KEYS) throw new Error(`the restored engine has ${size} keys`);
  }
  engine.dispose();
  return {
    way: name,
    guest: QUICKJS_IDLE,
    keeps: "memory",
    newHost: "yes",
    stopsAt: "between calls",
    samplesMs,
    bytes,
    counterpart: { way: HANDOVER, guest: QUICKJS_IDLE },
  };
}

export const way: Way = {
  measure: async ({ full, progress }) => {
    const counts = full ? COUNTS.full : COUNTS.smoke;
    progress("snapshots");
    return {
      pauses: [
        await measure("quickjs-wasi: snapshot, restore", { ...counts, pass: (snapshot) => snapshot }),
        await measure("quickjs-wasi: snapshot, stored as bytes, restore", { ...counts, pass: asBytes }),
      ],
      notes: [
        "quickjs-wasi: its snapshot outlives the process, needs no preparation, and may be restored many times; it holds no stack.",
      ],
    };
  },
};
