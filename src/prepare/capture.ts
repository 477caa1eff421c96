/**
 * Capture: how a guest's stack leaves its thread, and what has to be written into code so that it can.
 *
 * A site is a place where the guest may be stopped in the middle of a function: a poll, or a call from which a poll, a wait or
 * a host function may be reached. When the host wants the stack, it sets the unwinding word of the ledger and returns from the
 * poll. Every frame then finds the guest unwinding, saves itself and returns zeros, up to the host that called the guest:
 *
 *   call $f
 *   global.get $unwinding  if                                                    ;; hinted unlikely
 *     local.get …  i32.const FUNCTION  i32.const SITE  call $save:TYPES          ;; what is needed from here on
 *     i32.const 0 …  return                                                      ;; zeros of the function's result types
 *   end
 *
 * A poll does the same inside its own `if`. Nothing is thrown, so the guest's own handlers see nothing.
 *
 * $unwinding is a global of the image because it is read after every call, and a global takes a load and four bytes less than a
 * word of the ledger. The host sets the word; it becomes the global in $poll, for a poll, and in the frame that called the
 * host, for a host function that is left: these two read the word. The export that saves the globals, which is called when
 * all frames have left, clears it.
 *
 * What is needed at a site: the locals that are live there, and the operands that lie on the stack below the call's arguments,
 * down to the bottom of the function. An operand can only be saved if it has a name, so the instruction that produces it is
 * followed by a local.tee: names cost a move, and put nothing in the way of the call. The name of an operand follows from its
 * height and type. A call of a host function that was left is issued again, so there the arguments are kept too.
 *
 * All of this follows from the original: frames taken under one combination of options go on under another.
 *
 * Functions that cannot be captured are refused by themselves, with the reason: a frame of such a function pins its guest
 * while it calls, by the ledger's pinned word, and the guest parks instead. References are not saved, but for exceptions, see
 * exceptions.ts; a result that has no zero cannot be returned, by a frame or by a host function that is left.
 *
 * A call after which the function has nothing to do but to return what it gave is no site, since no frame is needed: see
 * last-calls.ts. A tail call that may reach a host function becomes a call and a return, since somebody must keep its arguments.
 * Only calls of imports, and tail calls through a table of a type of which an import's address is taken, are concerned. Where a
 * handler would then catch what leaves it by a tail call, the tail call stays one, and the guest is pinned until it is idle.
 */

import { OFF_UNWINDING } from "../abi.ts";
import { bodyOf, functionType, LIMITS, type Module } from "../wasm/module.ts";
import {
  EXNREF,
  F32,
  F64,
  type FunctionType,
  heapOf,
  I32,
  I64,
  isNullable,
  isReference,
  V128,
  type ValueType,
  writeHeapType,
} from "../wasm/types.ts";
import type { Writer } from "../wasm/writer.ts";
import type { Exceptions, Held } from "./exceptions.ts";
import { SAVED_BYTES, SAVED_TYPES, TRAILER_BYTES } from "./frames.ts";
import { type HintWriter, UNLIKELY } from "./hints.ts";
import { lastCalls } from "./last-calls.ts";
import { type Layout, MEMORY_LEDGER } from "./layout.ts";
import { Liveness } from "./liveness.ts";
import type { AddedLocals } from "./locals.ts";
import { writeClosing, writeOpening, writePin, writeUnpin } from "./pins.ts";
import type { Savers } from "./savers.ts";
import {
  EDIT_HOLD,
  EDIT_KEEP,
  EDIT_LOOP,
  EDIT_PIN,
  EDIT_SITE,
  type Frame,
  type FunctionScan,
  type SiteWatcher,
} from "./scan.ts";
import { copiesAt } from "./shared-loops.ts";
import { OP_TRY, OP_TRY_TABLE } from "./survey.ts";
import { AGAIN, type Outcome, RETURNS, SAVES, type Suspension } from "./suspension.ts";

/** The token of a poll at the function's entry. */
export const ENTRY = -1;
/** What a poll has in place of an outcome. */
export const POLL = 4;

const NONE: readonly never[] = [];

/** A class, for the reason that rewrite.ts gives. */
export class Site {
  readonly token: number;
  /** As in the frame. */
  readonly id: number;
  /** Of its call; POLL for a poll. */
  readonly outcome: Outcome | typeof POLL;
  /** Types of the operands that are kept, from the bottom of the function. */
  operands: readonly ValueType[] = NONE;
  /** How many of them are no arguments of the call. */
  pending: number = 0;
  /** Of sites that were asked for: what surrounds them. */
  frames: readonly Frame[] | undefined;
  /** The values of its frame, in the frame's order: the locals that hold them, and their types. */
  savedLocals: readonly number[] = NONE;
  savedTypes: readonly ValueType[] = NONE;
  /** Of its frame. */
  bytes: number = 0;
  /** Exceptions that are needed from here on: held by handlers around it, the innermost first, or by locals. */
  held: readonly Held[] = NONE;
  heldLocals: readonly number[] = NONE;

  constructor({ token, id, outcome }: Pick<Site, "token" | "id" | "outcome">) {
    this.token = token;
    this.id = id;
    this.outcome = outcome;
  }
}

/** An engine takes so many parameters, and a saver has two of its own. */
const SAVED_MAX = 998;
/** Half of what a function may have; the rest is for other passes, and for what only a continuation has. */
const BYTES_MAX: number = LIMITS.functionBytes / 2;
const LOCALS_MAX: number = LIMITS.locals / 2;
/** At most: what a site's values take, each, its zeros, and the rest of it. */
const VALUE_BYTES = 4;
const ZERO_BYTES = 18;
const SITE_BYTES = 32;

/** The label to write for one that is `depth` as seen from the site in the original. */
export type LabelAt = (depth: number) => number;

export class Capture implements SiteWatcher {
  /** Of the present function; why it cannot be captured. */
  refused: string | undefined;
  sites: Site[] = [];
  /** The last token that was seen as a site. */
  lastSite: number = ENTRY - 1;
  readonly suspension: Suspension;
  readonly #module: Module;
  readonly #layout: Layout;
  readonly #locals: AddedLocals;
  readonly #savers: Savers;
  readonly #exceptions: Exceptions | undefined;
  #byToken: Map<number, Site> = new Map();
  /** Of single results that get names, by token. */
  #heights: Map<number, number> = new Map();
  #types: Map<number, ValueType> = new Map();
  #active = false;
  #functionIndex = 0;
  #type!: FunctionType;
  #bodyStart = 0;
  #wanted: ((id: number) => boolean) | undefined;
  #pinnedBefore = -1;
  #heldParams: readonly number[] = [];

  constructor(
    module: Module,
    layout: Layout,
    suspension: Suspension,
    locals: AddedLocals,
    savers: Savers,
    exceptions: Exceptions | undefined,
  ) {
    this.#module = module;
    this.#layout = layout;
    this.suspension = suspension;
    this.#locals = locals;
    this.#savers = savers;
    this.#exceptions = exceptions;
  }

  /** Begins with a function. `wanted` tells the sites whose surroundings will be asked for. */
  begin(functionIndex: number, entryPoll: boolean, wanted?: (id: number) => boolean): void {
    this.#active = this.suspension.functions[functionIndex] === 1;
    this.refused = undefined;
    this.sites = [];
    this.lastSite = ENTRY - 1;
    this.#byToken = new Map();
    this.#heights = new Map();
    this.#types = new Map();
    this.#functionIndex = functionIndex;
    this.#type = functionType(this.#module, functionIndex);
    this.#bodyStart = bodyOf(this.#module, functionIndex).start;
    this.#wanted = wanted;
    this.#pinnedBefore = -1;
    this.#heldParams = [];
    if (entryPoll) this.#meet({ token: ENTRY, id: 0, outcome: POLL }).frames = [];
  }

  // ---- what the scan reports ----

  call(scan: FunctionScan, t: number, operands: number): void {
    if (!this.#active) return;
    const outcome = this.#outcome(scan, t);
    if (outcome === RETURNS) return;
    const tail = isTailCall(scan.op[t]!);
    // A tail call leaves no frame behind, unless it may have to be issued again: then it becomes a call and a return.
    if (tail && outcome === SAVES) return;
    if (tail && isHandled(scan)) scan.edit[t]! |= EDIT_PIN;
    else if (tail) this.#site(scan, t, outcome, 0, this.#argumentCount(scan, t));
    else this.#site(scan, t, outcome, scan.height - operands, operands);
  }

  loop(scan: FunctionScan, t: number): void {
    if (this.#active) this.#site(scan, t, POLL, scan.height, 0);
  }

  #outcome(scan: FunctionScan, t: number): Outcome {
    const index = scan.value[t]!;
    switch (scan.op[t]!) {
      case 0x10: // call
      case 0x12: // return_call
        if (this.suspension.functions[index] !== 1) return RETURNS;
        return index < this.#module.functionsImported ? AGAIN : SAVES;
      case 0x501: // memory.atomic.wait
      case 0x502:
        return (this.#module.memories[0]?.shared ?? false) ? AGAIN : RETURNS;
      default:
        return this.suspension.indirect(index);
    }
  }

  #argumentCount(scan: FunctionScan, t: number): number {
    const index = scan.value[t]!;
    if (scan.op[t] === 0x12) return functionType(this.#module, index).params.length;
    return (this.#module.types[index] as FunctionType).params.length + 1;
  }

  #site(scan: FunctionScan, t: number, outcome: Site["outcome"], pending: number, operands: number): void {
    const { edit, operandProducer, operandType, groups } = scan;
    // Of a tail call only the arguments matter, and they are on top.
    const from = isTailCall(scan.op[t]!) ? scan.height - operands : 0;
    const to = outcome & AGAIN ? scan.height : pending;
    this.lastSite = t;
    const tooMany = to > SAVED_MAX;
    if (tooMany) this.refused = `${to} operands at a call`;
    // What has a name got it at a site where all below it got theirs, and they lie there still.
    for (let i = to - 1; i >= from && !tooMany; i--) {
      const producer = operandProducer[i]!;
      if ((edit[producer]! & EDIT_KEEP) !== 0 && from === 0) break;
      edit[producer]! |= EDIT_KEEP;
      if (groups.has(producer)) continue;
      this.#heights.set(producer, i);
      this.#types.set(producer, operandType[i]!);
    }
    const id = scan.at[t]! - this.#bodyStart;
    const site = this.#meet({ token: t, id, outcome });
    if (!tooMany) site.operands = Array.from(operandType.subarray(0, to));
    site.pending = from > 0 ? from : pending;
    if (this.#wanted?.(id)) site.frames = scan.frames();
  }

  #meet(met: Pick<Site, "token" | "id" | "outcome">): Site {
    const site = new Site(met);
    this.sites.push(site);
    return site;
  }

  /** After the walk: what each site needs, or why the function is refused. */
  finish(scan: FunctionScan): void {
    if (!this.#active) return;
    const { op, edit } = scan;
    this.#leaveOut(scan);
    for (const site of this.sites) {
      this.#byToken.set(site.token, site);
      if (site.token >= 0 && site.outcome !== POLL) edit[site.token]! |= EDIT_SITE;
    }
    this.refused = this.sites.length === 0 ? undefined : (this.refused ?? this.#refusal(scan));
    if (this.sites.length === 0) return;
    if (this.refused !== undefined) return;
    const tokens = this.sites.map(({ token }) => token);
    const liveness = Liveness.of(scan, tokens);
    const held = this.#exceptions === undefined ? [] : this.#exceptions.heldAt(scan, tokens);
    if (liveness === undefined || held === undefined) {
      this.refused = liveness === undefined ? "too many locals and calls" : "too many handlers and calls";
      return;
    }
    const { start, end } = bodyOf(this.#module, this.#functionIndex);
    const { results } = this.#type;
    const copies = copiesAt(scan, tokens);
    let byteCount = end - start;
    for (const [i, site] of this.sites.entries()) {
      const tail = isTailCall(op[site.token] ?? 0);
      const locals = liveness.at(i);
      const types = locals.map((local) => scan.locals[local]!);
      for (const [height, type] of site.operands.entries()) {
        if (isReference(type) && !this.#isHeld(type)) this.refused = "a reference on the stack across a call";
        else if (!tail || height >= site.pending) {
          locals.push(this.#locals.nameAt(height, type));
          types.push(type);
        }
      }
      if (types.some((type) => isReference(type) && !this.#isHeld(type)))
        this.refused ??= "a reference that is needed after a call";
      if (types.length > SAVED_MAX) this.refused ??= `${types.length} values needed after a call`;
      if (this.refused !== undefined) return;
      const order = frameOrder(types);
      site.savedLocals = order.map((value) => locals[value]!);
      site.savedTypes = order.map((value) => types[value]!);
      site.bytes = site.savedTypes.reduce((sum, type) => sum + SAVED_BYTES.get(type)!, TRAILER_BYTES);
      // A tail call leaves the handlers around it.
      if (!tail) site.held = held[i] ?? [];
      site.heldLocals = locals.filter((_, value) => this.#isHeld(types[value]!));
      const heldBytes = 2 * (site.held.length + site.heldLocals.length) * (this.#exceptions?.bytes ?? 0);
      byteCount += copies[i]! * (VALUE_BYTES * order.length + ZERO_BYTES * results.length + SITE_BYTES + heldBytes);
    }
    if (byteCount > BYTES_MAX) this.refused = "so much that is needed after so many calls";
    else this.#markHolds(scan);
  }

  #isHeld(type: ValueType): boolean {
    return type === EXNREF && this.#exceptions?.areValues === true;
  }

  /** Where an exception begins to be held that some site needs. */
  #markHolds({ op, value, count, edit, locals }: FunctionScan): void {
    const held = new Set<number>();
    for (const site of this.sites) {
      for (const { arm } of site.held) edit[arm]! |= EDIT_HOLD;
      for (const local of site.heldLocals) if (local < locals.length) held.add(local);
    }
    if (held.size === 0) return;
    for (let t = 0; t < count; t++)
      if ((op[t] === 0x21 || op[t] === 0x22) && held.has(value[t]!)) edit[t]! |= EDIT_HOLD;
    const { params } = this.#type;
    this.#heldParams = [...held].filter((local) => local < params.length);
  }

  /** Sites that turn out to be none: loops that nothing repeats, and calls after which no frame is needed. */
  #leaveOut(scan: FunctionScan): void {
    const { op, edit } = scan;
    const { results } = this.#type;
    const last = lastCalls(scan, results);
    this.sites = this.sites.filter(({ token, outcome }) => {
      if (token < 0) return true;
      if (op[token] === 0x03) return (edit[token]! & EDIT_LOOP) !== 0;
      return outcome !== SAVES || !last.has(token) || !sameTypes(resultsAt(this.#module, scan, token), results);
    });
  }

  #refusal(scan: FunctionScan): string | undefined {
    const { results } = this.#type;
    const nonNullable = (type: ValueType) => isReference(type) && !isNullable(type);
    if (results.some(nonNullable)) return "a result that cannot be null";
    if (scan.locals.some(nonNullable)) return "a local that cannot be null";
    if (scan.locals.length > LOCALS_MAX) return `${scan.locals.length} locals`;
    for (const { token, outcome } of this.sites) {
      // A host function that is left answers with a zero.
      if (outcome & AGAIN && resultsAt(this.#module, scan, token).some(nonNullable))
        return "a host function's result that cannot be null";
    }
    const { op, count } = scan;
    for (let t = 0; t < count; t++) {
      if (op[t] === 0x109 || op[t] === 0x10a || op[t] === 0x112 || op[t] === 0x113) return "an array made of a segment";
    }
    return undefined;
  }

  // ---- what the rewriter writes ----

  /** The site at a token that is still wanted, undefined in a function that is refused. */
  siteAt(token: number): Site | undefined {
    return this.refused === undefined ? this.#byToken.get(token) : undefined;
  }

  /** After a token with EDIT_KEEP: names for its results. */
  writeNames(code: Writer, scan: FunctionScan, t: number): void {
    const group = scan.groups.get(t);
    if (group === undefined) {
      const type = this.#types.get(t)!;
      const name = this.#locals.nameAt(this.#heights.get(t)!, type);
      code.put(0x22);
      code.u32(name);
      if (this.#isHeld(type)) this.#exceptions!.writeHoldLocal(code, name);
      return;
    }
    const names = group.types.map((type, i) => this.#locals.nameAt(group.height + i, type));
    for (const name of names.toReversed()) {
      code.put(0x21);
      code.u32(name);
    }
    for (const [i, name] of names.entries()) {
      code.put(0x20);
      code.u32(name);
      if (this.#isHeld(group.types[i]!)) this.#exceptions!.writeHoldLocal(code, name);
    }
  }

  /** At the beginning of a function: what holds from there on. */
  writeEntry(code: Writer): void {
    for (const local of this.#heldParams) this.#exceptions!.writeHoldLocal(code, local);
  }

  /** After a token with EDIT_HOLD. */
  writeHold(code: Writer, scan: FunctionScan, t: number): void {
    if (scan.op[t] === 0x21 || scan.op[t] === 0x22) this.#exceptions!.writeHoldLocal(code, scan.value[t]!);
    else this.#exceptions!.writeHold(code, scan, t);
  }

  /** Where the function may have been left: saves its frame if the guest is unwinding. `label` is as for writeFrame(). */
  writeCheck(
    code: Writer,
    scan: FunctionScan,
    hints: HintWriter,
    { site, label }: { site: Site; label: LabelAt },
  ): void {
    // The word of the ledger where it may be a host function that was left.
    const left = site.outcome & AGAIN;
    if (left) writeUnwindingWord(code);
    else {
      code.put(0x23);
      code.u32(this.#layout.unwinding);
    }
    hints.add(code.length, UNLIKELY);
    code.put(0x04, 0x40);
    if (left) {
      code.put(0x41, 1, 0x24);
      code.u32(this.#layout.unwinding);
    }
    this.writeFrame(code, scan, { site, label: (depth) => label(depth) + 1 });
    for (const type of this.#type.results) writeZero(code, type);
    code.put(0x0f, 0x0b);
  }

  /** Saves the frame as it is at a site, and under it the exceptions that it needs. `label` finds a handler from here. */
  writeFrame(code: Writer, scan: FunctionScan, { site, label }: { site: Site; label: LabelAt }): void {
    for (const { arm, depth } of site.held) this.#exceptions!.writeKept(code, scan, arm, label(depth));
    for (const local of site.heldLocals) this.#exceptions!.writeKeptLocal(code, local);
    for (const local of site.savedLocals) {
      code.put(0x20);
      code.u32(local);
    }
    code.put(0x41);
    code.signed(this.#functionIndex);
    code.put(0x41);
    code.signed(site.id);
    code.put(0x10);
    code.u32(this.#savers.functionFor(site.savedTypes));
  }

  /** Around the body of a function that is refused. Gives how many constructs now surround it. */
  writeOpening(code: Writer): number {
    this.#pinnedBefore = this.#locals.add(I32);
    return writeOpening(code, this.#pinnedBefore, this.suspension.handlers);
  }

  writeClosing(code: Writer): void {
    writeClosing(code, this.#pinnedBefore, this.suspension.handlers);
  }

  /** Around a call or a poll of a function that is refused: pins the guest, `after` it as it was. */
  writePin(code: Writer, after: boolean): void {
    if (after) writeUnpin(code, this.#pinnedBefore);
    else writePin(code);
  }

  /** In a continuation: opens a handler with what it held. */
  writeHandler(code: Writer, blockType: () => void): void {
    this.#exceptions!.writeHandler(code, blockType);
  }

  /** In a continuation, once its frame is off: takes what its locals held off as well. */
  writeHeldLocals(code: Writer, { heldLocals }: Site): void {
    for (const local of heldLocals.toReversed()) this.#exceptions!.writeRestoredLocal(code, local);
  }

  get isRefused(): boolean {
    return this.refused !== undefined;
  }
}

/** Pushes what the host says. */
export function writeUnwindingWord(code: Writer): void {
  code.put(0x41, 0, 0x28, 0x42, MEMORY_LEDGER);
  code.u32(OFF_UNWINDING);
}

/** Whether exceptions of a call at the present instruction would be caught in its own function. */
function isHandled(scan: FunctionScan): boolean {
  return scan.frames().some(({ opener, arm }) => {
    const op = scan.op[opener];
    return (op === OP_TRY || op === OP_TRY_TABLE) && arm < 0;
  });
}

export function isTailCall(op: number): boolean {
  return op === 0x12 || op === 0x13 || op === 0x15;
}

/** What the call or the wait at a token gives. */
export function resultsAt(module: Module, { op, value }: FunctionScan, token: number): readonly ValueType[] {
  const index = value[token]!;
  if (op[token] === 0x10 || op[token] === 0x12) return functionType(module, index).results;
  if (op[token]! >= 0x500) return [I32];
  return (module.types[index] as FunctionType).results;
}

/** Of values with these types: where those that can be saved are, in the order of a frame. */
function frameOrder(types: readonly ValueType[]): number[] {
  const order: number[] = [];
  for (const [type] of SAVED_TYPES) {
    for (let i = 0; i < types.length; i++) if (types[i] === type) order.push(i);
  }
  return order;
}

function sameTypes(some: readonly ValueType[], others: readonly ValueType[]): boolean {
  return some.length === others.length && some.every((type, i) => type === others[i]);
}

function writeZero(code: Writer, type: ValueType): void {
  switch (type) {
    case I32:
      code.put(0x41, 0);
      break;
    case I64:
      code.put(0x42, 0);
      break;
    case F32:
      code.put(0x43, 0, 0, 0, 0);
      break;
    case F64:
      code.put(0x44, 0, 0, 0, 0, 0, 0, 0, 0);
      break;
    case V128:
      code.put(0xfd, 0x0c, ...new Array<number>(16).fill(0));
      break;
    default:
      code.put(0xd0);
      writeHeapType(code, heapOf(type));
  }
}
