/**
 * A first, quick walk over all code, without operands: who calls whom, which functions poll before anything else, and whether
 * there is an instruction that we must refuse. It runs before the engine is asked whether the module is valid, so that a
 * refusal has a name.
 */

import { CodeReader } from "../wasm/code.ts";
import type { Module } from "../wasm/module.ts";
import { closes, isFixed, opens, SIGNATURES } from "../wasm/opcodes.ts";
import { readValueType } from "../wasm/types.ts";
import { OP_WAIT32, OP_WAIT64 } from "./waits.ts";

/** Segments cannot be imported, so code of another module needs a function for each use of one. */
export interface SegmentUse {
  readonly op: number;
  readonly value: number;
  readonly second: number;
}

export interface Survey {
  /**
   * Callees of each function that is not imported, one function after the other: an index, or -1 - a type index for an
   * indirect call. Function i of them has those from first[i] to before first[i + 1].
   */
  readonly callees: Int32Array;
  readonly first: Uint32Array;
  /** 1 for a function that enters a loop which polls before anything else can happen. */
  readonly pollsFirst: Uint8Array;
  /** 1 for a function that has a loop or waits, so that it can be frozen without calling anything. */
  readonly stops: Uint8Array;
  /** Instructions that use segments, each once, in the order of the code. */
  readonly segmentUses: readonly SegmentUse[];
  readonly changesTables: boolean;
  /** The instruction that handles exceptions here, `try` or `try_table`; undefined where none does. No engine takes both in one module. */
  readonly handlers: typeof OP_TRY | typeof OP_TRY_TABLE | undefined;
  /** How many loops there are, repeated or not. */
  readonly loops: number;
}

const OP_MEMORY_INIT = 0x208;
const OP_TABLE_INIT = 0x20c;
export const OP_TRY = 0x06;
export const OP_TRY_TABLE = 0x1f;

/** What goes straight on, though its signature is not fixed. */
const ALSO_STRAIGHT: ReadonlySet<number> = new Set([
  0x02, // block
  0x1a, // drop
  0x1b, // select
  0x1c, // select with a type
  0x20, // local.get
  0x21, // local.set
  0x22, // local.tee
  0x23, // global.get
  0x24, // global.set
  0xd0, // ref.null
  0xd2, // ref.func
  0xd4, // ref.as_non_null
  0x116, // ref.cast
  0x117, // ref.cast_null
  0x11c, // ref.i31
]);

/** Instructions that a function may execute before its first loop if that is to come first whatever happens: they go straight on. */
const STRAIGHT: Uint8Array = Uint8Array.from(SIGNATURES, (_, op) =>
  (isFixed(op) || ALSO_STRAIGHT.has(op)) && op !== OP_WAIT32 && op !== OP_WAIT64 ? 1 : 0,
);

export function survey(module: Module): Survey {
  const { bodies, functions } = module;
  const first = new Uint32Array(bodies.length + 1);
  const pollsFirst = new Uint8Array(bodies.length);
  const stops = new Uint8Array(bodies.length);
  const segmentUses = new Map<string, SegmentUse>();
  let callees = new Int32Array(1024);
  let count = 0;
  let loops = 0;
  let changesTables = false;
  let handlers: Survey["handlers"];
  // Which function named a callee last, so that each is listed once.
  const namedBy = new Uint32Array(functions.length);
  const typeNamedBy = new Uint32Array(module.types.length);
  const add = (callee: number) => {
    if (count === callees.length) {
      const larger = new Int32Array(2 * count);
      larger.set(callees);
      callees = larger;
    }
    callees[count++] = callee;
  };

  for (const [f, body] of bodies.entries()) {
    first[f] = count;
    const reader = new CodeReader(module.bytes, body.start, body.end);
    skipLocals(reader);
    // While the code goes straight on, or (once it has reached a loop) until it is known whether that loop repeats.
    let straight = true;
    let leading = false;
    let depth = 0;
    while (!reader.done) {
      reader.next();
      const { op, value } = reader;
      if (leading) {
        if (opens(op)) depth++;
        else if (closes(op)) leading = --depth > 0;
        else if ((op === 0x0c || op === 0x0d) && value === depth - 1) pollsFirst[f] = 1;
      } else if (straight) {
        if (op === 0x03) {
          leading = true;
          depth = 1;
        }
        straight = STRAIGHT[op] === 1;
      }
      if (op < 0x03) continue;
      switch (op) {
        case 0x03: // loop
          loops++;
          stops[f] = 1;
          break;
        case OP_TRY:
        case OP_TRY_TABLE:
          handlers = op;
          break;
        case 0x501: // memory.atomic.wait32
        case 0x502: // memory.atomic.wait64
          stops[f] = 1;
          break;
        case 0x208: // memory.init
        case 0x209: // data.drop
        case 0x20c: // table.init
        case 0x20d: {
          // elem.drop
          const use = segmentUse(reader);
          segmentUses.set(segmentUseKey(use), use);
          if (op === OP_TABLE_INIT) changesTables = true;
          break;
        }
        case 0x26: // table.set
        case 0x20e: // table.copy
        case 0x20f: // table.grow
        case 0x211: // table.fill
          changesTables = true;
          break;
        case 0x10: // call
        case 0x12: // return_call
          if (value >= functions.length) reader.fail("no such function", reader.start);
          if (namedBy[value] === f + 1) break;
          namedBy[value] = f + 1;
          add(value);
          break;
        case 0x11: // call_indirect
        case 0x13: // return_call_indirect
        case 0x14: // call_ref
        case 0x15: // return_call_ref
          if (module.types[value]?.kind !== "function") reader.fail("no such function type", reader.start);
          if (typeNamedBy[value] === f + 1) break;
          typeNamedBy[value] = f + 1;
          add(-1 - value);
          break;
      }
    }
  }
  first[bodies.length] = count;
  return {
    callees: callees.subarray(0, count),
    first,
    pollsFirst,
    stops,
    changesTables,
    handlers,
    segmentUses: [...segmentUses.values()],
    loops,
  };
}

/** The use that is made of a segment by the instruction just read. */
export function segmentUse({ op, value, second }: CodeReader): SegmentUse {
  return { op, value, second: takesRange({ op }) ? second : 0 };
}

export function takesRange({ op }: Pick<SegmentUse, "op">): boolean {
  return op === OP_MEMORY_INIT || op === OP_TABLE_INIT;
}

export function segmentUseKey({ op, value, second }: SegmentUse): string {
  return `${op} ${value} ${second}`;
}

function skipLocals(reader: CodeReader): void {
  for (let groups = reader.count(); groups > 0; groups--) {
    reader.u32();
    readValueType(reader);
  }
}
