/**
 * Exceptions that stay alive across a site: what a handler caught and may throw again (destructors of C++ and Rust are run that
 * way), or what is held as an exnref. An exception cannot leave its instance. So it is taken apart where the frame is saved, by
 * throwing it to a handler for each tag that the module knows, and what it carries is kept as a record on the frames, under the
 * frame that needs it. Where the frame goes on the same is thrown anew:
 *
 *   catch_all             saving:                                     going on:
 *     …                     try  rethrow …                              try
 *     site                  catch $tag                                    call $stillpoint:throw     ;; takes the record off
 *     …                       i32.const EXCEPTION_FUNCTION                unreachable
 *     rethrow 0               i32.const TAG  call $save:PAYLOAD         catch_all
 *   end                     catch_all  unreachable  end                   the handler, from the site on
 *
 * A handler for one tag is like that with only this one. An exnref is a value and goes through added functions: keep(exnref)
 * makes the record, restore() gives it back, null included.
 *
 * A record is made by a saver like any frame: payload in its order, EXCEPTION_FUNCTION, tag, size. Those of one frame lie under
 * it in the order in which they are taken off, that of the outermost handler on top.
 *
 * What cannot be taken apart: exceptions of JavaScript's, of tags that the module does not know, or which carry references. When
 * frames inside have saved themselves it is too late to find that out. So it is found out before any site is reached, at the
 * head of the handler, or where the exnref gets into a local (hold): thrown to the same handlers, what none of them knows pins
 * the guest until its present call is over; by then it is mostly on its way out to the host anyway. That costs a throw more for
 * each such handler that is entered, and nothing where no exception is thrown. Traps are not caught by anybody, so none is ever held.
 *
 * Whether an exception is held at a site is decided by where the site stands alone: in a handler that throws it again somewhere.
 */

import type { Module } from "../wasm/module.ts";
import { EXNREF, type FunctionType, I32, isReference, type ValueType } from "../wasm/types.ts";
import type { Writer } from "../wasm/writer.ts";
import { EXCEPTION_FUNCTION, SAVED_BYTES, TRAILER_BYTES, writeFrameAccess, writeFramesTop } from "./frames.ts";
import { writePin } from "./pins.ts";
import { type Savers, writePop } from "./savers.ts";
import type { FunctionScan } from "./scan.ts";
import { OP_TRY, OP_TRY_TABLE, type Survey } from "./survey.ts";

/** Stands for the tag in the record of a null reference. */
const NO_EXCEPTION = 0xffffffff;
/** Exceptions of so many tags can be taken apart, the first ones. Compilers make one or two; this bounds what hostile modules grow by. */
const TAGS_MAX = 64;
/** Pairs of a site and a handler around it, in one function; one that would have more is no program. */
const PAIRS_MAX = 1 << 18;
/** At most: what taking an exception apart takes, and each tag in it. */
const APART_BYTES = 16;
const TAG_BYTES = 20;

const OP_RETHROW = 0x09;
/** Places of the added functions. */
const THROW = 0;
const KEEP = 1;
const HOLD = 2;
const RESTORE = 3;

/** A handler around a site that may throw again what it caught. */
export interface Held {
  /** Its `catch` or `catch_all`. */
  readonly arm: number;
  /** Its label, seen from the site. */
  readonly depth: number;
}

/** While the text is walked. */
interface Handler {
  readonly arm: number;
  throwsAgain: boolean;
  readonly sites: { readonly place: number; readonly level: number }[];
}

/** What this adds to a module, and where. */
export interface ExceptionPlan {
  readonly handlers: NonNullable<Survey["handlers"]>;
  readonly firstFunction: number;
  readonly firstType: number;
  /** The type () -> (). */
  readonly plainType: number;
}

const fn = (params: readonly ValueType[], results: readonly ValueType[]): FunctionType => ({
  kind: "function",
  params,
  results,
});
const TAKES: FunctionType = fn([EXNREF], []);
const GIVES: FunctionType = fn([], [EXNREF]);

/** Added types, from `firstType` on: those of keep and hold, of restore, and a block that gives each tag's payload. */
export function exceptionTypes(module: Module, handlers: Survey["handlers"]): FunctionType[] {
  if (handlers !== OP_TRY_TABLE) return [];
  return [TAKES, GIVES, ...tagsKept(module).map((tag) => fn([], payloadOf(module, tag)))];
}

/** How many functions are added, from `firstFunction` on: throw, and for exnref also keep, hold and restore. */
export function exceptionFunctionCount(handlers: Survey["handlers"]): number {
  return handlers === undefined ? 0 : handlers === OP_TRY ? 1 : 4;
}

function payloadOf({ types, tags }: Module, tag: number): readonly ValueType[] {
  return (types[tags[tag]!] as FunctionType).params;
}

/** Tags whose exceptions can be taken apart. */
function tagsKept(module: Module): number[] {
  const kept: number[] = [];
  for (let tag = 0; tag < module.tags.length && kept.length < TAGS_MAX; tag++)
    if (!payloadOf(module, tag).some(isReference)) kept.push(tag);
  return kept;
}

export class Exceptions {
  /** They are held as values of type exnref, not by handlers. */
  readonly areValues: boolean;
  readonly #module: Module;
  readonly #plan: ExceptionPlan;
  readonly #savers: Savers;
  readonly #tags: readonly number[];
  /** Under which index an added function is called. */
  readonly #callee: (functionIndex: number) => number;

  constructor(module: Module, plan: ExceptionPlan, savers: Savers, callee: (functionIndex: number) => number) {
    this.#module = module;
    this.#plan = plan;
    this.#savers = savers;
    this.#callee = callee;
    this.#tags = tagsKept(module);
    this.areValues = plan.handlers === OP_TRY_TABLE;
  }

  /** At most so many bytes are written for each exception held at a site, or where it begins to be. */
  get bytes(): number {
    return APART_BYTES + (this.areValues ? 0 : TAG_BYTES * this.#tags.length);
  }

  /** What handlers hold at each of these sites, given by their tokens, the innermost first; undefined for what is out of proportion. */
  heldAt({ op, value, count }: FunctionScan, sites: readonly number[]): readonly (readonly Held[])[] | undefined {
    const held: Held[][] = sites.map(() => []);
    if (this.areValues || !op.subarray(0, count).includes(OP_RETHROW)) return held;
    // Handlers that are open, the outermost first, and the same by the level of their construct.
    const open: Handler[] = [];
    const byLevel: (Handler | undefined)[] = [];
    let level = 0;
    let next = sites[0] === -1 ? 1 : 0;
    let pairs = 0;
    const leave = () => {
      const handler = byLevel[level];
      if (handler === undefined) return;
      open.pop();
      byLevel[level] = undefined;
      if (handler.throwsAgain)
        for (const site of handler.sites) held[site.place]!.push({ arm: handler.arm, depth: site.level - level });
    };
    for (let t = 0; t < count; t++) {
      switch (op[t]!) {
        case 0x02: // block
        case 0x03: // loop
        case 0x04: // if
        case OP_TRY:
          level++;
          break;
        case 0x07: // catch
        case 0x19: // catch_all
          leave();
          open.push((byLevel[level] = { arm: t, throwsAgain: false, sites: [] }));
          break;
        case 0x0b: // end
        case 0x18: // delegate
          leave();
          level--;
          break;
        case OP_RETHROW:
          byLevel[level - value[t]!]!.throwsAgain = true;
      }
      if (t !== sites[next]) continue;
      pairs += open.length;
      if (pairs > PAIRS_MAX) return undefined;
      for (const { sites } of open) sites.push({ place: next, level });
      next++;
    }
    return held;
  }

  // ---- held by handlers ----

  /** At the head of a handler: pins the guest if what was caught could not be taken apart. */
  writeHold(code: Writer, { op, value }: FunctionScan, arm: number): void {
    if (op[arm] === 0x07) {
      if (!this.#tags.includes(value[arm]!)) writePin(code);
      return;
    }
    code.put(OP_TRY, 0x40, OP_RETHROW, 1);
    for (const tag of this.#tags) {
      code.put(0x07);
      code.u32(tag);
      for (const _ of payloadOf(this.#module, tag)) code.put(0x1a); // drop
    }
    code.put(0x19);
    writePin(code);
    code.put(0x0b);
  }

  /** Makes the record of what a handler holds, whose label is given. */
  writeKept(code: Writer, { op, value }: FunctionScan, arm: number, label: number): void {
    // Seen from inside the try.
    code.put(OP_TRY, 0x40, OP_RETHROW);
    code.u32(label + 1);
    for (const tag of op[arm] === 0x07 ? [value[arm]!] : this.#tags) {
      if (!this.#tags.includes(tag)) continue;
      code.put(0x07);
      code.u32(tag);
      this.#writeRecord(code, tag);
    }
    // Of anything else the guest is pinned, and gets nowhere near.
    code.put(0x19, 0x00, 0x0b);
  }

  /** Opens a handler that holds what the record on top says; the code of the handler follows. */
  writeHandler(code: Writer, blockType: () => void): void {
    code.put(OP_TRY);
    blockType();
    this.#call(code, THROW);
    code.put(0x00, 0x19);
  }

  // ---- held as values ----

  /** Behind an instruction that sets this local. */
  writeHoldLocal(code: Writer, local: number): void {
    this.#callWith(code, HOLD, local);
  }

  writeKeptLocal(code: Writer, local: number): void {
    this.#callWith(code, KEEP, local);
  }

  writeRestoredLocal(code: Writer, local: number): void {
    this.#call(code, RESTORE);
    code.put(0x21);
    code.u32(local);
  }

  #callWith(code: Writer, which: number, local: number): void {
    code.put(0x20);
    code.u32(local);
    this.#call(code, which);
  }

  #call(code: Writer, which: number): void {
    code.put(0x10);
    code.u32(this.#callee(this.#plan.firstFunction + which));
  }

  // ---- added functions ----

  /** In the order of their indices. */
  functions(): { name: string; type: number; write: (code: Writer) => void }[] {
    const { firstType } = this.#plan;
    const all = [
      { name: "throw", type: this.#plan.plainType, write: (code: Writer) => this.#writeThrow(code) },
      { name: "keep", type: firstType, write: (code: Writer) => this.#writeApart(code, "keep") },
      { name: "hold", type: firstType, write: (code: Writer) => this.#writeApart(code, "hold") },
      { name: "restore", type: firstType + 1, write: (code: Writer) => this.#writeRestore(code) },
    ];
    return all.slice(0, exceptionFunctionCount(this.#plan.handlers));
  }

  /** Body of () -> (): takes a record off the frames, and throws what it says. */
  #writeThrow(code: Writer): void {
    const tags = this.#tags;
    const last = tags.at(-1) ?? -1;
    code.put(1, 1, I32);
    // One block for each tag that is kept, the first the innermost; the outermost is for all others.
    for (let i = 0; i <= tags.length; i++) code.put(0x02, 0x40);
    writeTag(code);
    code.put(0x0e);
    code.u32(last + 1);
    for (let tag = 0; tag <= last; tag++) code.u32(tags.includes(tag) ? tags.indexOf(tag) : tags.length);
    code.u32(tags.length);
    for (const tag of tags) {
      code.put(0x0b);
      const payload = payloadOf(this.#module, tag);
      writePop(code, 0, recordBytes(payload));
      let offset = 0;
      for (const type of payload) {
        code.put(0x20, 0);
        writeFrameAccess(code, type, "load", offset);
        offset += SAVED_BYTES.get(type)!;
      }
      code.put(0x08);
      code.u32(tag);
    }
    code.put(0x0b, 0x00, 0x0b);
  }

  /** Body of (exnref) -> (): makes a record of it, or pins the guest if that could not be done. */
  #writeApart(code: Writer, what: "keep" | "hold"): void {
    const tags = this.#tags;
    code.put(0, 0x20, 0, 0xd1, 0x04, 0x40); // ref.is_null, if
    if (what === "keep") this.#writeRecord(code, NO_EXCEPTION | 0);
    code.put(0x0f, 0x0b);
    for (const [i] of tags.entries()) {
      code.put(0x02);
      code.signed(this.#plan.firstType + 2 + i);
    }
    code.put(0x02, 0x40, OP_TRY_TABLE, 0x40);
    code.u32(tags.length + 1);
    // The last tag's block is the innermost but for that of everything else.
    for (const [i, tag] of tags.entries()) {
      code.put(0);
      code.u32(tag);
      code.u32(tags.length - i);
    }
    code.put(2, 0, 0x20, 0, 0x0a, 0x0b, 0x00, 0x0b); // catch_all 0; throw_ref; end, unreachable, end
    if (what === "hold") writePin(code);
    code.put(what === "hold" ? 0x0f : 0x00);
    for (const tag of tags.toReversed()) {
      code.put(0x0b);
      if (what === "keep") this.#writeRecord(code, tag);
      else for (const _ of payloadOf(this.#module, tag)) code.put(0x1a);
      code.put(0x0f);
    }
    code.put(0x0b);
  }

  /** Body of () -> (exnref): takes a record off the frames. */
  #writeRestore(code: Writer): void {
    code.put(1, 1, I32);
    writeTag(code);
    code.put(0x41);
    code.signed(NO_EXCEPTION | 0);
    code.put(0x46, 0x04, 0x40); // i32.eq, if
    writePop(code, 0, TRAILER_BYTES);
    code.put(0xd0, EXNREF, 0x0f, 0x0b); // ref.null, return, end
    code.put(0x02, EXNREF, OP_TRY_TABLE, 0x40, 1, 3, 0); // block, try_table (catch_all_ref 0)
    this.#call(code, THROW);
    code.put(0x0b, 0x00, 0x0b, 0x0b);
  }

  /** Pops a payload into a record. */
  #writeRecord(code: Writer, tag: number): void {
    code.put(0x41);
    code.signed(EXCEPTION_FUNCTION | 0);
    code.put(0x41);
    code.signed(tag);
    code.put(0x10);
    code.u32(this.#savers.functionFor(tag < 0 ? [] : payloadOf(this.#module, tag)));
  }
}

function recordBytes(payload: readonly ValueType[]): number {
  return payload.reduce((sum, type) => sum + SAVED_BYTES.get(type)!, TRAILER_BYTES);
}

/** Pushes the tag of the record on top. */
function writeTag(code: Writer): void {
  writeFramesTop(code);
  code.put(0x41);
  code.signed(TRAILER_BYTES - 4);
  code.put(0x6b);
  writeFrameAccess(code, I32, "load", 0);
}
