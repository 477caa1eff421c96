/**
 * A host of the torture: a Worker that runs an imaginary guest on the real core. The guest's memory is two words, a count and
 * the host that touched it last; each touch takes a while, so that a second host or an owner who looks on would notice.
 *
 * The owner sets `command` to the number under which the thread is to take over the guest, and finds 0 there again when the
 * thread has lost it and stands by for the next one. An instance of the core has one number for good, so each turn gets its own.
 */

import { workerData } from "node:worker_threads";
import { IDLE, OFF_BELL, OFF_HINT, RUNNING, WAITING } from "../../dist/abi.js";
import type { Core } from "../../dist/core/core.js";
import { attachAs, Lost } from "../support/core.ts";
import { Random } from "../support/random.ts";
import { COUNT, FROM, type HostData, NUMBER, TORN, TOUCHED_BY } from "./torture.ts";

const { ledger, guest, command, seed, mortal, restless } = workerData as HostData;
const words = new Int32Array(ledger.buffer);
const random = new Random(1, seed);

function touch(number: number): void {
  const count = Atomics.load(guest, COUNT);
  Atomics.store(guest, TOUCHED_BY, number);
  for (let spin = random.below(20); spin > 0; spin--) Atomics.load(guest, TORN);
  if (Atomics.load(guest, TOUCHED_BY) !== number || Atomics.load(guest, COUNT) !== count) Atomics.store(guest, TORN, 1);
  Atomics.store(guest, COUNT, count + 1);
}

/** Lives the guest's life until it ends; a guest that goes elsewhere is thrown out of it as Lost. */
function live(core: Core, number: number, from: number): void {
  let state = from;
  if (state === RUNNING) core.poll();
  for (;;) {
    if (state === IDLE) {
      for (let spin = random.below(200); spin > 0; spin--) Atomics.load(guest, TORN);
      if (!core.enter()) return;
    } else if (state === WAITING) {
      if (random.oneIn(20)) Atomics.wait(words, OFF_BELL >> 2, Atomics.load(words, OFF_BELL >> 2), random.below(2));
      if (!core.endWait()) return;
    }
    state = RUNNING;
    while (restless) {
      Atomics.add(guest, COUNT, 1);
      if (Atomics.load(words, OFF_HINT >> 2) !== 0) core.poll();
    }
    for (let steps = random.below(50); steps >= 0; steps--) {
      touch(number);
      if (Atomics.load(words, OFF_HINT >> 2) !== 0) core.poll();
    }
    if (mortal && random.oneIn(2000)) {
      core.end();
      return;
    }
    const next = random.below(16);
    if (next === 0) state = core.leave() ? IDLE : RUNNING;
    else if (next === 1) state = core.beginWait() ? WAITING : RUNNING;
  }
}

for (;;) {
  Atomics.wait(command, NUMBER, 0);
  const number = Atomics.load(command, NUMBER);
  try {
    live(attachAs(ledger, number), number, Atomics.load(command, FROM));
    break;
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
  }
  Atomics.store(command, NUMBER, 0);
  Atomics.notify(command, NUMBER);
}
