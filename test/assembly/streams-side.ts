/**
 * One side of a ring, in a thread of its own: writes or reads `bytes` bytes whose values follow from their positions, in
 * seeded pieces, and sleeps on the bell when the ring is full or empty. The consumer posts the first position at which it
 * read something else than was written, or the count of what it read up to the end.
 */

import { parentPort, workerData } from "node:worker_threads";
import { OFF_BELL } from "../../dist/abi.js";
import { attachAs } from "../support/core.ts";
import { Random } from "../support/random.ts";
import { byteAt, type SideData } from "./streams.ts";

const { ledger, ring, side, bytes, seed, pieceMax } = workerData as SideData;
const core = attachAs(ledger, side === "producer" ? 0 : 1);
const memory = new Uint8Array(ledger.buffer);
const words = new Int32Array(ledger.buffer);
const random = new Random(0, seed);

/** Sleeps until `ready` answers something other than 0. The bell is read first, so a ring in between is not missed. */
function sleepUntil(ready: () => number): number {
  for (;;) {
    const bell = Atomics.load(words, OFF_BELL >> 2);
    const answer = ready();
    if (answer !== 0) return answer;
    if (Atomics.wait(words, OFF_BELL >> 2, bell, 5_000) === "timed-out") throw new Error(`no bell for the ${side}`);
  }
}

function produce(): number {
  for (let done = 0; done < bytes; ) {
    const free = sleepUntil(() => core.writable(ring));
    const count = Math.min(free, 1 + random.below(pieceMax), bytes - done);
    const ptr = core.writePtr(ring);
    for (let index = 0; index < count; index++) memory[ptr + index] = byteAt(done + index);
    core.wrote(ring, count);
    done += count;
  }
  core.endRing(ring);
  return bytes;
}

function consume(): number {
  for (let done = 0; ; ) {
    // In this order: what was written before the end was marked is found by the second look.
    const filled = sleepUntil(() => core.readable(ring) || (core.ended(ring) && core.readable(ring) === 0 ? -1 : 0));
    if (filled < 0) return done;
    const count = Math.min(filled, 1 + random.below(pieceMax));
    const ptr = core.readPtr(ring);
    for (let index = 0; index < count; index++) {
      if (memory[ptr + index] !== byteAt(done + index)) return -(done + index + 1);
    }
    // Whoever reads what was given back too early would find this.
    memory.fill(0xee, ptr, ptr + count);
    core.read(ring, count);
    done += count;
  }
}

parentPort!.postMessage(side === "producer" ? produce() : consume());
