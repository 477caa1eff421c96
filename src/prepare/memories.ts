/**
 * The two memories. Memory 0 is the guest's own, imported and shared: the import of the original with its names, or an import of
 * ours where the original defines its memory or has none (then it is empty, so that the ledger is memory 1 all the same).
 * A shared memory must have a maximum; where the original has none it is all that 32 bits can address. Memory 1 is the
 * ledger. Nothing of the original can name it, since its instructions say memory 0.
 */

import { IMPORT_LEDGER, IMPORT_MEMORY, IMPORT_MODULE, LEDGER_PAGES } from "../abi.ts";
import { LIMITS, type Module } from "../wasm/module.ts";
import { Writer } from "../wasm/writer.ts";
import type { ImageInfo } from "./image.ts";

const KIND_MEMORY = 2;
const LIMITS_SHARED = 3;

/** What becomes of the original's memory. */
export function describeMemory({ memories, imports, exports }: Module): ImageInfo["memory"] {
  const memory = memories[0];
  const imported = imports.find(({ kind }) => kind === "memory");
  return {
    minimumPages: memory?.minimum ?? 0,
    maximumPages: memory?.maximum ?? LIMITS.pages,
    importModule: imported?.module ?? IMPORT_MODULE,
    importName: imported?.name ?? IMPORT_MEMORY,
    exportNames: exports.filter(({ kind }) => kind === "memory").map(({ name }) => name),
    wasShared: memory?.shared ?? false,
    was: memory === undefined ? "absent" : imported === undefined ? "defined" : "imported",
  };
}

/** Content of the import section. */
export function importSection(module: Module): Uint8Array {
  const { bytes, imports } = module;
  const memory = describeMemory(module);
  const out = new Writer(4096);
  out.u32(imports.length + (memory.was === "imported" ? 1 : 2));
  for (const { kind, at, descriptionAt, end } of imports) {
    if (kind === "memory") {
      out.copy(bytes, at, descriptionAt);
      writeMemory(out, memory.minimumPages, memory.maximumPages);
    } else out.copy(bytes, at, end);
  }
  if (memory.was !== "imported") {
    out.name(memory.importModule);
    out.name(memory.importName);
    writeMemory(out, memory.minimumPages, memory.maximumPages);
  }
  out.name(IMPORT_MODULE);
  out.name(IMPORT_LEDGER);
  writeMemory(out, LEDGER_PAGES, LIMITS.pages);
  return out.view;
}

/** Description of a shared memory in an import. */
export function writeMemory(out: Writer, minimum: number, maximum: number): void {
  out.put(KIND_MEMORY, LIMITS_SHARED);
  out.u32(minimum);
  out.u32(maximum);
}
