/** Captured frames, as they lie in a ledger: reads them, and says to each where its inner neighbour goes on. See prepare/frames.ts. */

import { OFF_FRAMES, OFF_FRAMES_TOP } from "../abi.ts";
import { EXCEPTION_FUNCTION, GLOBALS_FUNCTION, TRAILER_BYTES } from "../prepare/frames.ts";
import type { SiteRef } from "./site.ts";

export interface CapturedFrame extends SiteRef {
  /** Address behind it, in the ledger. */
  readonly end: number;
  readonly bytes: number;
}

/**
 * The frames in a ledger, the outermost first. Mutable globals, which were saved last and lie before them, are left out, and so are
 * exceptions that frames need, which lie behind each.
 */
export function readFrames(ledger: WebAssembly.Memory): CapturedFrame[] {
  const view = new DataView(ledger.buffer);
  const frames: CapturedFrame[] = [];
  let top = view.getUint32(OFF_FRAMES_TOP, true);
  while (top > 0) {
    const end = OFF_FRAMES + top;
    const functionIndex = view.getUint32(end - TRAILER_BYTES, true);
    const site = view.getUint32(end - TRAILER_BYTES + 4, true);
    const bytes = view.getUint32(end - TRAILER_BYTES + 8, true);
    if (bytes < TRAILER_BYTES || bytes > top) throw new Error(`a frame of ${bytes} bytes where ${top} are left`);
    if (functionIndex !== GLOBALS_FUNCTION && functionIndex !== EXCEPTION_FUNCTION)
      frames.push({ functionIndex, site, end, bytes });
    top -= bytes;
  }
  return frames;
}

/** Writes into a frame where its continuation is in the table of continuations. */
export function setContinuation(ledger: DataView, { end }: CapturedFrame, place: number): void {
  ledger.setUint32(end - 4, place, true);
}
