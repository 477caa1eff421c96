/** The built core on a ledger of its own, for tests that use it without a guest. */

import { readFileSync } from "node:fs";
import { attachCore, type Core, createLedger } from "../../dist/core/core.js";

export const coreModule: WebAssembly.Module = new WebAssembly.Module(
  readFileSync(new URL("../../dist/core.wasm", import.meta.url)),
);

/** No guest is here whose code could ask for these. */
export const noGuest = {
  wait32: (): number => 0,
  wait64: (): number => 0,
};

/** Thrown where a host finds that it has lost the guest. */
export class Lost extends Error {}

export interface CoreOnLedger {
  readonly ledger: WebAssembly.Memory;
  readonly view: DataView;
  /** The core as the thread `number` sees it; 0 is the owner. */
  attach(number: number, now?: () => bigint): Core;
}

export function attachAs(ledger: WebAssembly.Memory, number: number, now?: () => bigint): Core {
  return attachCore(coreModule, ledger, {
    ...noGuest,
    number,
    now: now ?? process.hrtime.bigint,
    lost: () => {
      throw new Lost(`host ${number} lost the guest`);
    },
  });
}

export function coreOnLedger({ host = 1, pageShift = 12 }: { host?: number; pageShift?: number } = {}): CoreOnLedger {
  const ledger = createLedger({ pageShift, host });
  return { ledger, view: new DataView(ledger.buffer), attach: (number, now) => attachAs(ledger, number, now) };
}
