/**
 * Types of values, functions, structures and arrays.
 *
 * A value type is one number, so that operand stacks are typed arrays: the low byte is the byte that the binary format uses,
 * and for a reference with a heap type of its own the heap type sits above it. Nullable abstract references always take
 * their one-byte form, so equal types are equal numbers (structural equality of type definitions aside).
 */

import { ModuleUnsupportedError } from "../errors.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

export type ValueType = number;

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const FUNCREF = 0x70;
export const EXTERNREF = 0x6f;
export const ANYREF = 0x6e;
export const I31REF = 0x6c;
export const EXNREF = 0x69;
/** A block type that takes and gives nothing; no value has it. */
export const EMPTY = 0x40;
/** What is popped in code whose operands are unknown; no value has it. */
export const UNKNOWN = 0;

const NUMBERS: Readonly<Record<number, string>> = {
  [I32]: "i32",
  [I64]: "i64",
  [F32]: "f32",
  [F64]: "f64",
  [V128]: "v128",
};
const PACKED: Readonly<Record<number, string>> = { 120: "i8", 119: "i16" };
const HEAPS: Readonly<Record<number, string>> = {
  116: "noexn",
  115: "nofunc",
  114: "noextern",
  113: "none",
  112: "func",
  111: "extern",
  110: "any",
  109: "eq",
  108: "i31",
  107: "struct",
  106: "array",
  105: "exn",
};
const NULLABLE = 0x63;
const NON_NULLABLE = 0x64;
/** Above the low byte: an index into the types, or with this bit an abstract heap type's byte. */
const ABSTRACT = 1 << 21;

/** A heap type as the part of a value type above the low byte: a type index, or an abstract one. */
export type HeapType = number;

export function reference(nullable: boolean, heap: HeapType): ValueType {
  if (nullable && heap & ABSTRACT) return heap & 0xff;
  return (nullable ? NULLABLE : NON_NULLABLE) | (heap << 8);
}

export function isReference(type: ValueType): boolean {
  return type !== UNKNOWN && type !== EMPTY && NUMBERS[type] === undefined;
}

export function isNullable(type: ValueType): boolean {
  return (type & 0xff) !== NON_NULLABLE;
}

/** Whether a heap type sits above the low byte; that of type index 0 is not seen there. */
export function hasHeap(type: ValueType): boolean {
  return (type & 0xff) === NULLABLE || (type & 0xff) === NON_NULLABLE;
}

export function heapOf(type: ValueType): HeapType {
  return hasHeap(type) ? type >>> 8 : type | ABSTRACT;
}

/** Engines allow a million types; an index beyond that is no index. */
const TYPE_INDEX_MAX = 1_000_000;

export function readHeapType(reader: Reader): HeapType {
  const at = reader.at;
  const value = reader.s33();
  if (value >= 0) return value < TYPE_INDEX_MAX ? value : reader.fail("type index too large", at);
  const byte = value & 0x7f;
  if (value < -64 || HEAPS[byte] === undefined) throw new ModuleUnsupportedError(`heap type ${value}`, at);
  return byte | ABSTRACT;
}

export function readValueType(reader: Reader): ValueType {
  const at = reader.at;
  const byte = reader.u8();
  if (NUMBERS[byte] !== undefined || HEAPS[byte] !== undefined) return byte;
  if (byte === NULLABLE || byte === NON_NULLABLE) return reference(byte === NULLABLE, readHeapType(reader));
  throw new ModuleUnsupportedError(`value type 0x${byte.toString(16)}`, at);
}

export function readValueTypes(reader: Reader): ValueType[] {
  const types: ValueType[] = [];
  for (let count = reader.count(); count > 0; count--) types.push(readValueType(reader));
  return types;
}

export function writeValueType(writer: Writer, type: ValueType): void {
  writer.u8(type & 0xff);
  if (hasHeap(type)) writeHeapType(writer, heapOf(type));
}

export function writeHeapType(writer: Writer, heap: HeapType): void {
  if (heap & ABSTRACT) writer.u8(heap & 0xff);
  else writer.signed(heap);
}

export function valueTypeName(type: ValueType): string {
  if (!hasHeap(type)) return NUMBERS[type] ?? `${HEAPS[type] ?? "?"}ref`;
  const heap = heapOf(type);
  return `(ref ${isNullable(type) ? "null " : ""}${heap & ABSTRACT ? HEAPS[heap & 0xff] : heap})`;
}

export interface FunctionType {
  readonly kind: "function";
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Fields as they are on the operand stack: packed ones as i32. An array is its one field. */
export interface DataType {
  readonly kind: "struct" | "array";
  readonly fields: readonly ValueType[];
}

export type Definition = FunctionType | DataType;

export function functionTypeName({ params, results }: FunctionType): string {
  const list = (types: readonly ValueType[]) => `(${types.map(valueTypeName).join(", ")})`;
  return `${list(params)} -> ${list(results)}`;
}

function readField(reader: Reader): ValueType {
  let type: ValueType;
  if (!reader.done && PACKED[reader.bytes[reader.at]!] !== undefined) {
    reader.skip(1);
    type = I32;
  } else type = readValueType(reader);
  if (reader.u8() > 1) reader.fail("malformed mutability", reader.at - 1);
  return type;
}

/** One type definition, without the recursion group around it. */
export function readDefinition(reader: Reader): Definition {
  let at = reader.at;
  let form = reader.u8();
  if (form === 0x50 || form === 0x4f) {
    for (let count = reader.count(); count > 0; count--) reader.u32();
    at = reader.at;
    form = reader.u8();
  }
  switch (form) {
    case 0x60:
      return { kind: "function", params: readValueTypes(reader), results: readValueTypes(reader) };
    case 0x5f: {
      const fields: ValueType[] = [];
      for (let count = reader.count(); count > 0; count--) fields.push(readField(reader));
      return { kind: "struct", fields };
    }
    case 0x5e:
      return { kind: "array", fields: [readField(reader)] };
    default:
      throw new ModuleUnsupportedError(`type of form 0x${form.toString(16)}`, at);
  }
}
