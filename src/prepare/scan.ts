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
import { bodyOf, functionType, LIMITS, type Module } from "../wasm/module.ts";
import { SIGNATURES } from "../wasm/opcodes.ts";
import {
  ANYREF,
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
/** The guest is pinned before it, and stays so until it is idle. */
export const EDIT_PIN = 256;

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
/** How deep operands may pile up; far beyond what programs do, and a bound on memory for those that are not programs. */
const OPERANDS_MAX = 1 << 20;

/** In place of a type that follows from more than the opcode; no type is this number. */
const GIVEN = 1;
const LETTERS: Readonly<Record<string, ValueType>> = { i: I32, l: I64, f: F32, d: F64, v: V128, "?": GIVEN };
/** How many operands an instruction pops, or -1 where that depends on more than the opcode; the type that it pushes, or 0. */
const POPS: Int8Array = Int8Array.from(SIGNATURES, (signature) => signature?.indexOf(">") ?? -1);
const PUSHES: Uint8Array = Uint8Array.from(SIGNATURES, (signature) => LETTERS[signature?.at(-1) ?? ""] ?? 0);
/** Instructions that change memory. */
const WRITES: Uint8Array = Uint8Array.from(SIGNATURES, (signature) => (signature?.startsWith("a") ? 1 : 0));

interface OpenFrame extends Frame {
  arm: number;
  /** It was entered by code that can be reached. */
  readonly live: boolean;
  /** What was seen inside (LOOP_…). */
  facts: number;
}

export class FunctionScan {
  readonly module: Module;
  readonly at: Uint32Array;
  readonly op: Uint16Array;
  readonly value: Uint32Array;
  readonly peer: Uint32Array;
  readonly facts: Uint8Array;
  readonly edit: Uint16Array;
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
  groups: Map<number, Results> = new Map();

  #live = true;
  /** What is open, the function itself first, and the last of it. */
  readonly #frames: OpenFrame[] = [];
  #frame!: OpenFrame;
  #watcher: Watcher | undefined;
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
    this.edit = new Uint16Array(capacity);
    this.#reader = new CodeReader(module.bytes, 0, 0);
  }

  /** Begins with a function, whose locals are known from here on. */
  begin(functionIndex: number): void {
    const module = this.module;
    const body = bodyOf(module, functionIndex);
    this.#reader = new CodeReader(module.bytes, body.start, body.end);
    this.functionIndex = functionIndex;
    this.count = 0;
    this.#readLocals(functionType(module, functionIndex));
    this.codeStart = this.#reader.at;
  }

  /** Walks the code of the function begun with. */
  walk(watcher?: Watcher, sites?: SiteWatcher): void {
    const { at, op, value, edit } = this;
    this.#watcher = watcher;
    this.#sites = sites;
    this.groups = new Map();
    const reader = this.#reader;
    this.height = 0;
    this.#live = true;
    const type = functionType(this.module, this.functionIndex);
    this.#frames.length = 0;
    this.#enter({ opener: -1, arm: -1, height: 0, type, live: true, facts: 0 });
    while (this.#frames.length > 0) {
      reader.next();
      const t = this.count++;
      const code = reader.op;
      at[t] = reader.start;
      op[t] = code;
      value[t] = reader.value;
      edit[t] = 0;
      const pops = POPS[code]!;
      if (pops < 0) {
        this.#special(t, code);
      } else if (this.#live) {
        if (WRITES[code] === 1) watcher?.writes(this, t);
        else if (code === 0x501 || code === 0x502) {
          // memory.atomic.wait: a call in all but name.
          edit[t] = EDIT_WAIT;
          sites?.call(this, t, pops);
          this.#note(LOOP_CALL);
          watcher?.barrier();
        }
        if (code === 0x21 || code === 0x22) this.lastSet[reader.value] = t; // local.set, local.tee
        this.#pop(pops);
        const pushes = PUSHES[code]!;
        if (pushes !== 0) this.#push(pushes === GIVEN ? this.#given(code) : pushes, t, 0);
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
    return this.#frames.slice(1).map((frame) => ({ ...frame }));
  }

  /** What has read token `t`, once more. */
  reread(t: number): CodeReader {
    const reader = new CodeReader(this.module.bytes, this.at[t]!, this.at[t + 1]!);
    reader.next();
    return reader;
  }

  #special(t: number, code: number): void {
    const reader = this.#reader;
    switch (code) {
      case 0x02: // block
      case 0x03: // loop
      case 0x04: // if
      case 0x06: // try
      case 0x1f: // try_table
        if (code === 0x04) this.#take(1);
        // Labels count from outside of it.
        if (code === 0x1f) this.#branches();
        this.#open(t, this.#blockType(reader.value));
        if (code === 0x03) {
          this.facts[t] = 0;
          this.#watcher?.barrier();
          if (this.#live) this.#sites?.loop(this, t);
        } else if (code !== 0x02 && code !== 0x04) this.#frame.facts |= LOOP_CATCH;
        return;
      case 0x05: // else
      case 0x07: // catch
      case 0x19: // catch_all
        this.#reopen(t, code);
        this.#watcher?.barrier();
        return;
      case 0x0b: // end
      case 0x18: // delegate
        this.#close(t);
        this.#watcher?.barrier();
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
      case 0x0e: // br_table
        this.#branches();
        this.#live = false;
        return;
      case 0x10: // call
        this.#call(t, this.#signature(this.#at(this.module.functions, reader.value)), 0);
        return;
      case 0x11: // call_indirect
      case 0x14: // call_ref
        this.#call(t, this.#signature(reader.value), 1);
        return;
      case 0x12: // return_call
      case 0x13: // return_call_indirect
      case 0x15: // return_call_ref
        if (this.#live) this.#sites?.call(this, t, 0);
        this.#note(LOOP_CALL);
        this.#live = false;
        return;
      case 0xd6: // br_on_non_null
        if (!this.#live) return;
        this.#branch(reader.value);
        this.#pop(1);
        return;
      case 0x100: // struct.new
      case 0x108: // array.new_fixed
        if (!this.#live) return;
        this.#pop(code === 0x100 ? this.#fields(reader.value).length : reader.second);
        this.#push(reference(false, reader.value), t, 0);
    }
  }

  /** The type that an instruction has just given, where it is more than its opcode that says so. What it popped lies there still. */
  #given(code: number): ValueType {
    const { value, second, type, target } = this.#reader;
    const { tables, globals, functions } = this.module;
    const popped = this.operandType[this.height]!;
    switch (code) {
      case 0x1c: // select with a type
        return type;
      case 0x20: // local.get
      case 0x22: // local.tee
        return this.#at(this.locals, value);
      case 0x23: // global.get
        return this.#at(globals, value).type;
      case 0x25: // table.get
        return this.#at(tables, value);
      case 0xd0: // ref.null
        return reference(true, value);
      case 0xd2: // ref.func
        return reference(false, this.#at(functions, value));
      case 0xd5: // br_on_null
        this.#branch(value);
        return reference(false, heapOf(popped));
      case 0x118: // br_on_cast: what goes on is what was not cast
        this.#branch(second);
        return reference(isNullable(type) && !isNullable(target), heapOf(type));
      case 0x119: // br_on_cast_fail
        this.#branch(second);
        return target;
      case 0xd4: // ref.as_non_null
        return reference(false, heapOf(popped));
      case 0x101: // struct.new_default
      case 0x106: // array.new
      case 0x107: // array.new_default
      case 0x109: // array.new_data
      case 0x10a: // array.new_elem
        return reference(false, value);
      case 0x102: // struct.get
      case 0x103: // struct.get_s
      case 0x104: // struct.get_u
        return this.#at(this.#fields(value), second);
      case 0x10b: // array.get
      case 0x10c: // array.get_s
      case 0x10d: // array.get_u
        return this.#at(this.#fields(value), 0);
      case 0x116: // ref.cast
      case 0x117: // ref.cast_null
        return reference(code === 0x117, value);
      case 0x11a: // any.convert_extern
      case 0x11b: // extern.convert_any
        return reference(isNullable(popped), heapOf(code === 0x11a ? ANYREF : EXTERNREF));
      case 0x11c: // ref.i31
        return reference(false, heapOf(I31REF));
      default: // select
        return popped;
    }
  }

  #fields(typeIndex: number): readonly ValueType[] {
    const type = this.#at(this.module.types, typeIndex);
    return type.kind === "function" ? this.#fail("no such structure or array") : type.fields;
  }

  #call(t: number, type: FunctionType, operands: number): void {
    this.#note(LOOP_CALL);
    if (!this.#live) return;
    this.#watcher?.barrier();
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
    if (this.height < this.#frame.height) this.#fail("operand missing");
  }

  /** Pops where code may be unreachable. */
  #take(count: number): void {
    if (this.#live) this.#pop(count);
  }

  #growOperands(): void {
    if (this.height >= OPERANDS_MAX)
      throw new ModuleUnsupportedError(`an operand stack deeper than ${OPERANDS_MAX}`, this.#reader.start);
    this.operandType = doubled(this.operandType);
    this.operandProducer = doubled(this.operandProducer);
    this.operandAbove = doubled(this.operandAbove);
  }

  // ---- control ----

  #open(opener: number, type: FunctionType): void {
    const live = this.#live;
    if (live) this.#pop(type.params.length);
    this.#enter({ opener, arm: -1, height: this.height, type, live, facts: 0 });
    if (live) this.#pushAll(type.params, opener);
  }

  #enter(frame: OpenFrame): void {
    this.#frame = frame;
    this.#frames.push(frame);
  }

  /** `else`, `catch` and `catch_all`: the second half of a frame. */
  #reopen(t: number, code: number): void {
    const frame = this.#frame;
    const { opener, type } = frame;
    if (this.op[opener] !== (code === 0x05 ? 0x04 : 0x06)) this.#fail("no block that this continues");
    this.peer[t] = opener;
    frame.arm = t;
    this.height = frame.height;
    this.#live = frame.live;
    if (!this.#live) return;
    if (code === 0x05) this.#pushAll(type.params, t);
    else if (code === 0x07) this.#pushAll(this.#signature(this.#at(this.module.tags, this.#reader.value)).params, t);
  }

  #close(t: number): void {
    const { opener, height, type, live, facts } = this.#frames.pop()!;
    this.height = height;
    this.#live = live;
    const around = this.#frames.at(-1);
    if (around === undefined) return;
    this.#frame = around;
    around.facts |= facts & ~LOOP_BACK;
    this.peer[opener] = t;
    this.peer[t] = opener;
    if (this.op[opener] === 0x03) {
      this.facts[opener] = facts;
      if (facts & LOOP_BACK) {
        this.edit[opener]! |= EDIT_LOOP;
        around.facts |= LOOP_LOOP;
      }
    }
    if (live) this.#pushAll(type.results, t);
  }

  /** Something that the loops around want to know of; it travels outwards when frames close. */
  #note(fact: number): void {
    if (this.#live) this.#frame.facts |= fact;
  }

  #branch(label: number): void {
    const frame = this.#frames.at(-1 - label) ?? this.#fail("no such label");
    // Also where code cannot be reached, so that survey.ts, which does not know, agrees on what repeats.
    frame.facts |= LOOP_BACK;
  }

  #branches(): void {
    for (const { label } of this.#reader.labels()) this.#branch(label);
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

  /** A type that is a function's. */
  #signature(typeIndex: number): FunctionType {
    const type = this.#at(this.module.types, typeIndex);
    return type.kind === "function" ? type : this.#fail("type of another kind");
  }

  #fail(message: string): never {
    return this.#reader.fail(message, this.#reader.start);
  }

  #at<T>(all: readonly T[], index: number): T {
    return all[index] ?? this.#fail("index out of range");
  }

  #blockType(value: number): FunctionType {
    if (value >= 0) return this.#signature(value);
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
