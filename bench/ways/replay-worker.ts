/** Does pieces of work for bench/ways/replay.ts. */

import { workerData } from "node:worker_threads";
import { cpython } from "../programs/cpython.ts";
import { quickJs } from "../programs/quickjs.ts";
import type { ReplayTask } from "./replay.ts";

const { program: name, variant, progress, pieces } = workerData as ReplayTask;
const program = [cpython, quickJs].find((one) => one.name === name)!;
const instance = await program.start(variant);
let checksum = 0;
for (let done = 0; done !== pieces; ) {
  const piece = instance.run(done % program.works.length);
  checksum = (Math.imul(checksum, 31) + piece.checksum) >>> 0;
  done++;
  Atomics.store(progress, 0, (BigInt(done) << 32n) | BigInt(checksum));
  Atomics.notify(progress, 0);
}
await instance.close();
