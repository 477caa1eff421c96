/**
 * Shows, in a Worker, that polls are seen (capabilities.ts): a prepared loop of 2^32 turns that only the hint can
 * end in time, once in the code that the engine makes at first, once more after the function has been called often enough
 * to be optimised.
 */

import { EXPORT_SLOW, IMPORT_LEDGER, IMPORT_MEMORY, IMPORT_MODULE, OFF_HINT, SLOW_POLL } from "../abi.ts";
import { attachCore, ownerSide } from "../core/core.ts";
import type { Platform, Self } from "../platform/platform.ts";
import { prepareSync } from "../prepare/prepare.ts";
import type { SelfTest } from "./capabilities.ts";

/** (func (export "spin") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))), memoryless. */
const SPIN = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  0x01,
  0x05,
  0x01,
  0x60,
  0x01,
  0x7f,
  0x00,
  0x03,
  0x02,
  0x01,
  0x00,
  0x07,
  0x08,
  0x01,
  0x04,
  0x73,
  0x70,
  0x69,
  0x6e,
  0x00,
  0x00,
  0x0a,
  0x10,
  0x01,
  0x0e,
  0x00,
  0x03,
  0x40,
  0x20,
  0x00,
  0x41,
  0x01,
  0x6b,
  0x22,
  0x00,
  0x0d,
  0x00,
  0x0b,
  0x0b,
];

/** Enough calls for V8 to make optimised code, and time for it to be put to use, ms. */
const WARM_CALLS = 20_000;
const WARM_TURNS = 200;
const SWAP_MS = 20;

/** The loop counts down to 0, and from 0 it goes all the way round. */
const ALL_TURNS = 0;

/** This thread is not the host that the ledger names, so a poll that is made ends in lost(). */
const NOBODY = 1;

export async function testPolls(self: Self, { core, ledger }: SelfTest, { nowNs }: Platform): Promise<void> {
  const words = new Int32Array(ledger.buffer);
  const seen = new Error("the hint was seen");
  const { poll } = attachCore(core, ledger, {
    ...ownerSide(nowNs),
    number: NOBODY,
    lost: () => {
      throw seen;
    },
  });
  const image = prepareSync(new Uint8Array(SPIN));
  const memory = new WebAssembly.Memory({ initial: 0, maximum: image.info.memory.maximumPages, shared: true });
  const { exports } = await WebAssembly.instantiate(await image.module, {
    [IMPORT_MODULE]: { [IMPORT_MEMORY]: memory, [IMPORT_LEDGER]: ledger },
  });
  (exports[EXPORT_SLOW] as WebAssembly.Table).set(SLOW_POLL, poll);
  const spin = exports.spin as (turns: number) => void;

  const endsByHint = (): boolean => {
    Atomics.store(words, OFF_HINT >> 2, 0);
    self.post("spinning");
    try {
      spin(ALL_TURNS);
      return false;
    } catch (error) {
      if (error !== seen) throw error;
      return true;
    }
  };

  const first = endsByHint();
  Atomics.store(words, OFF_HINT >> 2, 0);
  for (let call = 0; call < WARM_CALLS; call++) spin(WARM_TURNS);
  await new Promise((resolve) => setTimeout(resolve, SWAP_MS));
  spin(WARM_TURNS);
  const later = endsByHint();
  self.post(first && later ? "seen" : "unseen");
}
