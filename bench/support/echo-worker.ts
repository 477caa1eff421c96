/** The other thread of bench/support/echo.ts. */

import { workerData } from "node:worker_threads";
import { ANSWERED, ASKED } from "./echo.ts";

const words = workerData as Int32Array<SharedArrayBuffer>;
for (let answered = 0; ; answered++) {
  Atomics.wait(words, ASKED, answered);
  Atomics.store(words, ANSWERED, answered + 1);
  Atomics.notify(words, ANSWERED);
}
