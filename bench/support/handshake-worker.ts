/** The other thread of bench/support/handshake.ts. */

import { workerData } from "node:worker_threads";
import { BACK, RUN, STOPPED, STOPPING } from "./handshake.ts";

const words = workerData as Int32Array<SharedArrayBuffer>;
for (;;) {
  while (Atomics.load(words, RUN) !== STOPPING) {
    // Computes.
  }
  Atomics.store(words, RUN, STOPPED);
  Atomics.notify(words, RUN);
  while (Atomics.load(words, RUN) === STOPPED) Atomics.wait(words, RUN, STOPPED);
  Atomics.add(words, BACK, 1);
  Atomics.notify(words, BACK);
}
