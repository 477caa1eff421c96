/**
 * Marks: after each store, the byte of its page in the dirty map is set.
 *
 *   store                                                   ;; address and value as in the original
 *   i32.store8 $ledger offset=OFF_DIRTY_MAP ((base + group) >>> pageShift) 1
 *
 * It comes after the store, so a store that traps marks nothing, and one that did not trap has base + offset below 4 GiB:
 * the sum cannot wrap. It is blind, because asking before setting costs more than setting wherever it was measured but in
 * dense loops.
 *
 * The page marked is that of base + group, where group is the offset without its low eight bits. The bytes written lie in
 * that page or in the DIRTY_SLACK_BYTES that follow it; a dirty page is defined to cover these. So stores with the same base
 * and the same group need one mark between them, in code that runs in a straight line: a label, a loop header, a call or a
 * poll ends that, since a frozen guest's map may be cleared.
 *
 * The base must still be there after the store. A local that was read and not set since is; otherwise the token that produced
 * the address gets a name, a local that keeps it (local.tee). Where it has none to give (results of a block with several, say)
 * the operands are taken off and put back. Constant addresses are worked out here.
 *
 * memory.fill, copy and init mark a range by calling $markRange(first, count).
 */

import { OFF_DIRTY_MAP } from "../abi.ts";
import { opens, SIGNATURES } from "../wasm/opcodes.ts";
import type { Writer } from "../wasm/writer.ts";
import type { Capture } from "./capture.ts";
import { type Layout, MEMORY_LEDGER } from "./layout.ts";
import type { AddedLocals } from "./locals.ts";
import type { Options } from "./options.ts";
import { EDIT_MARK, EDIT_NAME, type FunctionScan, type Watcher } from "./scan.ts";

/** The low bits of an offset that a mark ignores: 256 bytes, and 16 for the widest store, are the slack of a dirty page. */
const GROUP_BYTES = 256;
/** A bulk operation of so few bytes is marked like a store: it ends within the slack. */
const BULK_AS_STORE_MAX = GROUP_BYTES;

const OP_LOCAL_GET = 0x20;
const OP_LOCAL_TEE = 0x22;
const OP_I32_CONST = 0x41;
const isBulk = (op: number): boolean => op >= 0x208 && op <= 0x20b;

/** Where a base or a count is: the local that it is in, or -1 - its value where that is known. */
type Place = number;

interface Mark {
  readonly base: Place;
  /** Of a bulk operation that is marked as a range. */
  readonly byteCount: Place | undefined;
  /** Locals that take the operands off before the instruction, topmost first, the address last. */
  readonly lifted: readonly number[];
  /** A local that takes a copy of the topmost operand before the instruction. */
  readonly top: number | undefined;
}

/** What was marked in the present straight line: a cache of so many places (a prime), where a later mark may push out an earlier one. */
const MARKED = 61;

export class Marks implements Watcher {
  count: number = 0;
  /** Stores that need none, because an earlier mark covers their page. */
  merged: number = 0;
  readonly #layout: Layout;
  readonly #pageShift: number;
  readonly #locals: AddedLocals;
  readonly #capture: Capture | undefined;
  /** By token. */
  #marks: Map<number, Mark> = new Map();
  #names: Map<number, number> = new Map();
  readonly #bases: Float64Array = new Float64Array(MARKED);
  readonly #settings: Int32Array = new Int32Array(MARKED);
  readonly #lines: Float64Array = new Float64Array(MARKED);
  /** Number of the present straight line. */
  #line = 1;

  constructor(layout: Layout, { pageBytes }: Pick<Options, "pageBytes">, locals: AddedLocals, capture?: Capture) {
    this.#capture = capture;
    this.#layout = layout;
    this.#pageShift = Math.log2(pageBytes);
    this.#locals = locals;
  }

  begin(): void {
    this.#marks = new Map();
    this.#names = new Map();
    this.barrier();
  }

  barrier(): void {
    this.#line++;
  }

  writes(scan: FunctionScan, t: number): void {
    const op = scan.op[t]!;
    // The address is the first of them; of a bulk operation the last is how many bytes it changes.
    const operands = SIGNATURES[op]!.indexOf(">");
    const bulk = isBulk(op);
    const producer = bulk ? scan.producer(0) : -1;
    const constant = scan.op[producer] === OP_I32_CONST ? scan.value[producer]! : undefined;
    if (constant === 0) return;
    const range = bulk && !(constant !== undefined && constant <= BULK_AS_STORE_MAX);
    if (!range && this.#isMarked(scan, operands - 1, bulk ? 0 : scan.value[t]!)) {
      this.merged++;
      return;
    }
    this.count++;
    scan.edit[t]! |= EDIT_MARK;
    const base = this.#place(scan, operands - 1);
    if (base !== undefined) {
      const top = range && constant === undefined ? this.#locals.nameAt(scan.height - 1) : undefined;
      const byteCount = !range ? undefined : constant === undefined ? top! : -1 - constant;
      this.#marks.set(t, { base, byteCount, lifted: [], top });
      return;
    }
    const lifted: number[] = [];
    for (let i = scan.height - 1; i >= scan.height - operands; i--)
      lifted.push(this.#locals.nameAt(i, scan.operandType[i]!));
    const byteCount = range ? lifted[0]! : undefined;
    this.#marks.set(t, { base: lifted.at(-1)!, byteCount, lifted, top: undefined });
  }

  /** Whether a mark on this straight line covers this address; if not, it will, so it is remembered. */
  #isMarked(scan: FunctionScan, depth: number, offset: number): boolean {
    const producer = scan.producer(depth);
    const op = producer < 0 ? -1 : scan.op[producer]!;
    let key: number;
    let setting: number;
    if (op === OP_I32_CONST) {
      key = -1 - Math.floor((scan.value[producer]! + offset) / 2 ** this.#pageShift);
      setting = -1;
    } else if (op === OP_LOCAL_GET || op === OP_LOCAL_TEE) {
      const local = scan.value[producer]!;
      setting = scan.lastSet[local]!;
      // Set since it was read: the operand is not what the local holds now.
      if (setting > producer) return false;
      key = local * 2 ** 24 + Math.floor(offset / GROUP_BYTES);
    } else return false;
    const i = Math.abs(key % MARKED);
    if (this.#lines[i] === this.#line && this.#bases[i] === key && this.#settings[i] === setting) return true;
    this.#lines[i] = this.#line;
    this.#bases[i] = key;
    this.#settings[i] = setting;
    return false;
  }

  /** Where the operand will be after the instruction; undefined if its producer cannot name it. */
  #place(scan: FunctionScan, depth: number): Place | undefined {
    const producer = scan.producer(depth);
    if (producer < 0) return undefined;
    const op = scan.op[producer]!;
    if (op === OP_I32_CONST) return -1 - scan.value[producer]!;
    // Where the guest may be captured after the address was read, only the operand itself is sure to be kept.
    const kept = this.#capture === undefined || this.#capture.lastSite < producer;
    if ((op === OP_LOCAL_GET || op === OP_LOCAL_TEE) && kept && scan.lastSet[scan.value[producer]!]! <= producer)
      return scan.value[producer]!;
    // What opens a block, or its second half, produces parameters; a name there would have to go inside.
    if (opensBlock(op)) return undefined;
    let local = this.#names.get(producer);
    if (local === undefined) {
      local = this.#locals.nameAt(scan.height - 1 - depth);
      this.#names.set(producer, local);
      scan.edit[producer]! |= EDIT_NAME;
    }
    return local;
  }

  // ---- what the rewriter writes ----

  /** After a token with EDIT_NAME. */
  writeName(code: Writer, t: number): void {
    code.put(0x22);
    code.u32(this.#names.get(t)!);
  }

  /** Before a token with EDIT_MARK. */
  writeBefore(code: Writer, t: number): void {
    const { lifted, top } = this.#marks.get(t)!;
    if (top !== undefined) {
      code.put(0x22);
      code.u32(top);
    }
    for (const [i, local] of lifted.entries()) {
      code.put(i === lifted.length - 1 ? 0x22 : 0x21);
      code.u32(local);
    }
    for (let i = lifted.length - 2; i >= 0; i--) {
      code.put(0x20);
      code.u32(lifted[i]!);
    }
  }

  /** After it. */
  writeMark(code: Writer, scan: FunctionScan, t: number): void {
    const { base, byteCount } = this.#marks.get(t)!;
    const offset = isBulk(scan.op[t]!) ? 0 : scan.value[t]!;
    if (byteCount !== undefined) {
      writePlace(code, base);
      writePlace(code, byteCount);
      code.put(0x10);
      code.u32(this.#layout.markRange);
      return;
    }
    if (base < 0) {
      const address = -1 - base + offset;
      // Beyond 4 GiB the store has trapped.
      if (address >= 2 ** 32) return;
      code.put(0x41);
      code.signed(Math.floor(address / 2 ** this.#pageShift));
    } else {
      writePlace(code, base);
      if (offset >= GROUP_BYTES) {
        code.put(0x41);
        code.signed((offset - (offset % GROUP_BYTES)) | 0);
        code.put(0x6a);
      }
      code.put(0x41, this.#pageShift, 0x76); // i32.shr_u
    }
    code.put(0x41, 1, 0x3a, 0x40, MEMORY_LEDGER);
    code.u32(OFF_DIRTY_MAP);
  }
}

function opensBlock(op: number): boolean {
  return opens(op) || op === 0x05 || op === 0x07 || op === 0x19;
}

function writePlace(code: Writer, place: Place): void {
  if (place >= 0) {
    code.put(0x20);
    code.u32(place);
  } else {
    code.put(0x41);
    code.signed((-1 - place) | 0);
  }
}

/**
 * Body of $markRange(first, byteCount): all pages of a range that a bulk operation has changed, so that first + byteCount is
 * at most 4 GiB and its last byte's address does not wrap. Nothing for no bytes. Most ranges lie in one page.
 */
export function writeMarkRangeFunction(code: Writer, { pageBytes }: Options): void {
  const shift = Math.log2(pageBytes);
  code.put(1, 1, 0x7f); // local 2: the last page
  code.put(0x20, 1, 0x45, 0x04, 0x40, 0x0f, 0x0b); // no bytes: return
  code.put(0x20, 0, 0x20, 1, 0x6a, 0x41, 1, 0x6b, 0x41, shift, 0x76, 0x21, 2);
  code.put(0x20, 0, 0x41, shift, 0x76, 0x22, 0); // first := its page
  code.put(0x20, 2, 0x46, 0x04, 0x40); // the same: one mark
  code.put(0x20, 0, 0x41, 1, 0x3a, 0x40, MEMORY_LEDGER);
  code.u32(OFF_DIRTY_MAP);
  code.put(0x0f, 0x0b);
  code.put(0x20, 0, 0x41);
  code.signed(OFF_DIRTY_MAP);
  code.put(0x6a, 0x41, 1, 0x20, 2, 0x20, 0, 0x6b, 0x41, 1, 0x6a, 0xfc, 0x0b, MEMORY_LEDGER, 0x0b); // memory.fill, end
}
