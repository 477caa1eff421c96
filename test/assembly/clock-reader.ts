/**
 * A host that does nothing but read the guest's clock, while the owner freezes and releases the guest. It takes the floor away
 * before each reading, which otherwise hides a reading that is too low, and counts those that differ from the first.
 */

import { parentPort, workerData } from "node:worker_threads";
import { OFF_FLOOR_NS } from "../../dist/abi.js";
import { attachAs } from "../support/core.ts";

export interface ReaderData {
  readonly ledger: WebAssembly.Memory;
  /** The source of time, ns. */
  readonly time: BigInt64Array;
  /** Set here when the reading has begun, and by the other side when it shall end. */
  readonly control: Int32Array;
}

const { ledger, time, control } = workerData as ReaderData;
const core = attachAs(ledger, 1, () => Atomics.load(time, 0));
const floor = new BigInt64Array(ledger.buffer, OFF_FLOOR_NS, 1);

const first = core.monotonicNs();
let readings = 0;
let wrong = 0;
Atomics.store(control, 0, 1);
Atomics.notify(control, 0);
while (Atomics.load(control, 1) === 0) {
  Atomics.store(floor, 0, 0n);
  if (core.monotonicNs() !== first) wrong++;
  readings++;
}
parentPort!.postMessage({ readings, wrong });
