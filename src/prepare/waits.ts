/**
 * memory.atomic.wait32 and wait64.
 *
 * In a program whose memory was shared they become calls of the host, with a wait that can be frozen: the address that the
 * original would wait on, what it expects there, and the timeout. An address that is out of bounds or not aligned traps as
 * before, because an atomic load of the same address comes first. In a program whose memory was not shared they trap, as
 * they did, and so they must although the memory is shared now.
 */

import { SLOW_WAIT32, SLOW_WAIT64 } from "../abi.ts";
import type { Writer } from "../wasm/writer.ts";
import type { Layout } from "./layout.ts";

export const OP_WAIT32 = 0x501;
export const OP_WAIT64 = 0x502;

export function writeWait(code: Writer, layout: Layout, op: number, offset: number, wasShared: boolean): void {
  if (!wasShared) {
    code.put(0x00);
    return;
  }
  code.put(0x41);
  code.signed(offset | 0);
  code.put(0x10);
  code.u32(op === OP_WAIT64 ? layout.wait64 : layout.wait32);
}

/** Body of $wait32 or $wait64: (address, expected, timeoutNs, offset) -> result. */
export function writeWaitFunction(code: Writer, layout: Layout, op: number): void {
  const wide = op === OP_WAIT64;
  code.put(0);
  code.put(0x20, 0, 0x20, 3, 0x6a, 0x22, 0); // address += offset
  // Where the sum wrapped, so would the original's address have gone beyond 4 GiB: a load there traps for the same reason.
  code.put(0x20, 3, 0x49, 0x04, 0x40, 0x41, 0x7f, 0x2d, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0x0b);
  code.put(0x20, 0, 0xfe, wide ? 0x11 : 0x10, wide ? 3 : 2, 0, 0x1a); // atomic load, drop
  code.put(0x20, 0, 0x20, 1, 0x20, 2, 0x41, wide ? SLOW_WAIT64 : SLOW_WAIT32, 0x11);
  code.u32(wide ? layout.types.slowWait64 : layout.types.slowWait32);
  code.u32(layout.slowTable);
  code.put(0x0b);
}
