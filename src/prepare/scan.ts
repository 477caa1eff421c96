/**
 * Walks one function body with the operand stack's types known, and writes down what the passes need.
 *
 * The body becomes tokens, one for each instruction, in flat arrays that are used again for every function. Beside them runs
 * the validation algorithm of the specification, for code that is already known to be valid: an operand is its type, the
 * token that produced it, and how many results of that token lie above it; a control frame is where it began, how high the
 * operands were, and what was seen inside. Code that cannot be reached is tokens without operands.
 *
 *   at[t]      where instruction t begins; at[count] is the end of the body
 *   op[t]      dense opcode                        value[t]   first immediate, see CodeReader
 *   peer[t]    of a block, loop, if, try, try_table: the token that ends it; of that and of what is between: the opener
 *   facts[t]   of a loop: what is inside (LOOP_…)
 *   edit[t]    what passes will do here (EDIT_…); 0 for most, so that the rewriter can pass over them
 *
 * A pass that must decide during the walk is a Watcher. It sees an instruction before its operands are popped.
 *
 * The work is linear in the body, whatever its shape: interpreters have functions of a megabyte.
 */

import { ModuleUnsupportedError } from "../errors.ts";
import { CodeReader } from "../wasm/code.ts";
import { functionType, LIMITS, type Module } from "../wasm/module.ts";
import { SIGNATURES } from "../wasm/opcodes.ts";
import {
  ANYREF,
  type Definition,
  EMPTY,
  EXTERNREF,
  F32,
  F64,
  type FunctionType,
  heapOf,
  I31REF,
  I32,
  I64,
  isNullable,
  readValueType,
  reference,
  V128,
  type ValueType,
} from "../wasm/types.ts";

/** Some branch goes back to its header. A loop without is a block. */
export const LOOP_BACK = 1;
/** It calls, or waits. */
export const LOOP_CALL = 2;
/** Another loop with a way back is inside. */
export const LOOP_LOOP = 4;
/** It catches exceptions, so labels sit in more places than branches. */
export const LOOP_CATCH = 8;

/** A loop to be polled. */
export const EDIT_LOOP = 1;
/** Its result gets a name: a local that keeps it. */
export const EDIT_NAME = 2;
/** It changes memory, and a mark follows it. */
export const EDIT_MARK = 4;
/** It waits on memory, and something else takes its place. */
export const EDIT_WAIT = 8;
/** The original has a branch hint for it. */
export const EDIT_HINT = 16;
/** Control may leave the function here and come back in another instance. */
export const EDIT_SITE = 32;
/** Its results are pending at a site, and each has a name. */
export const EDIT_KEEP = 64;
/** Behind it an exception is held that a site needs. */
export const EDIT_HOLD = 128;

export interface Watcher {
  /** Instruction `t` changes memory, by a store or by a bulk operation; its operands are still on the stack. */
  writes(scan: FunctionScan, t: number): void;
  /** Here control may arrive from elsewhere, or the guest may be frozen: nothing learned before holds any more. */
  barrier(): void;
}

/** A pass that must know what is on the operand stack wherever the guest may be frozen. */
export interface SiteWatcher {
  /** Before a call or a wait that will pop `operands`; a callee's own index, if it is on the stack, is one of them. */
  call(scan: FunctionScan, t: number, operands: number): void;
  /** Behind the header of a loop, which may turn out to repeat or not. */
  loop(scan: FunctionScan, t: number): void;
}

/** A control construct around the present instruction. */
export interface Frame {
  readonly opener: number;
  /** The `else` or `catch` since which its second half is walked; -1 in its first. */
  readonly arm: number;
  /** How many operands lie below it and its parameters. */
  readonly height: number;
  readonly type: FunctionType;
}

/** The results of an instruction that has several. */
export interface Results {
  readonly types: readonly ValueType[];
  /** Where on the stack the first one is. */
  readonly height: number;
}

const NO_TYPE: FunctionType = { kind: "function", params: [], results: [] };
const LETTERS: Readonly<Record<string, ValueType>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };
/** How deep operands may pile up; far beyond what programs do, and a bound on memory for those that are not programs. */
const OPERANDS_MAX = 1 << 20;

/** Of instructions with a fixed signature: how many operands they pop, and the type they push or 0. */
const POPS: Int8Array = Int8Array.from(SIGNATURES, (signature) => signature?.indexOf(">") ?? -1);
const PUSHES: Uint8Array = Uint8Array.from(SIGNATURES, (signature) => LETTERS[signature?.at(-1) ?? ""] ?? 0);
/** Instructions that change memory. */
const WRITES: Uint8Array = Uint8Array.from(SIGNATURES, (signature) => (signature?.startsWith("a") ? 1 : 0));

/** Frame flags above the LOOP_ bits: it was entered by code that can be reached. */
const FRAME_LIVE = 128;

export class FunctionScan {
  readonly module: Module;
  readonly at: Uint32Array;
  readonly op: Uint16Array;
  readonly value: Uint32Array;
  readonly peer: Uint32Array;
  readonly facts: Uint8Array;
  readonly edit: Uint8Array;
  count: number = 0;

  functionIndex: number = 0;
  /** Types of parameters and declared locals. */
  locals: ValueType[] = [];
  /** Where the declarations of locals end and code begins. */
  codeStart: number = 0;
  /** Of each local, the token that set it last, in the order of the text; -1 for none. */
  lastSet: Int32Array = new Int32Array(64);

  height: number = 0;
  operandType: Int32Array = new Int32Array(256);
  operandProducer: Int32Array = new Int32Array(256);
  operandAbove: Int32Array = new Int32Array(256);
  /** By token, of those that produce more than one operand. */
  readonly groups: Map<number, Results> = new Map();

  #live = true;
  #depth = 0;
  #frameToken: Int32Array = new Int32Array(64);
  #frameHeight: Int32Array = new Int32Array(64);
  #frameType: FunctionType[] = [];
  #frameFlags: Uint8Array = new Uint8Array(64);
  #frameArm: Int32Array = new Int32Array(64);
  #sites: SiteWatcher | undefined;
  #reader: CodeReader;
  #simpleTypes: Map<ValueType, FunctionType> = new Map([[EMPTY, NO_TYPE]]);

  /** `bodyBytesMax` is the size of the largest body that will be scanned. */
  constructor(module: Module, bodyBytesMax: number) {
    this.module = module;
    const capacity = bodyBytesMax + 2;
    this.at = new Uint32Array(capacity);
    this.op = new Uint16Array(capacity);
    this.value = new Uint32Array(capacity);
    this.peer = new Uint32Array(capacity);
    this.facts = new Uint8Array(capacity);
    this.edit = new Uint8Array(capacity);
    this.#reader = new CodeReader(module.bytes, 0, 0);
  }

  /** Begins with a function, whose locals are known from here on. */
  begin(functionIndex: number): void {
    const module = this.module;
    const body = module.bodies[functionIndex - module.functionsImported]!;
    this.#reader = new CodeReader(module.bytes, body.start, body.end);
    this.functionIndex = functionIndex;
    this.count = 0;
    this.#readLocals(functionType(module, functionIndex));
    this.codeStart = this.#reader.at;
  }

  /** Walks the code of the function begun with. */
  walk(watcher?: Watcher, sites?: SiteWatcher): void {
    const { at, op, value, edit } = this;
    this.#sites = sites;
    this.groups.clear();
    const reader = this.#reader;
    this.height = 0;
    this.#live = true;
    this.#depth = 0;
    this.#open(-1, functionType(this.module, this.functionIndex));
    while (this.#depth > 0) {
      reader.next();
      const t = this.count++;
      const code = reader.op;
      at[t] = reader.start;
      op[t] = code;
      value[t] = reader.value;
      edit[t] = 0;
      const pops = POPS[code]!;
      if (pops < 0) {
        this.#special(t, code, watcher);
      } else if (this.#live) {
        if (WRITES[code] === 1) watcher?.writes(this, t);
        else if (code === 0x501 || code === 0x502) {
          // memory.atomic.wait: a call in all but name.
          edit[t] = EDIT_WAIT;
          sites?.call(this, t, pops);
          this.#note(LOOP_CALL);
          watcher?.barrier();
        }
        this.#pop(pops);
        if (PUSHES[code] !== 0) this.#push(PUSHES[code]!, t, 0);
      }
    }
    at[this.count] = reader.at;
    if (!reader.done) reader.fail("code after the end of a function");
  }

  /** The token that produced the operand `depth` below the top, if it is that token's only or last result; else -1. */
  producer(depth: number): number {
    const i = this.height - 1 - depth;
    return this.operandAbove[i] === 0 ? this.operandProducer[i]! : -1;
  }

  /** What surrounds the present instruction, the outermost first, without the function itself. */
  frames(): Frame[] {
    return Array.from({ length: this.#depth - 1 }, (_, i) => ({
      opener: this.#frameToken[i + 1]!,
      arm: this.#frameArm[i + 1]!,
      height: this.#frameHeight[i + 1]!,
      type: this.#frameType[i + 1]!,
    }));
  }

  #special(t: number, code: number, watcher: Watcher | undefined): void {
    const reader = this.#reader;
    switch (code) {
      case 0x02: // block
      case 0x03: // loop
      case 0x04: // if
      case 0x06: // try
      case 0x1f: // try_table
        if (code === 0x04) this.#take(1);
        if (code === 0x1f) this.#catches();
        this.#open(t, this.#blockType(reader.value));
        if (code === 0x03) {
          this.facts[t] = 0;
          watcher?.barrier();
          if (this.#live) this.#sites?.loop(this, t);
        } else if (code !== 0x02 && code !== 0x04) this.#frameFlags[this.#depth - 1]! |= LOOP_CATCH;
        return;
      case 0x05: // else
      case 0x07: // catch
      case 0x19: // catch_all
        this.#reopen(t, code);
        watcher?.barrier();
        return;
      case 0x0b: // end
      case 0x18: // delegate
        this.#close(t);
        watcher?.barrier();
        return;
      case 0x00: // unreachable
      case 0x08: // throw
      case 0x09: // rethrow
      case 0x0a: // throw_ref
      case 0x0f: // return
        this.#live = false;
        return;
      case 0x0c: // br
        this.#branch(reader.value);
        this.#live = false;
        return;
      case 0x0d: // br_if
        this.#take(1);
        this.#branch(reader.value);
        return;
      case 0x0e: {
        // br_table
        const labels = new CodeReader(reader.bytes, reader.vectorAt, reader.at);
        while (!labels.done) this.#branch(labels.u32());
        this.#live = false;
        return;
      }
      case 0x10: // call
        this.#call(t, this.#functionType(reader.value), 0, watcher);
        return;
      case 0x11: // call_indirect
      case 0x14: // call_ref
        this.#call(t, this.#definition(reader.value, "function") as FunctionType, 1, watcher);
        return;
      case 0x12: // return_call
      case 0x13: // return_call_indirect
      case 0x15: // return_call_ref
        if (this.#live) this.#sites?.call(this, t, 0);
        this.#note(LOOP_CALL);
        this.#live = false;
        return;
    }
    if (this.#live) this.#value(t, code);
  }

  /** Instructions that only move values, but whose types depend on more than the opcode. */
  #value(t: number, code: number): void {
    const reader = this.#reader;
    switch (code) {
      case 0x1a: // drop
      case 0x24: // global.set
        this.#pop(1);
        return;
      case 0x1b: // select
        this.#pop(2);
        this.#again(t, this.#top());
        return;
      case 0x1c: // select with a type
        this.#pop(2);
        this.#again(t, reader.type);
        return;
      case 0x20: // local.get
        this.#push(this.#local(reader.value), t, 0);
        return;
      case 0x21: // local.set
        this.#local(reader.value);
        this.lastSet[reader.value] = t;
        this.#pop(1);
        return;
      case 0x22: // local.tee
        this.lastSet[reader.value] = t;
        this.#again(t, this.#local(reader.value));
        return;
      case 0x23: // global.get
        this.#push(this.#at(this.module.globals, reader.value).type, t, 0);
        return;
      case 0x25: // table.get
        this.#again(t, this.#at(this.module.tables, reader.value));
        return;
      case 0x26: // table.set
        this.#pop(2);
        return;
      case 0xd0: // ref.null
        this.#push(reference(true, reader.value), t, 0);
        return;
      case 0xd2: // ref.func
        this.#push(reference(false, this.#at(this.module.functions, reader.value)), t, 0);
        return;
      case 0xd4: // ref.as_non_null
        this.#again(t, reference(false, heapOf(this.#top())));
        return;
      case 0xd5: // br_on_null
        this.#branch(reader.value);
        this.#again(t, reference(false, heapOf(this.#top())));
        return;
      case 0xd6: // br_on_non_null
        this.#branch(reader.value);
        this.#pop(1);
        return;
      case 0x118: {
        // br_on_cast: what goes on is what was not cast
        this.#branch(reader.second);
        this.#again(t, reference(isNullable(reader.type) && !isNullable(reader.target), heapOf(reader.type)));
        return;
      }
      case 0x119: // br_on_cast_fail
        this.#branch(reader.second);
        this.#again(t, reader.target);
        return;
      case 0x116: // ref.cast
      case 0x117: // ref.cast_null
        this.#again(t, reference(code === 0x117, reader.value));
        return;
      case 0x11a: // any.convert_extern
      case 0x11b: // extern.convert_any
        this.#again(t, reference(isNullable(this.#top()), heapOf(code === 0x11a ? ANYREF : EXTERNREF)));
        return;
      case 0x11c: // ref.i31
        this.#again(t, reference(false, heapOf(I31REF)));
        return;
      default:
        this.#aggregate(t, code);
        return;
    }
  }

  /** Structures and arrays. */
  #aggregate(t: number, code: number): void {
    const { value: index, second } = this.#reader;
    const made = reference(false, index);
    const fields = this.#at(this.module.types, index) as { fields?: readonly ValueType[] };
    const types = fields.fields ?? this.#reader.fail("no such structure or array");
    switch (code) {
      case 0x100: // struct.new
        this.#pop(types.length);
        this.#push(made, t, 0);
        return;
      case 0x101: // struct.new_default
        this.#push(made, t, 0);
        return;
      case 0x102: // struct.get
      case 0x103: // struct.get_s
      case 0x104: // struct.get_u
        this.#again(t, this.#at(types, second));
        return;
      case 0x105: // struct.set
        this.#pop(2);
        return;
      case 0x106: // array.new
      case 0x109: // array.new_data
      case 0x10a: // array.new_elem
        this.#pop(1);
        this.#again(t, made);
        return;
      case 0x107: // array.new_default
        this.#again(t, made);
        return;
      case 0x108: // array.new_fixed
        this.#pop(second);
        this.#push(made, t, 0);
        return;
      case 0x10b: // array.get
      case 0x10c: // array.get_s
      case 0x10d: // array.get_u
        this.#pop(1);
        this.#again(t, types[0]!);
        return;
      case 0x10e: // array.set
        this.#pop(3);
        return;
      case 0x110: // array.fill
        this.#pop(4);
        return;
      default:
        throw new Error(`instruction ${code} has no rule`);
    }
  }

  #call(t: number, type: FunctionType, operands: number, watcher: Watcher | undefined): void {
    this.#note(LOOP_CALL);
    if (!this.#live) return;
    watcher?.barrier();
    this.#sites?.call(this, t, operands + type.params.length);
    this.#pop(operands + type.params.length);
    this.#pushAll(type.results, t);
  }

  // ---- operands ----

  #push(type: ValueType, producer: number, above: number): void {
    if (this.height === this.operandType.length) this.#growOperands();
    const i = this.height++;
    this.operandType[i] = type;
    this.operandProducer[i] = producer;
    this.operandAbove[i] = above;
  }

  #pushAll(types: readonly ValueType[], producer: number): void {
    if (types.length > 1) this.groups.set(producer, { types, height: this.height });
    for (let i = 0; i < types.length; i++) this.#push(types[i]!, producer, types.length - 1 - i);
  }

  #pop(count: number): void {
    this.height -= count;
    if (this.height < this.#frameHeight[this.#depth - 1]!) this.#reader.fail("operand missing", this.#reader.start);
  }

  /** Pops where code may be unreachable. */
  #take(count: number): void {
    if (this.#live) this.#pop(count);
  }

  #top(): ValueType {
    if (this.height <= this.#frameHeight[this.#depth - 1]!) this.#reader.fail("operand missing", this.#reader.start);
    return this.operandType[this.height - 1]!;
  }

  /** Pops one and pushes another. */
  #again(t: number, type: ValueType): void {
    this.#pop(1);
    this.#push(type, t, 0);
  }

  #growOperands(): void {
    if (this.height >= OPERANDS_MAX)
      throw new ModuleUnsupportedError(`an operand stack deeper than ${OPERANDS_MAX}`, this.#reader.start);
    this.operandType = doubled(this.operandType);
    this.operandProducer = doubled(this.operandProducer);
    this.operandAbove = doubled(this.operandAbove);
  }

  // ---- control ----

  #open(token: number, type: FunctionType): void {
    const d = this.#depth++;
    if (d === this.#frameToken.length) {
      this.#frameToken = doubled(this.#frameToken);
      this.#frameHeight = doubled(this.#frameHeight);
      const flags = new Uint8Array(2 * d);
      flags.set(this.#frameFlags);
      this.#frameFlags = flags;
      this.#frameArm = doubled(this.#frameArm);
    }
    const params = token < 0 ? 0 : type.params.length;
    if (this.#live && d > 0) this.#popFrom(d - 1, params);
    this.#frameToken[d] = token;
    this.#frameArm[d] = -1;
    this.#frameHeight[d] = this.height;
    this.#frameType[d] = type;
    this.#frameFlags[d] = this.#live ? FRAME_LIVE : 0;
    if (this.#live && params > 0) this.#pushAll(type.params, token);
  }

  #popFrom(frame: number, count: number): void {
    this.height -= count;
    if (this.height < this.#frameHeight[frame]!) this.#reader.fail("operand missing", this.#reader.start);
  }

  /** `else`, `catch` and `catch_all`: the second half of a frame. */
  #reopen(t: number, code: number): void {
    const d = this.#depth - 1;
    const opener = this.#frameToken[d]!;
    const kind = opener < 0 ? 0 : this.op[opener]!;
    if (kind !== (code === 0x05 ? 0x04 : 0x06)) this.#reader.fail("no block that this continues", this.#reader.start);
    this.peer[t] = opener;
    this.#frameArm[d] = t;
    this.height = this.#frameHeight[d]!;
    this.#live = (this.#frameFlags[d]! & FRAME_LIVE) !== 0;
    if (!this.#live) return;
    if (code === 0x05) this.#pushAll(this.#frameType[d]!.params, t);
    else if (code === 0x07)
      this.#pushAll(
        (this.#definition(this.#at(this.module.tags, this.#reader.value), "function") as FunctionType).params,
        t,
      );
  }

  #close(t: number): void {
    const d = --this.#depth;
    const opener = this.#frameToken[d]!;
    const flags = this.#frameFlags[d]!;
    this.height = this.#frameHeight[d]!;
    this.#live = (flags & FRAME_LIVE) !== 0;
    if (opener < 0) return;
    let inside = flags & (LOOP_CALL | LOOP_LOOP | LOOP_CATCH);
    this.peer[opener] = t;
    this.peer[t] = opener;
    if (this.op[opener] === 0x03) {
      this.facts[opener] = flags & ~FRAME_LIVE;
      if (flags & LOOP_BACK) {
        this.edit[opener]! |= EDIT_LOOP;
        inside |= LOOP_LOOP;
      }
    }
    this.#frameFlags[d - 1]! |= inside;
    if (this.#live) this.#pushAll(this.#frameType[d]!.results, t);
  }

  /** Something that the loops around want to know of; it travels outwards when frames close. */
  #note(fact: number): void {
    if (this.#live) this.#frameFlags[this.#depth - 1]! |= fact;
  }

  #branch(label: number): void {
    const d = this.#depth - 1 - label;
    if (d < 0) this.#reader.fail("no such label", this.#reader.start);
    // Also where code cannot be reached, so that survey.ts, which does not know, agrees on what repeats.
    this.#frameFlags[d]! |= LOOP_BACK;
  }

  /** The clauses of try_table. Their labels count from outside of it, so this comes before it opens. */
  #catches(): void {
    const clauses = new CodeReader(this.#reader.bytes, this.#reader.vectorAt, this.#reader.at);
    while (!clauses.done) this.#branch(clauses.catchLabel());
  }

  // ---- declarations ----

  #readLocals({ params }: FunctionType): void {
    const reader = this.#reader;
    this.locals = [...params];
    for (let groups = reader.count(); groups > 0; groups--) {
      const at = reader.at;
      const count = reader.u32();
      if (this.locals.length + count > LIMITS.locals) reader.fail("too many locals", at);
      const type = readValueType(reader);
      for (let i = 0; i < count; i++) this.locals.push(type);
    }
    while (this.lastSet.length < this.locals.length) this.lastSet = doubled(this.lastSet);
    this.lastSet.fill(-1, 0, this.locals.length);
  }

  #local(index: number): ValueType {
    return this.#at(this.locals, index);
  }

  #functionType(index: number): FunctionType {
    this.#at(this.module.functions, index);
    return functionType(this.module, index);
  }

  #definition(index: number, kind: Definition["kind"]): Definition {
    const definition = this.#at(this.module.types, index);
    return definition.kind === kind ? definition : this.#reader.fail("type of another kind", this.#reader.start);
  }

  #at<T>(all: readonly T[], index: number): T {
    return all[index] ?? this.#reader.fail("index out of range", this.#reader.start);
  }

  #blockType(value: number): FunctionType {
    if (value >= 0) return this.#definition(value, "function") as FunctionType;
    const result = -1 - value;
    let type = this.#simpleTypes.get(result);
    if (type === undefined) {
      type = { kind: "function", params: [], results: [result] };
      this.#simpleTypes.set(result, type);
    }
    return type;
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
