/**
 * A rehearsal of the handover. A thread does it twice in its life, when it takes the guest over and when it gives it away, and
 * both times in the blackout; an engine compiles what it has never run, which takes many times as long as to run it. So
 * every host goes through the motions once, on a stand-in, while nobody waits for it.
 *
 * The services' own snapshot() and restore() are not rehearsed: they are not ours, and may count how often they are called.
 */

import { EXPORT_LOAD, EXPORT_SAVE } from "../abi.ts";
import { type HostSide, standInWasi } from "./attach.ts";
import { Stack } from "./stack.ts";

/** No guest: globals that are nowhere. */
const NOTHING: WebAssembly.Exports = { [EXPORT_SAVE]: () => undefined, [EXPORT_LOAD]: () => undefined };

export function rehearse(side: HostSide): void {
  // Enough of a ledger for a stack without frames.
  const ledger = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const stack = new Stack({ ...side.data, ledger, changedTables: [], continuations: [] }, NOTHING);
  stack.save();
  const tables = stack.tables();
  const wasi = standInWasi(side);
  wasi.restore(structuredClone(wasi.snapshot()));
  stack.load(tables);
  stack.add([]);
}
