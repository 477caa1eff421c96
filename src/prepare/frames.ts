/**
 * Frames in the ledger, and code that reads and writes them. They lie in the ledger's last area, one behind the other, the
 * innermost first, so that what comes off it first is the outermost. Everything in a frame is four-byte aligned:
 *
 *   values          by type (i32, i64, f32, f64, v128), locals before operands, in their order
 *   function, site  the site is the byte offset of its instruction in the original body; 0 is the function's entry
 *   size            of the whole frame
 *   continuation    where the code that goes on from here is, for the frame around it; the host fills it in
 */

import { OFF_FRAMES, OFF_FRAMES_TOP } from "../abi.ts";
import { F32, F64, I32, I64, V128, type ValueType } from "../wasm/types.ts";
import type { Writer } from "../wasm/writer.ts";
import { MEMORY_LEDGER } from "./layout.ts";

/** Behind the values of a frame: function, site, size, continuation. */
export const TRAILER_BYTES = 16;
/** Stands for the function in the frame that holds the mutable globals. */
export const GLOBALS_FUNCTION = 0xffffffff;
/** Stands for the function in the record of an exception, see exceptions.ts; its tag stands for the site. */
export const EXCEPTION_FUNCTION = 0xfffffffe;

/** Types of values in the order in which a frame has them, with their bytes. */
export const SAVED_TYPES: readonly (readonly [type: ValueType, bytes: number])[] = [
  [I32, 4],
  [I64, 8],
  [F32, 4],
  [F64, 8],
  [V128, 16],
];
/** The same, by type. */
export const SAVED_BYTES: ReadonlyMap<ValueType, number> = new Map(SAVED_TYPES);

/** Opcodes that load and store a saved value, with what stands before their memarg. */
const LOADS: Readonly<Record<number, readonly number[]>> = {
  [I32]: [0x28],
  [I64]: [0x29],
  [F32]: [0x2a],
  [F64]: [0x2b],
  [V128]: [0xfd, 0x00],
};
const STORES: Readonly<Record<number, readonly number[]>> = {
  [I32]: [0x36],
  [I64]: [0x37],
  [F32]: [0x38],
  [F64]: [0x39],
  [V128]: [0xfd, 0x0b],
};

/** A load or store in the frames area, at an address that counts from its beginning. */
export function writeFrameAccess(code: Writer, type: ValueType, kind: "load" | "store", offset: number): void {
  code.put(...(kind === "load" ? LOADS : STORES)[type]!, 0x42, MEMORY_LEDGER);
  code.u32(OFF_FRAMES + offset);
}

/** Pushes how many bytes of frames there are. */
export function writeFramesTop(code: Writer): void {
  code.put(0x41, 0, 0x28, 0x42, MEMORY_LEDGER);
  code.u32(OFF_FRAMES_TOP);
}

/** Pops the value, which lies above an i32.const 0. */
export function writeSetFramesTop(code: Writer): void {
  code.put(0x36, 0x42, MEMORY_LEDGER);
  code.u32(OFF_FRAMES_TOP);
}
