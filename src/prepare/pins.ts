/**
 * Pins: what keeps a guest on its thread while something is on its stack that cannot be taken off. The ledger has one word for
 * that. The host counts its own frames of JavaScript there; guest code sets it while it calls out of a function that cannot be
 * captured, and puts back what it found, however the function is left. The guest then parks where it would have been captured.
 */

import { OFF_PINNED } from "../abi.ts";
import type { Writer } from "../wasm/writer.ts";
import { MEMORY_LEDGER } from "./layout.ts";
import { OP_TRY, OP_TRY_TABLE, type Survey } from "./survey.ts";

/** In the word: no count of the host's, whatever the host adds to it. */
export const PINNED_BY_GUEST: number = 1 << 20;

export function writePin(code: Writer): void {
  code.put(0x41, 0, 0x41);
  code.signed(PINNED_BY_GUEST);
  writeStore(code);
}

/** Puts back what a local has. */
export function writeUnpin(code: Writer, before: number): void {
  code.put(0x41, 0, 0x20);
  code.u32(before);
  writeStore(code);
}

function writeStore(code: Writer): void {
  code.put(0x36, 0x42, MEMORY_LEDGER);
  code.u32(OFF_PINNED);
}

/**
 * At the beginning of a function that pins: keeps the word as it is in a local, and where exceptions are caught handles all that
 * pass through, so that the pin goes with the frame. Gives how many constructs now surround the body.
 */
export function writeOpening(code: Writer, before: number, handlers: Survey["handlers"]): number {
  code.put(0x41, 0, 0x28, 0x42, MEMORY_LEDGER);
  code.u32(OFF_PINNED);
  code.put(0x21);
  code.u32(before);
  if (handlers === OP_TRY) code.put(OP_TRY, 0x40);
  // block (result exnref), try_table (catch_all_ref 0)
  else if (handlers === OP_TRY_TABLE) code.put(0x02, 0x69, OP_TRY_TABLE, 0x40, 1, 3, 0);
  return handlers === undefined ? 0 : handlers === OP_TRY ? 1 : 2;
}

/** Behind its last instruction. */
export function writeClosing(code: Writer, before: number, handlers: Survey["handlers"]): void {
  if (handlers === undefined) return;
  code.put(0x0f);
  // catch_all, or the ends of both constructs with nothing that falls through
  if (handlers === OP_TRY) code.put(0x19);
  else code.put(0x0b, 0x00, 0x0b);
  writeUnpin(code, before);
  if (handlers === OP_TRY)
    code.put(0x09, 0, 0x0b, 0x00); // rethrow, end, unreachable
  else code.put(0x0a); // throw_ref
}
