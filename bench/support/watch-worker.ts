/** The Worker of bench/support/watch.ts. */

import { openSync, readSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { ANEW, COUNT, LONGEST_MS, type WatchTask } from "./watch.ts";

const { file, at, shared } = workerData as WatchTask;
const words = new Int32Array(shared.buffer);
const descriptor = openSync(file, "r");
const seen = new Uint32Array(1);
let lastMs = performance.now();
for (;;) {
  readSync(descriptor, seen, 0, 4, at);
  const nowMs = performance.now();
  if (Atomics.load(words, 2 * ANEW) === 1) {
    shared[LONGEST_MS] = 0;
    lastMs = nowMs;
    Atomics.store(words, 2 * ANEW, 0);
  }
  if (seen[0] === shared[COUNT]) continue;
  shared[LONGEST_MS] = Math.max(shared[LONGEST_MS]!, nowMs - lastMs);
  shared[COUNT] = seen[0]!;
  lastMs = nowMs;
}
