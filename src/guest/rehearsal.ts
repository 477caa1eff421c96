/**
 * The rehearsal of the handover. A thread does it twice in its life, when it takes a guest over and when it gives it away, and
 * both times in the blackout; an engine compiles what it has never run, which takes many times as long as to run it. So
 * every host plays its whole part once beforehand, while nobody waits: on a ledger of its own, with a guest that is nobody's and an
 * owner that is deaf. Whatever came of it would reach nobody.
 *
 * The services' own snapshot() and restore() are not rehearsed: they are not ours, and may count how often they are called.
 */

import { EXPORT_LOAD, EXPORT_SAVE, OFF_FRAMES, OFF_FRAMES_TOP, OFF_RUN, RUNNING } from "../abi.ts";
import { createLedger } from "../core/core.ts";
import type { Self } from "../platform/platform.ts";
import { TRAILER_BYTES } from "../prepare/frames.ts";
import type { ContinuationModule } from "../resume/resume.ts";
import type { WasiState } from "../wasi/host.ts";
import type { Handed, HostData } from "./messages.ts";

const nothing = (): void => {};

/** A thread with nobody at the other end. What is said there takes as long as elsewhere. */
export const STAND_IN: Self = {
  data: undefined,
  post: (message) => void structuredClone(message),
  listen: nothing,
  close: nothing,
};

/** Of a guest without globals. */
export const STAND_IN_EXPORTS: WebAssembly.Exports = { [EXPORT_SAVE]: nothing, [EXPORT_LOAD]: nothing };

/** The same host under a guest that runs, and has in the ledger what lets it go on: one frame, without values. */
export function standInData(data: HostData): HostData {
  const ledger = createLedger({ pageShift: 12, host: data.host });
  const words = new Int32Array(ledger.buffer);
  words[OFF_RUN >> 2] = RUNNING;
  words[OFF_FRAMES_TOP >> 2] = TRAILER_BYTES;
  // The frame is that of function 0 at site 0; its size stands behind them.
  words[(OFF_FRAMES + 8) >> 2] = TRAILER_BYTES;
  return { ...data, ledger, preopens: { "/": {} }, notices: undefined, changedTables: [] };
}

/** A module with one function, "0", that does nothing and returns. */
// biome-ignore format: a line for each section
const RETURNS = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x04, 0x01, 0x60, 0x00, 0x00,
  0x03, 0x02, 0x01, 0x00,
  0x07, 0x05, 0x01, 0x01, 0x30, 0x00, 0x00,
  0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b,
);

/** Where that frame goes on. */
export function standInContinuation(): ContinuationModule {
  return { sites: [{ functionIndex: 0, site: 0 }], module: new WebAssembly.Module(RETURNS) };
}

/** What comes with that guest, which is in the middle of a call. */
export function standInHanded(wasi: WasiState): Handed {
  const activity = { kind: "call", id: 0, name: "" } as const;
  return { activity, captured: true, deadlineNs: undefined, tables: [], services: undefined, wasi };
}
