/**
 * A module as it is but for its memory, which it imports, shared: what preparing costs before anything is added to code.
 * Memory imports have indices of their own, so no other byte of the module changes.
 */

import { parseModule } from "../../dist/wasm/module.js";
import { Parts } from "../../dist/wasm/parts.js";
import { SECTION, SECTION_ORDER } from "../../dist/wasm/sections.js";
import { Writer } from "../../dist/wasm/writer.js";

export interface SharedMemoryImport {
  readonly module: string;
  readonly name: string;
  readonly minimumPages: number;
  readonly maximumPages: number;
}

/** Description of an import or export that is a memory, and the flags of limits that are shared and have a maximum. */
const MEMORY = 2;
const SHARED_WITH_MAXIMUM = 3;
const PAGES_MAX = 65_536;

export function importingSharedMemory(
  bytes: Uint8Array,
  { module, name }: { module: string; name: string },
): { bytes: Uint8Array<ArrayBuffer>; memory: SharedMemoryImport } {
  const parsed = parseModule(bytes);
  const [own] = parsed.memories;
  if (own === undefined || parsed.imports.some(({ kind }) => kind === "memory"))
    throw new Error("this needs a module with a memory of its own");
  const memory = { module, name, minimumPages: own.minimum, maximumPages: own.maximum ?? PAGES_MAX };

  const imports = new Writer();
  imports.u32(parsed.imports.length + 1);
  for (const { at, end } of parsed.imports) imports.copy(bytes, at, end);
  imports.name(module);
  imports.name(name);
  imports.put(MEMORY, SHARED_WITH_MAXIMUM);
  imports.u32(memory.minimumPages);
  imports.u32(memory.maximumPages);

  const out = new Parts();
  out.add(bytes.subarray(0, 8));
  let pending = true;
  for (const { id, at, end } of parsed.sections) {
    const late = SECTION_ORDER.indexOf(id) >= SECTION_ORDER.indexOf(SECTION.import);
    if (pending && id !== SECTION.custom && late) {
      out.section(SECTION.import, imports.view);
      pending = false;
    }
    if (id !== SECTION.import && id !== SECTION.memory) out.add(bytes.subarray(at, end));
  }
  return { bytes: out.join(), memory };
}
