/**
 * Every instruction we know, as data: opcode, immediates, what it pops and pushes. One table for all who walk code.
 *
 * A row stands for a run of consecutive opcodes that have the same immediates and the same signature. Operands are letters:
 *
 *   i l f d v   i32 i64 f32 f64 v128
 *   r           some reference
 *   *           depends on the immediates or on what surrounds the instruction: prepare/scan.ts knows
 *
 * An opcode that is in no row is refused. Included is what stable V8 compiles without flags: 1.0, sign extension, saturating
 * conversions, multi-value, bulk memory, reference types, tail calls, both encodings of exceptions, SIMD and relaxed SIMD,
 * atomics, typed function references, garbage collection. Their names are for the reader alone, so no page downloads them; a
 * test has them as well (test/support/instructions.ts).
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

/** Changes bytes of memory at its first operand plus the offset in its memarg. */
const STORES = true;

/** The signature is what it pops, `>`, what it pushes; or `*`. */
type Row = readonly [first: number, count: number, immediate: Immediate, signature: string, stores?: typeof STORES];

const PLAIN: readonly Row[] = [
  // unreachable
  [0x00, 1, "", "*"],
  // nop
  [0x01, 1, "", ">"],
  // block loop if
  [0x02, 3, "blocktype", "*"],
  // else
  [0x05, 1, "", "*"],
  // try
  [0x06, 1, "blocktype", "*"],
  // catch throw
  [0x07, 2, "index", "*"],
  // rethrow
  [0x09, 1, "label", "*"],
  // throw_ref end
  [0x0a, 2, "", "*"],
  // br br_if
  [0x0c, 2, "label", "*"],
  // br_table
  [0x0e, 1, "labels", "*"],
  // return
  [0x0f, 1, "", "*"],
  // call
  [0x10, 1, "index", "*"],
  // call_indirect
  [0x11, 1, "index2", "*"],
  // return_call
  [0x12, 1, "index", "*"],
  // return_call_indirect
  [0x13, 1, "index2", "*"],
  // call_ref return_call_ref
  [0x14, 2, "index", "*"],
  // delegate
  [0x18, 1, "label", "*"],
  // catch_all drop select
  [0x19, 3, "", "*"],
  // select_t
  [0x1c, 1, "types", "*"],
  // try_table
  [0x1f, 1, "catches", "*"],
  // local.get local.set local.tee global.get global.set table.get table.set
  [0x20, 7, "index", "*"],
  // i32.load
  [0x28, 1, "memarg", "i>i"],
  // i64.load
  [0x29, 1, "memarg", "i>l"],
  // f32.load
  [0x2a, 1, "memarg", "i>f"],
  // f64.load
  [0x2b, 1, "memarg", "i>d"],
  // i32.load8_s i32.load8_u i32.load16_s i32.load16_u
  [0x2c, 4, "memarg", "i>i"],
  // i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u
  [0x30, 6, "memarg", "i>l"],
  // i32.store
  [0x36, 1, "memarg", "ii>", STORES],
  // i64.store
  [0x37, 1, "memarg", "il>", STORES],
  // f32.store
  [0x38, 1, "memarg", "if>", STORES],
  // f64.store
  [0x39, 1, "memarg", "id>", STORES],
  // i32.store8 i32.store16
  [0x3a, 2, "memarg", "ii>", STORES],
  // i64.store8 i64.store16 i64.store32
  [0x3c, 3, "memarg", "il>", STORES],
  // memory.size
  [0x3f, 1, "index", ">i"],
  // memory.grow
  [0x40, 1, "index", "i>i"],
  // i32.const
  [0x41, 1, "i32", ">i"],
  // i64.const
  [0x42, 1, "i64", ">l"],
  // f32.const
  [0x43, 1, "f32", ">f"],
  // f64.const
  [0x44, 1, "f64", ">d"],
  // i32.eqz
  [0x45, 1, "", "i>i"],
  // i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
  [0x46, 10, "", "ii>i"],
  // i64.eqz
  [0x50, 1, "", "l>i"],
  // i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u
  [0x51, 10, "", "ll>i"],
  // f32.eq f32.ne f32.lt f32.gt f32.le f32.ge
  [0x5b, 6, "", "ff>i"],
  // f64.eq f64.ne f64.lt f64.gt f64.le f64.ge
  [0x61, 6, "", "dd>i"],
  // i32.clz i32.ctz i32.popcnt
  [0x67, 3, "", "i>i"],
  // i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u
  // i32.rotl i32.rotr
  [0x6a, 15, "", "ii>i"],
  // i64.clz i64.ctz i64.popcnt
  [0x79, 3, "", "l>l"],
  // i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u
  // i64.rotl i64.rotr
  [0x7c, 15, "", "ll>l"],
  // f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt
  [0x8b, 7, "", "f>f"],
  // f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign
  [0x92, 7, "", "ff>f"],
  // f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt
  [0x99, 7, "", "d>d"],
  // f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign
  [0xa0, 7, "", "dd>d"],
  // i32.wrap_i64
  [0xa7, 1, "", "l>i"],
  // i32.trunc_f32_s i32.trunc_f32_u
  [0xa8, 2, "", "f>i"],
  // i32.trunc_f64_s i32.trunc_f64_u
  [0xaa, 2, "", "d>i"],
  // i64.extend_i32_s i64.extend_i32_u
  [0xac, 2, "", "i>l"],
  // i64.trunc_f32_s i64.trunc_f32_u
  [0xae, 2, "", "f>l"],
  // i64.trunc_f64_s i64.trunc_f64_u
  [0xb0, 2, "", "d>l"],
  // f32.convert_i32_s f32.convert_i32_u
  [0xb2, 2, "", "i>f"],
  // f32.convert_i64_s f32.convert_i64_u
  [0xb4, 2, "", "l>f"],
  // f32.demote_f64
  [0xb6, 1, "", "d>f"],
  // f64.convert_i32_s f64.convert_i32_u
  [0xb7, 2, "", "i>d"],
  // f64.convert_i64_s f64.convert_i64_u
  [0xb9, 2, "", "l>d"],
  // f64.promote_f32
  [0xbb, 1, "", "f>d"],
  // i32.reinterpret_f32
  [0xbc, 1, "", "f>i"],
  // i64.reinterpret_f64
  [0xbd, 1, "", "d>l"],
  // f32.reinterpret_i32
  [0xbe, 1, "", "i>f"],
  // f64.reinterpret_i64
  [0xbf, 1, "", "l>d"],
  // i32.extend8_s i32.extend16_s
  [0xc0, 2, "", "i>i"],
  // i64.extend8_s i64.extend16_s i64.extend32_s
  [0xc2, 3, "", "l>l"],
  // ref.null
  [0xd0, 1, "heap", "*"],
  // ref.is_null
  [0xd1, 1, "", "r>i"],
  // ref.func
  [0xd2, 1, "index", "*"],
  // ref.eq
  [0xd3, 1, "", "rr>i"],
  // ref.as_non_null
  [0xd4, 1, "", "*"],
  // br_on_null br_on_non_null
  [0xd5, 2, "label", "*"],
];

const GC: readonly Row[] = [
  // struct.new struct.new_default
  [0x00, 2, "index", "*"],
  // struct.get struct.get_s struct.get_u struct.set
  [0x02, 4, "index2", "*"],
  // array.new array.new_default
  [0x06, 2, "index", "*"],
  // array.new_fixed array.new_data array.new_elem
  [0x08, 3, "index2", "*"],
  // array.get array.get_s array.get_u array.set
  [0x0b, 4, "index", "*"],
  // array.len
  [0x0f, 1, "", "r>i"],
  // array.fill
  [0x10, 1, "index", "*"],
  // array.copy
  [0x11, 1, "index2", "ririi>"],
  // array.init_data array.init_elem
  [0x12, 2, "index2", "riii>"],
  // ref.test ref.test_null
  [0x14, 2, "heap", "r>i"],
  // ref.cast ref.cast_null
  [0x16, 2, "heap", "*"],
  // br_on_cast br_on_cast_fail
  [0x18, 2, "cast", "*"],
  // any.convert_extern extern.convert_any ref.i31
  [0x1a, 3, "", "*"],
  // i31.get_s i31.get_u
  [0x1d, 2, "", "r>i"],
];

const MISC: readonly Row[] = [
  // i32.trunc_sat_f32_s i32.trunc_sat_f32_u
  [0x00, 2, "", "f>i"],
  // i32.trunc_sat_f64_s i32.trunc_sat_f64_u
  [0x02, 2, "", "d>i"],
  // i64.trunc_sat_f32_s i64.trunc_sat_f32_u
  [0x04, 2, "", "f>l"],
  // i64.trunc_sat_f64_s i64.trunc_sat_f64_u
  [0x06, 2, "", "d>l"],
  // memory.init
  [0x08, 1, "index2", "iii>"],
  // data.drop
  [0x09, 1, "index", ">"],
  // memory.copy
  [0x0a, 1, "index2", "iii>"],
  // memory.fill
  [0x0b, 1, "index", "iii>"],
  // table.init
  [0x0c, 1, "index2", "iii>"],
  // elem.drop
  [0x0d, 1, "index", ">"],
  // table.copy
  [0x0e, 1, "index2", "iii>"],
  // table.grow
  [0x0f, 1, "index", "ri>i"],
  // table.size
  [0x10, 1, "index", ">i"],
  // table.fill
  [0x11, 1, "index", "iri>"],
];

const SIMD: readonly Row[] = [
  // v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u
  // v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat
  [0x00, 11, "memarg", "i>v"],
  // v128.store
  [0x0b, 1, "memarg", "iv>", STORES],
  // v128.const
  [0x0c, 1, "16 bytes", ">v"],
  // i8x16.shuffle
  [0x0d, 1, "16 bytes", "vv>v"],
  // i8x16.swizzle
  [0x0e, 1, "", "vv>v"],
  // i8x16.splat i16x8.splat i32x4.splat
  [0x0f, 3, "", "i>v"],
  // i64x2.splat
  [0x12, 1, "", "l>v"],
  // f32x4.splat
  [0x13, 1, "", "f>v"],
  // f64x2.splat
  [0x14, 1, "", "d>v"],
  // i8x16.extract_lane_s i8x16.extract_lane_u
  [0x15, 2, "lane", "v>i"],
  // i8x16.replace_lane
  [0x17, 1, "lane", "vi>v"],
  // i16x8.extract_lane_s i16x8.extract_lane_u
  [0x18, 2, "lane", "v>i"],
  // i16x8.replace_lane
  [0x1a, 1, "lane", "vi>v"],
  // i32x4.extract_lane
  [0x1b, 1, "lane", "v>i"],
  // i32x4.replace_lane
  [0x1c, 1, "lane", "vi>v"],
  // i64x2.extract_lane
  [0x1d, 1, "lane", "v>l"],
  // i64x2.replace_lane
  [0x1e, 1, "lane", "vl>v"],
  // f32x4.extract_lane
  [0x1f, 1, "lane", "v>f"],
  // f32x4.replace_lane
  [0x20, 1, "lane", "vf>v"],
  // f64x2.extract_lane
  [0x21, 1, "lane", "v>d"],
  // f64x2.replace_lane
  [0x22, 1, "lane", "vd>v"],
  // i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u i16x8.eq
  // i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u i32x4.eq i32x4.ne
  // i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u f32x4.eq f32x4.ne f32x4.lt
  // f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge
  [0x23, 42, "", "vv>v"],
  // v128.not
  [0x4d, 1, "", "v>v"],
  // v128.and v128.andnot v128.or v128.xor
  [0x4e, 4, "", "vv>v"],
  // v128.bitselect
  [0x52, 1, "", "vvv>v"],
  // v128.any_true
  [0x53, 1, "", "v>i"],
  // v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane
  [0x54, 4, "memarg lane", "iv>v"],
  // v128.store8_lane v128.store16_lane v128.store32_lane v128.store64_lane
  [0x58, 4, "memarg lane", "iv>", STORES],
  // v128.load32_zero v128.load64_zero
  [0x5c, 2, "memarg", "i>v"],
  // f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt
  [0x5e, 5, "", "v>v"],
  // i8x16.all_true i8x16.bitmask
  [0x63, 2, "", "v>i"],
  // i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u
  [0x65, 2, "", "vv>v"],
  // f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest
  [0x67, 4, "", "v>v"],
  // i8x16.shl i8x16.shr_s i8x16.shr_u
  [0x6b, 3, "", "vi>v"],
  // i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u
  [0x6e, 6, "", "vv>v"],
  // f64x2.ceil f64x2.floor
  [0x74, 2, "", "v>v"],
  // i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u
  [0x76, 4, "", "vv>v"],
  // f64x2.trunc
  [0x7a, 1, "", "v>v"],
  // i8x16.avgr_u
  [0x7b, 1, "", "vv>v"],
  // i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s
  // i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg
  [0x7c, 6, "", "v>v"],
  // i16x8.q15mulr_sat_s
  [0x82, 1, "", "vv>v"],
  // i16x8.all_true i16x8.bitmask
  [0x83, 2, "", "v>i"],
  // i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
  [0x85, 2, "", "vv>v"],
  // i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u
  [0x87, 4, "", "v>v"],
  // i16x8.shl i16x8.shr_s i16x8.shr_u
  [0x8b, 3, "", "vi>v"],
  // i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u
  [0x8e, 6, "", "vv>v"],
  // f64x2.nearest
  [0x94, 1, "", "v>v"],
  // i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u
  [0x95, 5, "", "vv>v"],
  // i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u
  [0x9b, 5, "", "vv>v"],
  // i32x4.abs i32x4.neg
  [0xa0, 2, "", "v>v"],
  // i32x4.all_true i32x4.bitmask
  [0xa3, 2, "", "v>i"],
  // i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u
  [0xa7, 4, "", "v>v"],
  // i32x4.shl i32x4.shr_s i32x4.shr_u
  [0xab, 3, "", "vi>v"],
  // i32x4.add
  [0xae, 1, "", "vv>v"],
  // i32x4.sub
  [0xb1, 1, "", "vv>v"],
  // i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s
  [0xb5, 6, "", "vv>v"],
  // i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u
  [0xbc, 4, "", "vv>v"],
  // i64x2.abs i64x2.neg
  [0xc0, 2, "", "v>v"],
  // i64x2.all_true i64x2.bitmask
  [0xc3, 2, "", "v>i"],
  // i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u
  [0xc7, 4, "", "v>v"],
  // i64x2.shl i64x2.shr_s i64x2.shr_u
  [0xcb, 3, "", "vi>v"],
  // i64x2.add
  [0xce, 1, "", "vv>v"],
  // i64x2.sub
  [0xd1, 1, "", "vv>v"],
  // i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s i64x2.extmul_low_i32x4_s
  // i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u
  [0xd5, 11, "", "vv>v"],
  // f32x4.abs f32x4.neg
  [0xe0, 2, "", "v>v"],
  // f32x4.sqrt
  [0xe3, 1, "", "v>v"],
  // f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax
  [0xe4, 8, "", "vv>v"],
  // f64x2.abs f64x2.neg
  [0xec, 2, "", "v>v"],
  // f64x2.sqrt
  [0xef, 1, "", "v>v"],
  // f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax
  [0xf0, 8, "", "vv>v"],
  // i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u
  // i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
  [0xf8, 8, "", "v>v"],
  // i8x16.relaxed_swizzle
  [0x100, 1, "", "vv>v"],
  // i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u i32x4.relaxed_trunc_f64x2_s_zero
  // i32x4.relaxed_trunc_f64x2_u_zero
  [0x101, 4, "", "v>v"],
  // f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd i8x16.relaxed_laneselect
  // i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect
  [0x105, 8, "", "vvv>v"],
  // f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max i16x8.relaxed_q15mulr_s
  // i16x8.relaxed_dot_i8x16_i7x16_s
  [0x10d, 6, "", "vv>v"],
  // i32x4.relaxed_dot_i8x16_i7x16_add_s
  [0x113, 1, "", "vvv>v"],
];

const ATOMIC: readonly Row[] = [
  // memory.atomic.notify
  [0x00, 1, "memarg", "ii>i"],
  // memory.atomic.wait32
  [0x01, 1, "memarg", "iil>i"],
  // memory.atomic.wait64
  [0x02, 1, "memarg", "ill>i"],
  // atomic.fence
  [0x03, 1, "lane", ">"],
  // i32.atomic.load
  [0x10, 1, "memarg", "i>i"],
  // i64.atomic.load
  [0x11, 1, "memarg", "i>l"],
  // i32.atomic.load8_u i32.atomic.load16_u
  [0x12, 2, "memarg", "i>i"],
  // i64.atomic.load8_u i64.atomic.load16_u i64.atomic.load32_u
  [0x14, 3, "memarg", "i>l"],
  // i32.atomic.store
  [0x17, 1, "memarg", "ii>", STORES],
  // i64.atomic.store
  [0x18, 1, "memarg", "il>", STORES],
  // i32.atomic.store8 i32.atomic.store16
  [0x19, 2, "memarg", "ii>", STORES],
  // i64.atomic.store8 i64.atomic.store16 i64.atomic.store32
  [0x1b, 3, "memarg", "il>", STORES],
  // add sub and or xor xchg
  ...[0x1e, 0x25, 0x2c, 0x33, 0x3a, 0x41].flatMap((first) => readModifyWrite(first, "i", "l")),
  // cmpxchg
  ...readModifyWrite(0x48, "ii", "ll"),
];

/** The seven widths of one atomic operation. */
function readModifyWrite(first: number, operands32: string, operands64: string): Row[] {
  const row = (at: number, count: number, operands: string): Row => [
    first + at,
    count,
    "memarg",
    `i${operands}>${operands[0]}`,
    STORES,
  ];
  return [
    // i32.atomic.rmw
    row(0, 1, operands32),
    // i64.atomic.rmw
    row(1, 1, operands64),
    // i32.atomic.rmw8_u i32.atomic.rmw16_u
    row(2, 2, operands32),
    // i64.atomic.rmw8_u i64.atomic.rmw16_u i64.atomic.rmw32_u
    row(4, 3, operands64),
  ];
}

/**
 * All opcodes in one dense numbering, so that what is known of them sits in flat arrays: plain opcodes as they are, then a
 * page for each prefix. SIMD has sub-opcodes beyond 255 and gets two.
 */
interface Page {
  readonly base: number;
  readonly size: number;
  readonly rows: readonly Row[];
}

/** By prefix. */
const PAGES: Readonly<Record<number, Page>> = {
  0: { base: 0x000, size: 0x100, rows: PLAIN },
  251: { base: 0x100, size: 0x100, rows: GC },
  252: { base: 0x200, size: 0x100, rows: MISC },
  253: { base: 0x300, size: 0x200, rows: SIMD },
  254: { base: 0x500, size: 0x100, rows: ATOMIC },
};
export const OPCODE_COUNT = 0x600;

/** The dense number of an opcode; -1 where there cannot be one. */
export function opcodeOf(prefix: number, sub: number): number {
  const page = PAGES[prefix];
  return page !== undefined && sub < page.size ? page.base + sub : -1;
}

export interface Instruction {
  readonly opcode: number;
  readonly immediate: Immediate;
  readonly signature: string;
  readonly stores: boolean;
}

/** By dense number. */
export const INSTRUCTIONS: readonly (Instruction | undefined)[] = (() => {
  const all: (Instruction | undefined)[] = new Array(OPCODE_COUNT).fill(undefined);
  for (const { base, rows } of Object.values(PAGES)) {
    for (const [first, count, immediate, signature, stores = false] of rows) {
      for (let opcode = base + first; opcode < base + first + count; opcode++) {
        if (all[opcode] !== undefined) throw new Error(`two rows for instruction ${opcode}`);
        all[opcode] = { opcode, immediate, signature, stores };
      }
    }
  }
  return all;
})();
