/**
 * What capture adds to a module as a whole, and where: it follows the layout of all other additions.
 *
 *   types       of these functions
 *   functions   save and load of the mutable globals, drop of segments; what takes exceptions apart and throws them anew; one
 *               function for each use of a segment, since code of another module cannot name segments; savers
 *   globals     the unwinding flag
 *   tables      one of all functions, by index: what a continuation may have to call
 *   exports     all that a continuation may have to import
 */

import {
  EXPORT_DROP,
  EXPORT_FUNCTIONS,
  EXPORT_GLOBAL,
  EXPORT_LOAD,
  EXPORT_SAVE,
  EXPORT_TABLE,
  EXPORT_TAG,
} from "../abi.ts";
import type { Kind, Module } from "../wasm/module.ts";
import { FUNCREF, type FunctionType, I32, isReference } from "../wasm/types.ts";
import { Writer } from "../wasm/writer.ts";
import { type ExceptionPlan, exceptionFunctionCount, exceptionTypes } from "./exceptions.ts";
import { TYPES } from "./layout.ts";
import type { Options } from "./options.ts";
import { type SegmentUse, type Survey, segmentUseKey, takesRange } from "./survey.ts";
import { type Suspension, suspension } from "./suspension.ts";

export interface CapturePlan {
  readonly suspension: Suspension;
  readonly entryPolls: Uint8Array;
  /** Indices of added functions. */
  readonly save: number;
  readonly load: number;
  readonly drop: number;
  /** Undefined where the module handles none. */
  readonly exceptions: ExceptionPlan | undefined;
  readonly firstSegmentUse: number;
  readonly firstSaver: number;
  readonly segmentUses: readonly SegmentUse[];
  /** Of the function that does this to a segment. */
  segmentFunction(use: SegmentUse): number;
  readonly functionsTable: number;
  /** What a guest may have changed that another instance would not have. */
  readonly notCarried: readonly string[];
  readonly changesTables: boolean;
  /** Added types but those of savers, and where the first of them is: that of functions that take a range of a segment. */
  readonly types: readonly FunctionType[];
  readonly rangeType: number;
  readonly firstSaverType: number;
}

const SEGMENT_RANGE: FunctionType = { kind: "function", params: [I32, I32, I32], results: [] };

export function capturePlan(
  module: Module,
  surveyed: Survey,
  entryPolls: Uint8Array,
  { track }: Pick<Options, "track">,
): CapturePlan {
  const { segmentUses, handlers } = surveyed;
  // Behind boot, poll, wait32, wait64 and perhaps markRange.
  const first = module.functions.length + (track === "marks" ? 5 : 4);
  const firstSegmentUse = first + 3 + exceptionFunctionCount(handlers);
  const indices = new Map(segmentUses.map((use, i) => [segmentUseKey(use), firstSegmentUse + i]));
  const rangeType = module.types.length + TYPES.length;
  const types = [SEGMENT_RANGE, ...exceptionTypes(module, handlers)];
  return {
    suspension: suspension(module, surveyed, entryPolls),
    entryPolls,
    save: first,
    load: first + 1,
    drop: first + 2,
    exceptions: handlers && {
      handlers,
      firstFunction: first + 3,
      firstType: rangeType + 1,
      plainType: module.types.length,
    },
    firstSegmentUse,
    firstSaver: firstSegmentUse + segmentUses.length,
    segmentUses,
    segmentFunction: (use) => indices.get(segmentUseKey(use))!,
    notCarried: notCarried(module, surveyed),
    changesTables: surveyed.changesTables,
    functionsTable: module.tables.length + 1,
    types,
    rangeType,
    firstSaverType: rangeType + types.length,
  };
}

function notCarried({ globals, tables }: Module, { changesTables, segmentUses }: Survey): string[] {
  const reasons: string[] = [];
  if (changesTables && tables.some((type) => type !== FUNCREF)) reasons.push("tables of other references than funcref");
  if (segmentUses.some((use) => !takesRange(use))) reasons.push("dropped segments");
  if (globals.some(({ type, mutable }) => mutable && isReference(type))) reasons.push("globals that hold references");
  return reasons;
}

/** Body of the function that stands for one use of a segment. */
export function writeSegmentUse(code: Writer, use: SegmentUse): void {
  code.u8(0);
  if (takesRange(use)) code.put(0x20, 0, 0x20, 1, 0x20, 2);
  code.put(0xfc, use.op - 0x200);
  code.u32(use.value);
  if (takesRange(use)) code.u32(use.second);
  code.u8(0x0b);
}

/** Body of the drop export: to a newly attached instance originally active segments must look as they do after boot. */
export function writeDropFunction(code: Writer, { data }: Module): void {
  code.u8(0);
  for (const [index, { offset }] of data.entries()) {
    if (offset === undefined) continue;
    code.put(0xfc, 0x09);
    code.u32(index);
  }
  code.u8(0x0b);
}

/** All globals (the last is the unwinding flag), tables and tags, under names of ours; functions are in their table. */
export function captureExports(
  { globals, tables, tags }: Module,
  plan: CapturePlan,
): [name: string, kind: Kind, index: number][] {
  return [
    [EXPORT_SAVE, "function", plan.save],
    [EXPORT_LOAD, "function", plan.load],
    [EXPORT_DROP, "function", plan.drop],
    [EXPORT_FUNCTIONS, "table", plan.functionsTable],
    ...globals.map((_, index): [string, Kind, number] => [EXPORT_GLOBAL + index, "global", index]),
    [EXPORT_GLOBAL + globals.length, "global", globals.length],
    ...tables.map((_, index): [string, Kind, number] => [EXPORT_TABLE + index, "table", index]),
    ...tags.map((_, index): [string, Kind, number] => [EXPORT_TAG + index, "tag", index]),
  ];
}

/** An active segment that fills the table of all functions. */
export function functionsSegment(plan: CapturePlan, functionCount: number): Uint8Array {
  const out = new Writer(4 * functionCount + 16);
  out.u32(2);
  out.u32(plan.functionsTable);
  out.put(0x41, 0, 0x0b, 0);
  out.u32(functionCount);
  for (let index = 0; index < functionCount; index++) out.u32(index);
  return out.view;
}
