/**
 * The memory is copied out and back, in the process or through a file, as one does who cannot leave it where it is.
 *
 * The memories are those of our guests at a moment of their work, in a plain `WebAssembly.Memory`, because shared ones are copied more
 * slowly. Nobody runs meanwhile and nobody is stopped or started, so the times are the least that such a pause can take, and the
 * stack is not in it: one may only do this between two calls.
 *
 *   slice, set          into a new array and back into the same memory
 *   structuredClone     what `postMessage` without a transfer does, and back
 *   file                written, with fsync, and read back, from the system's cache as a rule
 *
 * It would change with: how fast new pages are given out, which is most of a large copy, and the disk.
 */

import { closeSync, fsyncSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fleet } from "../../dist/index.js";
import type { Subject } from "../programs/guests.ts";
import { BUDGET_MS } from "../support/freezes.ts";
import { subjects } from "./guests.ts";
import { FREEZE, type Pause, type Way } from "./way.ts";

/** A share of the memory is looked at afterwards: bytes this far apart. */
const LOOK_EVERY = 4099;

/** What can be had for so many bytes: samples and time are bounded both. */
const BUDGET = { full: { copies: 20, files: 5, bytes: 2 ** 30 }, smoke: { copies: 3, files: 2, bytes: 2 ** 28 } };

async function memoryOf(subject: Subject): Promise<WebAssembly.Memory> {
  await using fleet = await Fleet.open();
  const { guest } = await subject.boot(fleet);
  guest.freezeSync({ budgetMs: BUDGET_MS });
  const bytes = guest.memory.buffer.byteLength;
  const memory = new WebAssembly.Memory({ initial: bytes / 2 ** 16 });
  new Uint8Array(memory.buffer).set(new Uint8Array(guest.memory.buffer));
  return memory;
}

type Trip = (memory: WebAssembly.Memory) => void;

const sliceAndSet: Trip = ({ buffer }) => {
  const bytes = new Uint8Array(buffer);
  const copy = bytes.slice();
  bytes.set(copy);
};

const cloneAndSet: Trip = ({ buffer }) => {
  const copy = structuredClone(buffer);
  new Uint8Array(buffer).set(new Uint8Array(copy));
};

/** Larger reads and writes than this are not possible everywhere. */
const PIECE_BYTES = 2 ** 30;

function throughFile({ buffer }: WebAssembly.Memory, file: string): void {
  const bytes = new Uint8Array(buffer);
  const out = openSync(file, "w");
  for (let at = 0; at < bytes.length; ) at += writeSync(out, bytes, at, Math.min(PIECE_BYTES, bytes.length - at), at);
  fsyncSync(out);
  closeSync(out);
  const back = openSync(file, "r");
  for (let at = 0; at < bytes.length; ) at += readSync(back, bytes, at, Math.min(PIECE_BYTES, bytes.length - at), at);
  closeSync(back);
}

function look({ buffer }: WebAssembly.Memory): number {
  const bytes = new Uint8Array(buffer);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += LOOK_EVERY) sum = (sum * 31 + bytes[at]!) % 1_000_003;
  return sum;
}

function measure(trip: Trip, memory: WebAssembly.Memory, count: number): number[] {
  const before = look(memory);
  const samplesMs: number[] = [];
  // The first is a warm-up.
  for (let i = 0; i <= count; i++) {
    const from = performance.now();
    trip(memory);
    if (i > 0) samplesMs.push(performance.now() - from);
  }
  if (look(memory) !== before) throw new Error("the memory has changed on its way");
  return samplesMs;
}

export const way: Way = {
  measure: async ({ full, progress }) => {
    const budget = full ? BUDGET.full : BUDGET.smoke;
    const folder = mkdtempSync(join(tmpdir(), "stillpoint-"));
    const file = join(folder, "memory");
    const trips: readonly { name: string; trip: Trip; count: number }[] = [
      { name: "memory copied: slice, set", trip: sliceAndSet, count: budget.copies },
      { name: "memory copied: structuredClone, set", trip: cloneAndSet, count: budget.copies },
      { name: "memory to a file, fsync, and back", trip: (memory) => throughFile(memory, file), count: budget.files },
    ];
    const pauses: Pause[] = [];
    try {
      for (const subject of subjects(full).filter(({ busy }) => busy)) {
        const memory = await memoryOf(subject);
        const bytes = memory.buffer.byteLength;
        for (const { name, trip, count } of trips) {
          progress(`${subject.name}: ${name}`);
          const samplesMs = measure(trip, memory, Math.max(2, Math.min(count, Math.floor(budget.bytes / bytes))));
          pauses.push({
            way: name,
            guest: subject.name,
            keeps: "memory",
            newHost: "not timed",
            stopsAt: "between calls",
            samplesMs,
            bytes,
            counterpart: { way: FREEZE, guest: subject.name },
          });
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return {
      pauses,
      notes: [
        "Copies: the copying alone, for which somebody has to stop the program. Neither a new instance nor the pages of its memory are in the time, so it stands against freeze and resume.",
      ],
    };
  },
};
