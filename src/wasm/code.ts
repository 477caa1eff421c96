/**
 * Steps through instructions: next() decodes one, with its immediates, into fields of the reader. No object is made for an
 * instruction, so that walking millions of them costs what reading their bytes costs. What an instruction means for operands
 * and control is not known here; that is prepare/scan.ts.
 */

import { ModuleUnsupportedError } from "../errors.ts";
import {
  BLOCK_TYPE,
  BYTES,
  CAST,
  CATCHES,
  HEAP_TYPE,
  IMMEDIATES,
  INDEX,
  LABEL,
  LABELS,
  MEMARG,
  MEMARG_LANE,
  opcodeOf,
  S32,
  S64,
  TWO_INDICES,
  TYPES,
} from "./opcodes.ts";
import { Reader } from "./reader.ts";
import { readHeapType, readValueType, reference, type ValueType } from "./types.ts";

const OP_END = 0x0b;
const OP_REF_FUNC = 0xd2;

/** A label, and where it is. */
export interface Label {
  readonly label: number;
  readonly at: number;
  readonly end: number;
}

export class CodeReader extends Reader {
  /** Dense number of the instruction (see opcodes.ts), and where it begins. */
  op: number = 0;
  start: number = 0;
  /**
   * Its first immediate: an index, a label, the offset of a memarg, a constant (i32), the number of a vector's elements
   * (br_table), a heap type, flags (br_on_cast). A block type is a type index, or -1 - the value type (EMPTY for none).
   */
  value: number = 0;
  /** Its second immediate: an index, or the label of br_on_cast. */
  second: number = 0;
  /** Where its first label is, or what stands before that in a clause of try_table. */
  labelsAt: number = 0;
  /** The type of `select` with a type, and of what br_on_cast goes from and to. */
  type: ValueType = 0;
  target: ValueType = 0;

  next(): void {
    this.start = this.at;
    let op = this.u8();
    if (op >= 0xfb) {
      const sub = this.u32();
      const dense = opcodeOf(op, sub);
      if (!IMMEDIATES[dense]) this.#unknown(`0x${op.toString(16)} ${sub}`);
      op = dense;
    }
    this.op = op;
    const immediate = IMMEDIATES[op]!;
    switch (immediate) {
      case 0:
        return this.#unknown(`0x${op.toString(16)}`);
      case INDEX:
        this.value = this.u32();
        return;
      case LABEL:
        this.labelsAt = this.at;
        this.value = this.u32();
        return;
      case MEMARG:
        this.#memarg();
        return;
      case MEMARG_LANE:
        this.#memarg();
        this.skip(1);
        return;
      case S32:
        this.value = this.s32();
        return;
      case S64:
        this.skipS64();
        return;
      case TWO_INDICES:
        this.value = this.u32();
        this.second = this.u32();
        return;
      case BLOCK_TYPE:
        this.#blockType();
        return;
      case LABELS:
        this.value = this.count();
        this.labelsAt = this.at;
        for (let i = 0; i <= this.value; i++) this.u32();
        return;
      case TYPES:
        if (this.u32() !== 1) this.fail("select of other than one value");
        this.type = readValueType(this);
        return;
      case HEAP_TYPE:
        this.value = readHeapType(this);
        return;
      case CATCHES:
        this.#blockType();
        this.second = this.count();
        this.labelsAt = this.at;
        for (let i = 0; i < this.second; i++) this.#label();
        return;
      case CAST: {
        const flags = this.u8();
        if (flags > 3) this.fail("malformed cast", this.at - 1);
        this.value = flags;
        this.labelsAt = this.at;
        this.second = this.u32();
        this.type = reference((flags & 1) !== 0, readHeapType(this));
        this.target = reference((flags & 2) !== 0, readHeapType(this));
        return;
      }
      default:
        this.skip(immediate - BYTES);
    }
  }

  /** The labels that the instruction names, in their order. */
  labels(): Label[] {
    const reader = new CodeReader(this.bytes, this.labelsAt, this.at);
    reader.op = this.op;
    const counts: Record<number, number> = { [LABELS]: this.value + 1, [CATCHES]: this.second };
    return Array.from({ length: counts[IMMEDIATES[this.op]!] ?? 1 }, () => reader.#label());
  }

  #label(): Label {
    if (IMMEDIATES[this.op] === CATCHES) {
      const kind = this.u8();
      if (kind > 3) this.fail("malformed catch clause", this.at - 1);
      // The tag that is caught.
      if (kind < 2) this.u32();
    }
    const at = this.at;
    return { label: this.u32(), at, end: this.at };
  }

  /** To the end of a constant expression; gives the functions it refers to. */
  skipExpression(): number[] {
    const functions: number[] = [];
    do {
      this.next();
      if (this.op === OP_REF_FUNC) functions.push(this.value);
    } while (this.op !== OP_END);
    return functions;
  }

  #memarg(): void {
    const flags = this.u32();
    // Bit 6 says that the index of a memory follows.
    if (flags & 0x40) {
      const at = this.at;
      if (this.u32() !== 0) throw new ModuleUnsupportedError("a second memory", at);
    }
    this.value = this.u32();
  }

  #blockType(): void {
    const at = this.at;
    const byte = this.u8();
    if (byte === 0x40) this.value = -1 - byte;
    else if (byte < 0x40 || byte >= 0x80) {
      this.at = at;
      this.value = this.s33();
      if (this.value < 0) this.fail("malformed block type", at);
    } else {
      this.at = at;
      this.value = -1 - readValueType(this);
    }
  }

  #unknown(name: string): never {
    throw new ModuleUnsupportedError(`instruction ${name}`, this.start);
  }
}
