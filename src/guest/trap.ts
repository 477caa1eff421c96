/** A trap as its error: the engine's stack, with the original module's names and byte offsets. */

import { GuestTrapError, type WasmFrame } from "../errors.ts";
import type { Image } from "../prepare/image.ts";
import { functionName } from "../prepare/names.ts";
import { originalOffset } from "../prepare/offsets.ts";

/** V8 prints a frame as `wasm-function[INDEX]:0xOFFSET`; so does Firefox, with the same meaning. */
const FRAME = /wasm-function\[(\d+)\]:(0x[0-9a-f]+)/g;

export function trapError(
  guest: string,
  image: Image,
  thrown: { message: string; stack: string; cause: unknown },
): GuestTrapError {
  const frames: WasmFrame[] = [];
  for (const [, index, offset] of thrown.stack.matchAll(FRAME)) {
    const functionIndex = Number(index);
    frames.push({
      function: functionName(image, functionIndex),
      functionIndex,
      offset: originalOffset(image, functionIndex, Number(offset)),
    });
  }
  return new GuestTrapError(guest, thrown.message, frames, { cause: thrown.cause });
}
