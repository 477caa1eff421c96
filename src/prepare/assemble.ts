/**
 * Puts the prepared module together: sections in the order the format wants, each copied, extended, replaced or left out.
 *
 * Custom sections stay where they were among the others. Those that hold offsets into code are left out, since code has
 * moved: DWARF, source maps, what linkers read, metadata of instructions. Branch hints are written anew, names are extended.
 */

import { EXPORT_BOOT, EXPORT_GLOBAL, EXPORT_SLOW, SLOW_COUNT } from "../abi.ts";
import { KINDS, type Kind, type Module } from "../wasm/module.ts";
import { appendFunctionNames, NAME_SECTION } from "../wasm/names.ts";
import type { Parts } from "../wasm/parts.ts";
import { Reader } from "../wasm/reader.ts";
import { SECTION, SECTION_ORDER, type Section } from "../wasm/sections.ts";
import { FUNCREF, type FunctionType, I32, writeValueType } from "../wasm/types.ts";
import { Writer } from "../wasm/writer.ts";
import { type CapturePlan, captureExports, functionsSegment } from "./capture-plan.ts";
import type { HintWriter } from "./hints.ts";
import { type Layout, TYPES } from "./layout.ts";
import { importSection } from "./memories.ts";
import { passiveData } from "./segments.ts";

/** A function that the preparer appends. */
export interface AddedFunction {
  readonly name: string;
  readonly type: number;
  readonly body: Uint8Array;
}

const HOLDS_CODE_OFFSETS = /^(\.debug_.*|reloc\..*|linking|sourceMappingURL|external_debug_info|metadata\.code\..*)$/;

/** Of a mutable global that is not exported under a name of its own. */
export function globalExportName(index: number): string {
  return EXPORT_GLOBAL + index;
}

/** Mutable globals of the module's own that it does not export. */
export function hiddenGlobals({ globals, globalsImported, exports }: Module): number[] {
  const exported = new Set(exports.filter(({ kind }) => kind === "global").map(({ index }) => index));
  return globals.flatMap(({ mutable }, index) =>
    mutable && index >= globalsImported && !exported.has(index) ? [index] : [],
  );
}

/** The module as it will be, but for the custom sections that make it an image. */
export function assemble(
  out: Parts,
  module: Module,
  layout: Layout,
  code: readonly Uint8Array[],
  added: readonly AddedFunction[],
  fillers: number,
  hints: HintWriter,
  plan?: CapturePlan,
  saverTypes: readonly FunctionType[] = [],
): void {
  const { bytes, sections } = module;
  const byId = new Map(sections.filter(({ id }) => id !== SECTION.custom).map((section) => [section.id, section]));
  let next = 0;
  /** Sections that must come before the one with place `order`. */
  const upTo = (order: number) => {
    for (; next < order; next++) {
      const id = SECTION_ORDER[next]!;
      if (id === SECTION.code) {
        hints.writeTo(out);
        out.section(id, ...code);
        continue;
      }
      const content = sectionContent(id, byId.get(id), module, layout, added, fillers, plan, saverTypes);
      if (content !== undefined) out.section(id, content);
    }
  };

  out.add(bytes.subarray(0, 8));
  const lastKnown = sections.findLastIndex(({ id }) => id !== SECTION.custom);
  for (const [i, section] of sections.entries()) {
    if (i > lastKnown) upTo(SECTION_ORDER.length);
    if (section.id !== SECTION.custom) upTo(SECTION_ORDER.indexOf(section.id) + 1);
    else if (section.name === NAME_SECTION) {
      const names = new Map(added.map(({ name }, n) => [layout.boot + n, name]));
      out.customSection(NAME_SECTION, appendFunctionNames(bytes, section, names));
    } else if (!HOLDS_CODE_OFFSETS.test(section.name)) out.add(bytes.subarray(section.at, section.end));
  }
  upTo(SECTION_ORDER.length);
}

/** What a section other than that of code will hold; undefined for one that will not be there. */
function sectionContent(
  id: number,
  section: Section | undefined,
  module: Module,
  layout: Layout,
  added: readonly AddedFunction[],
  fillers: number,
  plan: CapturePlan | undefined,
  saverTypes: readonly FunctionType[],
): Uint8Array | undefined {
  switch (id) {
    case SECTION.type:
      return typeSection(module, plan === undefined ? TYPES : [...TYPES, ...plan.types, ...saverTypes]);
    case SECTION.import:
      return importSection(module);
    case SECTION.function:
      return extended(module, section, added.length + fillers, (out) => {
        for (const { type } of added) out.u32(type);
        for (let i = 0; i < fillers; i++) out.u32(layout.types.plain);
      });
    case SECTION.table:
      return extended(module, section, plan === undefined ? 1 : 2, (out) => {
        out.put(FUNCREF, 1, SLOW_COUNT, SLOW_COUNT);
        if (plan === undefined) return;
        const count = module.functions.length + added.length;
        out.put(FUNCREF, 1);
        out.u32(count);
        out.u32(count);
      });
    case SECTION.element:
      if (plan !== undefined)
        return extended(module, section, 1, (out) =>
          out.copy(functionsSegment(plan, module.functions.length + added.length)),
        );
      return section && module.bytes.subarray(section.start, section.end);
    case SECTION.export: {
      const exports: [name: string, kind: Kind, index: number][] = [
        [EXPORT_BOOT, "function", layout.boot],
        [EXPORT_SLOW, "table", layout.slowTable],
      ];
      if (plan === undefined)
        for (const index of hiddenGlobals(module)) exports.push([globalExportName(index), "global", index]);
      else exports.push(...captureExports(module, plan));
      return extended(module, section, exports.length, (out) => {
        for (const [name, kind, index] of exports) writeExport(out, name, kind, index);
      });
    }
    case SECTION.global:
      if (plan === undefined) return section && module.bytes.subarray(section.start, section.end);
      return extended(module, section, 1, (out) => out.put(I32, 1, 0x41, 0, 0x0b));
    case SECTION.dataCount: {
      if (section === undefined && module.data.length === 0) return undefined;
      const out = new Writer(5);
      out.u32(module.data.length);
      return out.view;
    }
    case SECTION.data:
      return section === undefined ? undefined : passiveData(module);
    case SECTION.memory:
    case SECTION.start:
      return undefined;
    default:
      return section === undefined ? undefined : module.bytes.subarray(section.start, section.end);
  }
}

/** The original's types with more behind them. */
export function typeSection(module: Module, types: readonly FunctionType[]): Uint8Array {
  const section = module.sections.find(({ id }) => id === SECTION.type);
  return extended(module, section, types.length, (out) => {
    for (const { params, results } of types) {
      out.u8(0x60);
      for (const list of [params, results]) {
        out.u32(list.length);
        for (const type of list) writeValueType(out, type);
      }
    }
  });
}

/** The elements of a section's vector, with more behind them. */
function extended(
  { bytes }: Module,
  section: Section | undefined,
  count: number,
  write: (out: Writer) => void,
): Uint8Array {
  const out = new Writer(256 + (section === undefined ? 0 : section.end - section.start));
  if (section === undefined) out.u32(count);
  else {
    const reader = new Reader(bytes, section.start, section.end);
    out.u32(reader.u32() + count);
    out.copy(bytes, reader.at, section.end);
  }
  write(out);
  return out.view;
}

function writeExport(out: Writer, name: string, kind: Kind, index: number): void {
  out.name(name);
  out.u8(KINDS.indexOf(kind));
  out.u32(index);
}
