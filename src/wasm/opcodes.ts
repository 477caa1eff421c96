/**
 * Every instruction we know, as data: opcode, name, immediates, what it pops and pushes. One table for all who walk code.
 *
 * A row names a run of consecutive opcodes that have the same immediates and the same signature. Operands are letters:
 *
 *   i l f d v   i32 i64 f32 f64 v128
 *   r           some reference
 *   *           depends on the immediates or on what surrounds the instruction: prepare/scan.ts knows
 *
 * `-` in a run is a hole in the numbering. An opcode that is in no row is refused by name. Included is what stable V8
 * compiles without flags: 1.0, sign extension, saturating conversions, multi-value, bulk memory, reference types, tail
 * calls, both encodings of exceptions, SIMD and relaxed SIMD, atomics, typed function references, garbage collection.
 */

/** How the bytes after an opcode are to be read. */
export type Immediate =
  | "" // nothing
  | "blocktype"
  | "label"
  | "labels" // br_table
  | "index" // one index, or a one-byte 0
  | "index2" // two of them
  | "memarg"
  | "memarg lane"
  | "lane"
  | "16 bytes"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "types" // select with its type
  | "heap" // one heap type
  | "catches" // try_table
  | "cast"; // br_on_cast: flags, label, two heap types

interface Row {
  readonly prefix?: number;
  readonly first: number;
  readonly immediate?: Immediate;
  /** Pops, `>`, pushes; or `*`. */
  readonly signature: string;
  readonly names: string;
  /** Changes bytes of memory at its first operand plus the offset in its memarg. */
  readonly stores?: true;
}

const compare = (type: string) =>
  ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"]
    .map((name) => `${type}.${name}`)
    .join(" ");
const compareFloat = (type: string) => ["eq", "ne", "lt", "gt", "le", "ge"].map((name) => `${type}.${name}`).join(" ");
const integer = (type: string) =>
  ["add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr"]
    .map((name) => `${type}.${name}`)
    .join(" ");
const float = (type: string, names: string) =>
  names
    .split(" ")
    .map((name) => `${type}.${name}`)
    .join(" ");

const PREFIX_GC = 0xfb;
const PREFIX_MISC = 0xfc;
const PREFIX_SIMD = 0xfd;
const PREFIX_ATOMIC = 0xfe;

const ROWS: readonly Row[] = [
  { first: 0x00, signature: "*", names: "unreachable" },
  { first: 0x01, signature: ">", names: "nop" },
  { first: 0x02, immediate: "blocktype", signature: "*", names: "block loop if" },
  { first: 0x05, signature: "*", names: "else" },
  { first: 0x06, immediate: "blocktype", signature: "*", names: "try" },
  { first: 0x07, immediate: "index", signature: "*", names: "catch throw" },
  { first: 0x09, immediate: "label", signature: "*", names: "rethrow" },
  { first: 0x0a, signature: "*", names: "throw_ref end" },
  { first: 0x0c, immediate: "label", signature: "*", names: "br br_if" },
  { first: 0x0e, immediate: "labels", signature: "*", names: "br_table" },
  { first: 0x0f, signature: "*", names: "return" },
  { first: 0x10, immediate: "index", signature: "*", names: "call" },
  { first: 0x11, immediate: "index2", signature: "*", names: "call_indirect" },
  { first: 0x12, immediate: "index", signature: "*", names: "return_call" },
  { first: 0x13, immediate: "index2", signature: "*", names: "return_call_indirect" },
  { first: 0x14, immediate: "index", signature: "*", names: "call_ref return_call_ref" },
  { first: 0x18, immediate: "label", signature: "*", names: "delegate" },
  { first: 0x19, signature: "*", names: "catch_all drop select" },
  { first: 0x1c, immediate: "types", signature: "*", names: "select_t" },
  { first: 0x1f, immediate: "catches", signature: "*", names: "try_table" },
  {
    first: 0x20,
    immediate: "index",
    signature: "*",
    names: "local.get local.set local.tee global.get global.set table.get table.set",
  },
  { first: 0x28, immediate: "memarg", signature: "i>i", names: "i32.load" },
  { first: 0x29, immediate: "memarg", signature: "i>l", names: "i64.load" },
  { first: 0x2a, immediate: "memarg", signature: "i>f", names: "f32.load" },
  { first: 0x2b, immediate: "memarg", signature: "i>d", names: "f64.load" },
  { first: 0x2c, immediate: "memarg", signature: "i>i", names: "i32.load8_s i32.load8_u i32.load16_s i32.load16_u" },
  {
    first: 0x30,
    immediate: "memarg",
    signature: "i>l",
    names: "i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u",
  },
  { first: 0x36, immediate: "memarg", signature: "ii>", names: "i32.store", stores: true },
  { first: 0x37, immediate: "memarg", signature: "il>", names: "i64.store", stores: true },
  { first: 0x38, immediate: "memarg", signature: "if>", names: "f32.store", stores: true },
  { first: 0x39, immediate: "memarg", signature: "id>", names: "f64.store", stores: true },
  { first: 0x3a, immediate: "memarg", signature: "ii>", names: "i32.store8 i32.store16", stores: true },
  { first: 0x3c, immediate: "memarg", signature: "il>", names: "i64.store8 i64.store16 i64.store32", stores: true },
  { first: 0x3f, immediate: "index", signature: ">i", names: "memory.size" },
  { first: 0x40, immediate: "index", signature: "i>i", names: "memory.grow" },
  { first: 0x41, immediate: "i32", signature: ">i", names: "i32.const" },
  { first: 0x42, immediate: "i64", signature: ">l", names: "i64.const" },
  { first: 0x43, immediate: "f32", signature: ">f", names: "f32.const" },
  { first: 0x44, immediate: "f64", signature: ">d", names: "f64.const" },
  { first: 0x45, signature: "i>i", names: "i32.eqz" },
  { first: 0x46, signature: "ii>i", names: compare("i32") },
  { first: 0x50, signature: "l>i", names: "i64.eqz" },
  { first: 0x51, signature: "ll>i", names: compare("i64") },
  { first: 0x5b, signature: "ff>i", names: compareFloat("f32") },
  { first: 0x61, signature: "dd>i", names: compareFloat("f64") },
  { first: 0x67, signature: "i>i", names: "i32.clz i32.ctz i32.popcnt" },
  { first: 0x6a, signature: "ii>i", names: integer("i32") },
  { first: 0x79, signature: "l>l", names: "i64.clz i64.ctz i64.popcnt" },
  { first: 0x7c, signature: "ll>l", names: integer("i64") },
  { first: 0x8b, signature: "f>f", names: float("f32", "abs neg ceil floor trunc nearest sqrt") },
  { first: 0x92, signature: "ff>f", names: float("f32", "add sub mul div min max copysign") },
  { first: 0x99, signature: "d>d", names: float("f64", "abs neg ceil floor trunc nearest sqrt") },
  { first: 0xa0, signature: "dd>d", names: float("f64", "add sub mul div min max copysign") },
  { first: 0xa7, signature: "l>i", names: "i32.wrap_i64" },
  { first: 0xa8, signature: "f>i", names: "i32.trunc_f32_s i32.trunc_f32_u" },
  { first: 0xaa, signature: "d>i", names: "i32.trunc_f64_s i32.trunc_f64_u" },
  { first: 0xac, signature: "i>l", names: "i64.extend_i32_s i64.extend_i32_u" },
  { first: 0xae, signature: "f>l", names: "i64.trunc_f32_s i64.trunc_f32_u" },
  { first: 0xb0, signature: "d>l", names: "i64.trunc_f64_s i64.trunc_f64_u" },
  { first: 0xb2, signature: "i>f", names: "f32.convert_i32_s f32.convert_i32_u" },
  { first: 0xb4, signature: "l>f", names: "f32.convert_i64_s f32.convert_i64_u" },
  { first: 0xb6, signature: "d>f", names: "f32.demote_f64" },
  { first: 0xb7, signature: "i>d", names: "f64.convert_i32_s f64.convert_i32_u" },
  { first: 0xb9, signature: "l>d", names: "f64.convert_i64_s f64.convert_i64_u" },
  { first: 0xbb, signature: "f>d", names: "f64.promote_f32" },
  { first: 0xbc, signature: "f>i", names: "i32.reinterpret_f32" },
  { first: 0xbd, signature: "d>l", names: "i64.reinterpret_f64" },
  { first: 0xbe, signature: "i>f", names: "f32.reinterpret_i32" },
  { first: 0xbf, signature: "l>d", names: "f64.reinterpret_i64" },
  { first: 0xc0, signature: "i>i", names: "i32.extend8_s i32.extend16_s" },
  { first: 0xc2, signature: "l>l", names: "i64.extend8_s i64.extend16_s i64.extend32_s" },
  { first: 0xd0, immediate: "heap", signature: "*", names: "ref.null" },
  { first: 0xd1, signature: "r>i", names: "ref.is_null" },
  { first: 0xd2, immediate: "index", signature: "*", names: "ref.func" },
  { first: 0xd3, signature: "rr>i", names: "ref.eq" },
  { first: 0xd4, signature: "*", names: "ref.as_non_null" },
  { first: 0xd5, immediate: "label", signature: "*", names: "br_on_null br_on_non_null" },

  { prefix: PREFIX_GC, first: 0x00, immediate: "index", signature: "*", names: "struct.new struct.new_default" },
  {
    prefix: PREFIX_GC,
    first: 0x02,
    immediate: "index2",
    signature: "*",
    names: "struct.get struct.get_s struct.get_u struct.set",
  },
  { prefix: PREFIX_GC, first: 0x06, immediate: "index", signature: "*", names: "array.new array.new_default" },
  {
    prefix: PREFIX_GC,
    first: 0x08,
    immediate: "index2",
    signature: "*",
    names: "array.new_fixed array.new_data array.new_elem",
  },
  {
    prefix: PREFIX_GC,
    first: 0x0b,
    immediate: "index",
    signature: "*",
    names: "array.get array.get_s array.get_u array.set",
  },
  { prefix: PREFIX_GC, first: 0x0f, signature: "r>i", names: "array.len" },
  { prefix: PREFIX_GC, first: 0x10, immediate: "index", signature: "*", names: "array.fill" },
  { prefix: PREFIX_GC, first: 0x11, immediate: "index2", signature: "ririi>", names: "array.copy" },
  { prefix: PREFIX_GC, first: 0x12, immediate: "index2", signature: "riii>", names: "array.init_data array.init_elem" },
  { prefix: PREFIX_GC, first: 0x14, immediate: "heap", signature: "r>i", names: "ref.test ref.test_null" },
  { prefix: PREFIX_GC, first: 0x16, immediate: "heap", signature: "*", names: "ref.cast ref.cast_null" },
  { prefix: PREFIX_GC, first: 0x18, immediate: "cast", signature: "*", names: "br_on_cast br_on_cast_fail" },
  { prefix: PREFIX_GC, first: 0x1a, signature: "*", names: "any.convert_extern extern.convert_any ref.i31" },
  { prefix: PREFIX_GC, first: 0x1d, signature: "r>i", names: "i31.get_s i31.get_u" },

  { prefix: PREFIX_MISC, first: 0x00, signature: "f>i", names: "i32.trunc_sat_f32_s i32.trunc_sat_f32_u" },
  { prefix: PREFIX_MISC, first: 0x02, signature: "d>i", names: "i32.trunc_sat_f64_s i32.trunc_sat_f64_u" },
  { prefix: PREFIX_MISC, first: 0x04, signature: "f>l", names: "i64.trunc_sat_f32_s i64.trunc_sat_f32_u" },
  { prefix: PREFIX_MISC, first: 0x06, signature: "d>l", names: "i64.trunc_sat_f64_s i64.trunc_sat_f64_u" },
  { prefix: PREFIX_MISC, first: 0x08, immediate: "index2", signature: "iii>", names: "memory.init" },
  { prefix: PREFIX_MISC, first: 0x09, immediate: "index", signature: ">", names: "data.drop" },
  { prefix: PREFIX_MISC, first: 0x0a, immediate: "index2", signature: "iii>", names: "memory.copy" },
  { prefix: PREFIX_MISC, first: 0x0b, immediate: "index", signature: "iii>", names: "memory.fill" },
  { prefix: PREFIX_MISC, first: 0x0c, immediate: "index2", signature: "iii>", names: "table.init" },
  { prefix: PREFIX_MISC, first: 0x0d, immediate: "index", signature: ">", names: "elem.drop" },
  { prefix: PREFIX_MISC, first: 0x0e, immediate: "index2", signature: "iii>", names: "table.copy" },
  { prefix: PREFIX_MISC, first: 0x0f, immediate: "index", signature: "ri>i", names: "table.grow" },
  { prefix: PREFIX_MISC, first: 0x10, immediate: "index", signature: ">i", names: "table.size" },
  { prefix: PREFIX_MISC, first: 0x11, immediate: "index", signature: "iri>", names: "table.fill" },

  {
    prefix: PREFIX_SIMD,
    first: 0x00,
    immediate: "memarg",
    signature: "i>v",
    names:
      "v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat",
  },
  { prefix: PREFIX_SIMD, first: 0x0b, immediate: "memarg", signature: "iv>", names: "v128.store", stores: true },
  { prefix: PREFIX_SIMD, first: 0x0c, immediate: "16 bytes", signature: ">v", names: "v128.const" },
  { prefix: PREFIX_SIMD, first: 0x0d, immediate: "16 bytes", signature: "vv>v", names: "i8x16.shuffle" },
  { prefix: PREFIX_SIMD, first: 0x0e, signature: "vv>v", names: "i8x16.swizzle" },
  { prefix: PREFIX_SIMD, first: 0x0f, signature: "i>v", names: "i8x16.splat i16x8.splat i32x4.splat" },
  { prefix: PREFIX_SIMD, first: 0x12, signature: "l>v", names: "i64x2.splat" },
  { prefix: PREFIX_SIMD, first: 0x13, signature: "f>v", names: "f32x4.splat" },
  { prefix: PREFIX_SIMD, first: 0x14, signature: "d>v", names: "f64x2.splat" },
  {
    prefix: PREFIX_SIMD,
    first: 0x15,
    immediate: "lane",
    signature: "v>i",
    names: "i8x16.extract_lane_s i8x16.extract_lane_u",
  },
  { prefix: PREFIX_SIMD, first: 0x17, immediate: "lane", signature: "vi>v", names: "i8x16.replace_lane" },
  {
    prefix: PREFIX_SIMD,
    first: 0x18,
    immediate: "lane",
    signature: "v>i",
    names: "i16x8.extract_lane_s i16x8.extract_lane_u",
  },
  { prefix: PREFIX_SIMD, first: 0x1a, immediate: "lane", signature: "vi>v", names: "i16x8.replace_lane" },
  { prefix: PREFIX_SIMD, first: 0x1b, immediate: "lane", signature: "v>i", names: "i32x4.extract_lane" },
  { prefix: PREFIX_SIMD, first: 0x1c, immediate: "lane", signature: "vi>v", names: "i32x4.replace_lane" },
  { prefix: PREFIX_SIMD, first: 0x1d, immediate: "lane", signature: "v>l", names: "i64x2.extract_lane" },
  { prefix: PREFIX_SIMD, first: 0x1e, immediate: "lane", signature: "vl>v", names: "i64x2.replace_lane" },
  { prefix: PREFIX_SIMD, first: 0x1f, immediate: "lane", signature: "v>f", names: "f32x4.extract_lane" },
  { prefix: PREFIX_SIMD, first: 0x20, immediate: "lane", signature: "vf>v", names: "f32x4.replace_lane" },
  { prefix: PREFIX_SIMD, first: 0x21, immediate: "lane", signature: "v>d", names: "f64x2.extract_lane" },
  { prefix: PREFIX_SIMD, first: 0x22, immediate: "lane", signature: "vd>v", names: "f64x2.replace_lane" },
  {
    prefix: PREFIX_SIMD,
    first: 0x23,
    signature: "vv>v",
    names: `${compare("i8x16")} ${compare("i16x8")} ${compare("i32x4")} ${compareFloat("f32x4")} ${compareFloat("f64x2")}`,
  },
  { prefix: PREFIX_SIMD, first: 0x4d, signature: "v>v", names: "v128.not" },
  { prefix: PREFIX_SIMD, first: 0x4e, signature: "vv>v", names: "v128.and v128.andnot v128.or v128.xor" },
  { prefix: PREFIX_SIMD, first: 0x52, signature: "vvv>v", names: "v128.bitselect" },
  { prefix: PREFIX_SIMD, first: 0x53, signature: "v>i", names: "v128.any_true" },
  {
    prefix: PREFIX_SIMD,
    first: 0x54,
    immediate: "memarg lane",
    signature: "iv>v",
    names: "v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane",
  },
  {
    prefix: PREFIX_SIMD,
    first: 0x58,
    immediate: "memarg lane",
    signature: "iv>",
    names: "v128.store8_lane v128.store16_lane v128.store32_lane v128.store64_lane",
    stores: true,
  },
  {
    prefix: PREFIX_SIMD,
    first: 0x5c,
    immediate: "memarg",
    signature: "i>v",
    names: "v128.load32_zero v128.load64_zero",
  },
  {
    prefix: PREFIX_SIMD,
    first: 0x5e,
    signature: "v>v",
    names: "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt",
  },
  { prefix: PREFIX_SIMD, first: 0x63, signature: "v>i", names: "i8x16.all_true i8x16.bitmask" },
  { prefix: PREFIX_SIMD, first: 0x65, signature: "vv>v", names: "i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u" },
  { prefix: PREFIX_SIMD, first: 0x67, signature: "v>v", names: "f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest" },
  { prefix: PREFIX_SIMD, first: 0x6b, signature: "vi>v", names: "i8x16.shl i8x16.shr_s i8x16.shr_u" },
  {
    prefix: PREFIX_SIMD,
    first: 0x6e,
    signature: "vv>v",
    names: "i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u",
  },
  { prefix: PREFIX_SIMD, first: 0x74, signature: "v>v", names: "f64x2.ceil f64x2.floor" },
  { prefix: PREFIX_SIMD, first: 0x76, signature: "vv>v", names: "i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u" },
  { prefix: PREFIX_SIMD, first: 0x7a, signature: "v>v", names: "f64x2.trunc" },
  { prefix: PREFIX_SIMD, first: 0x7b, signature: "vv>v", names: "i8x16.avgr_u" },
  {
    prefix: PREFIX_SIMD,
    first: 0x7c,
    signature: "v>v",
    names:
      "i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg",
  },
  { prefix: PREFIX_SIMD, first: 0x82, signature: "vv>v", names: "i16x8.q15mulr_sat_s" },
  { prefix: PREFIX_SIMD, first: 0x83, signature: "v>i", names: "i16x8.all_true i16x8.bitmask" },
  { prefix: PREFIX_SIMD, first: 0x85, signature: "vv>v", names: "i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u" },
  {
    prefix: PREFIX_SIMD,
    first: 0x87,
    signature: "v>v",
    names: "i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u",
  },
  { prefix: PREFIX_SIMD, first: 0x8b, signature: "vi>v", names: "i16x8.shl i16x8.shr_s i16x8.shr_u" },
  {
    prefix: PREFIX_SIMD,
    first: 0x8e,
    signature: "vv>v",
    names: "i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u",
  },
  { prefix: PREFIX_SIMD, first: 0x94, signature: "v>v", names: "f64x2.nearest" },
  {
    prefix: PREFIX_SIMD,
    first: 0x95,
    signature: "vv>v",
    names:
      "i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u - i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u",
  },
  { prefix: PREFIX_SIMD, first: 0xa0, signature: "v>v", names: "i32x4.abs i32x4.neg" },
  { prefix: PREFIX_SIMD, first: 0xa3, signature: "v>i", names: "i32x4.all_true i32x4.bitmask" },
  {
    prefix: PREFIX_SIMD,
    first: 0xa7,
    signature: "v>v",
    names: "i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u",
  },
  { prefix: PREFIX_SIMD, first: 0xab, signature: "vi>v", names: "i32x4.shl i32x4.shr_s i32x4.shr_u" },
  {
    prefix: PREFIX_SIMD,
    first: 0xae,
    signature: "vv>v",
    names:
      "i32x4.add - - i32x4.sub - - - i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s - i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u",
  },
  { prefix: PREFIX_SIMD, first: 0xc0, signature: "v>v", names: "i64x2.abs i64x2.neg" },
  { prefix: PREFIX_SIMD, first: 0xc3, signature: "v>i", names: "i64x2.all_true i64x2.bitmask" },
  {
    prefix: PREFIX_SIMD,
    first: 0xc7,
    signature: "v>v",
    names: "i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u",
  },
  { prefix: PREFIX_SIMD, first: 0xcb, signature: "vi>v", names: "i64x2.shl i64x2.shr_s i64x2.shr_u" },
  {
    prefix: PREFIX_SIMD,
    first: 0xce,
    signature: "vv>v",
    names:
      "i64x2.add - - i64x2.sub - - - i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u",
  },
  { prefix: PREFIX_SIMD, first: 0xe0, signature: "v>v", names: "f32x4.abs f32x4.neg - f32x4.sqrt" },
  { prefix: PREFIX_SIMD, first: 0xe4, signature: "vv>v", names: float("f32x4", "add sub mul div min max pmin pmax") },
  { prefix: PREFIX_SIMD, first: 0xec, signature: "v>v", names: "f64x2.abs f64x2.neg - f64x2.sqrt" },
  { prefix: PREFIX_SIMD, first: 0xf0, signature: "vv>v", names: float("f64x2", "add sub mul div min max pmin pmax") },
  {
    prefix: PREFIX_SIMD,
    first: 0xf8,
    signature: "v>v",
    names:
      "i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u",
  },
  { prefix: PREFIX_SIMD, first: 0x100, signature: "vv>v", names: "i8x16.relaxed_swizzle" },
  {
    prefix: PREFIX_SIMD,
    first: 0x101,
    signature: "v>v",
    names:
      "i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero",
  },
  {
    prefix: PREFIX_SIMD,
    first: 0x105,
    signature: "vvv>v",
    names:
      "f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect",
  },
  {
    prefix: PREFIX_SIMD,
    first: 0x10d,
    signature: "vv>v",
    names:
      "f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s",
  },
  { prefix: PREFIX_SIMD, first: 0x113, signature: "vvv>v", names: "i32x4.relaxed_dot_i8x16_i7x16_add_s" },

  { prefix: PREFIX_ATOMIC, first: 0x00, immediate: "memarg", signature: "ii>i", names: "memory.atomic.notify" },
  { prefix: PREFIX_ATOMIC, first: 0x01, immediate: "memarg", signature: "iil>i", names: "memory.atomic.wait32" },
  { prefix: PREFIX_ATOMIC, first: 0x02, immediate: "memarg", signature: "ill>i", names: "memory.atomic.wait64" },
  { prefix: PREFIX_ATOMIC, first: 0x03, immediate: "lane", signature: ">", names: "atomic.fence" },
  { prefix: PREFIX_ATOMIC, first: 0x10, immediate: "memarg", signature: "i>i", names: "i32.atomic.load" },
  { prefix: PREFIX_ATOMIC, first: 0x11, immediate: "memarg", signature: "i>l", names: "i64.atomic.load" },
  {
    prefix: PREFIX_ATOMIC,
    first: 0x12,
    immediate: "memarg",
    signature: "i>i",
    names: "i32.atomic.load8_u i32.atomic.load16_u",
  },
  {
    prefix: PREFIX_ATOMIC,
    first: 0x14,
    immediate: "memarg",
    signature: "i>l",
    names: "i64.atomic.load8_u i64.atomic.load16_u i64.atomic.load32_u",
  },
  {
    prefix: PREFIX_ATOMIC,
    first: 0x17,
    immediate: "memarg",
    signature: "ii>",
    names: "i32.atomic.store",
    stores: true,
  },
  {
    prefix: PREFIX_ATOMIC,
    first: 0x18,
    immediate: "memarg",
    signature: "il>",
    names: "i64.atomic.store",
    stores: true,
  },
  {
    prefix: PREFIX_ATOMIC,
    first: 0x19,
    immediate: "memarg",
    signature: "ii>",
    names: "i32.atomic.store8 i32.atomic.store16",
    stores: true,
  },
  {
    prefix: PREFIX_ATOMIC,
    first: 0x1b,
    immediate: "memarg",
    signature: "il>",
    names: "i64.atomic.store8 i64.atomic.store16 i64.atomic.store32",
    stores: true,
  },
  ...["add", "sub", "and", "or", "xor", "xchg"].flatMap((name, i) => readModifyWrite(name, 0x1e + 7 * i, "i", "l")),
  ...readModifyWrite("cmpxchg", 0x48, "ii", "ll"),
];

/** The seven widths of one atomic operation. */
function readModifyWrite(name: string, first: number, operands32: string, operands64: string): Row[] {
  const row = (at: number, operands: string, names: string): Row => ({
    prefix: PREFIX_ATOMIC,
    first: first + at,
    immediate: "memarg",
    signature: `i${operands}>${operands[0]}`,
    names,
    stores: true,
  });
  return [
    row(0, operands32, `i32.atomic.rmw.${name}`),
    row(1, operands64, `i64.atomic.rmw.${name}`),
    row(2, operands32, `i32.atomic.rmw8.${name}_u i32.atomic.rmw16.${name}_u`),
    row(4, operands64, `i64.atomic.rmw8.${name}_u i64.atomic.rmw16.${name}_u i64.atomic.rmw32.${name}_u`),
  ];
}

/**
 * All opcodes in one dense numbering, so that what is known of them sits in flat arrays: plain opcodes as they are, then a
 * page for each prefix. SIMD has sub-opcodes beyond 255 and gets two.
 */
const PAGE: Readonly<Record<number, { base: number; size: number }>> = {
  0: { base: 0x000, size: 0x100 },
  [PREFIX_GC]: { base: 0x100, size: 0x100 },
  [PREFIX_MISC]: { base: 0x200, size: 0x100 },
  [PREFIX_SIMD]: { base: 0x300, size: 0x200 },
  [PREFIX_ATOMIC]: { base: 0x500, size: 0x100 },
};
export const OPCODE_COUNT = 0x600;

/** The dense number of an opcode; -1 where there cannot be one. */
export function opcodeOf(prefix: number, sub: number): number {
  const page = PAGE[prefix];
  return page !== undefined && sub < page.size ? page.base + sub : -1;
}

export interface Instruction {
  readonly opcode: number;
  readonly prefix: number;
  readonly sub: number;
  readonly name: string;
  readonly immediate: Immediate;
  readonly signature: string;
  readonly stores: boolean;
}

/** By dense number. */
export const INSTRUCTIONS: readonly (Instruction | undefined)[] = (() => {
  const all: (Instruction | undefined)[] = new Array(OPCODE_COUNT).fill(undefined);
  for (const { prefix = 0, first, immediate = "", signature, names, stores = false } of ROWS) {
    for (const [i, name] of names.split(" ").entries()) {
      if (name === "-") continue;
      const opcode = opcodeOf(prefix, first + i);
      if (all[opcode] !== undefined) throw new Error(`two rows for ${name}`);
      all[opcode] = { opcode, prefix, sub: first + i, name, immediate, signature, stores };
    }
  }
  return all;
})();

const byName: ReadonlyMap<string, number> = new Map(
  INSTRUCTIONS.flatMap((row) => (row === undefined ? [] : [[row.name, row.opcode]])),
);

/** The dense number by name, for the few instructions that the preparer treats by themselves. */
export function opcode(name: string): number {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`no instruction ${name}`);
  return found;
}
