/**
 * Entry of the Worker that shows that polls are seen (capabilities.ts): a prepared loop of 2^32 turns that only the hint can
 * end in time, once in the code that the engine makes at first, once more after the function has been called often enough
 * to be optimised.
 */

import { EXPORT_SLOW, IMPORT_LEDGER, IMPORT_MEMORY, IMPORT_MODULE, OFF_HINT, SLOW_POLL } from "../abi.ts";
import { attachCore, ownerSide } from "../core/core.ts";
import { loadPlatform } from "../platform/platform.ts";
import type { SelfTest } from "./capabilities.ts";

/** Enough calls for V8 to make optimised code, and time for it to be put to use, ms. */
const WARM_CALLS = 20_000;
const WARM_TURNS = 200;
const SWAP_MS = 20;

/** The loop counts down to 0, and from 0 it goes all the way round. */
const ALL_TURNS = 0;

/** This thread is not the host that the ledger names, so a poll that is made ends in lost(). */
const NOBODY = 1;

const platform = await loadPlatform();
const self = await platform.self();
const { module, core, memory, ledger } = self.data as SelfTest;
const words = new Int32Array(ledger.buffer);
const seen = new Error("the hint was seen");
const { poll } = attachCore(core, ledger, {
  ...ownerSide(platform.nowNs),
  number: NOBODY,
  lost: () => {
    throw seen;
  },
});
const { exports } = await WebAssembly.instantiate(module, {
  [IMPORT_MODULE]: { [IMPORT_MEMORY]: memory, [IMPORT_LEDGER]: ledger },
});
(exports[EXPORT_SLOW] as WebAssembly.Table).set(SLOW_POLL, poll);
const spin = exports.spin as (turns: number) => void;

function endsByHint(): boolean {
  Atomics.store(words, OFF_HINT >> 2, 0);
  self.post("spinning");
  try {
    spin(ALL_TURNS);
    return false;
  } catch (error) {
    if (error !== seen) throw error;
    return true;
  }
}

const first = endsByHint();
Atomics.store(words, OFF_HINT >> 2, 0);
for (let call = 0; call < WARM_CALLS; call++) spin(WARM_TURNS);
await new Promise((resolve) => setTimeout(resolve, SWAP_MS));
spin(WARM_TURNS);
const later = endsByHint();
self.post(first && later ? "seen" : "unseen");
