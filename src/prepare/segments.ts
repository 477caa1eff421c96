/**
 * Data segments and the boot export.
 *
 * One prepared module both boots a guest and is put under one that runs, so instantiating it must not touch memory: active
 * segments become passive, and the start function is not declared. An added export does both, once: each active segment is
 * copied in the original order and dropped, as instantiation does it, and then the original's start function is called. Data
 * that does not fit traps there. Segments of elements stay active and so come before data.
 */

import type { Module } from "../wasm/module.ts";
import { Writer } from "../wasm/writer.ts";
import type { Layout } from "./layout.ts";

/** Body of the boot export. `marks` says that what it copies is to be marked. */
export function writeBootFunction(code: Writer, module: Module, layout: Layout, marks: boolean): void {
  code.u8(0);
  for (const [index, { offset, byteCount }] of module.data.entries()) {
    if (offset === undefined) continue;
    code.copy(module.bytes, offset.start, offset.end);
    code.put(0x41, 0, 0x41);
    code.signed(byteCount | 0);
    code.put(0xfc, 0x08);
    code.u32(index);
    code.u8(0);
    code.put(0xfc, 0x09);
    code.u32(index);
    if (!marks) continue;
    code.copy(module.bytes, offset.start, offset.end);
    code.put(0x41);
    code.signed(byteCount | 0);
    code.put(0x10);
    code.u32(layout.markRange);
  }
  if (module.start !== undefined) {
    code.u8(0x10);
    code.u32(module.start);
  }
  code.u8(0x0b);
}

/** Content of the data section, all segments passive. */
export function passiveData({ bytes, data }: Module): Uint8Array {
  const out = new Writer(data.reduce((sum, { start, end }) => sum + end - start + 1, 5));
  out.u32(data.length);
  for (const { start, end } of data) {
    out.u8(1);
    out.copy(bytes, start, end);
  }
  return out.view;
}
