/**
 * Every instruction we know, as data: its immediates, what it pops and pushes. One table for all who walk code.
 *
 * A row stands for a run of consecutive opcodes that have the same immediates and the same signature; each run begins where the
 * one before it ends. A row without a signature stands for opcodes that are no instructions, and are refused. The signature is what
 * is popped, `>`, what is pushed. Operands are letters:
 *
 *   i l f d v   i32 i64 f32 f64 v128
 *   a           i32, the address of memory that is changed, before the offset of a memarg is added
 *   r           some reference
 *   x           any operand
 *   ?           a type that follows from the immediates or from what is popped: prepare/scan.ts knows
 *   *           how many there are depends on the immediates or on what surrounds the instruction: scan.ts knows that as well
 *   !           the same, and what follows is not reached
 *
 * Included is what stable V8 compiles without flags: 1.0, sign extension, saturating conversions, multi-value, bulk memory,
 * reference types, tail calls, both encodings of exceptions, SIMD and relaxed SIMD, atomics, typed function references, garbage
 * collection. Opcodes and names are for the reader alone, so no page downloads them; a test has both as well, and asks the
 * engine (test/support/instructions.ts).
 */

/** How the bytes after an opcode are to be read. */
export const INDEX = 1; // or a one-byte 0
export const TWO_INDICES = 2;
export const MEMARG = 3;
export const MEMARG_LANE = 4;
export const S32 = 5;
export const S64 = 6;
export const HEAP_TYPE = 7;
export const TYPES = 8; // select with its type
export const BLOCK_TYPE = 9;
export const LABEL = 10;
export const LABELS = 11; // br_table
export const CATCHES = 12; // try_table
export const CAST = 13; // br_on_cast: flags, label, two heap types
/** And from here on: so many bytes more than this are passed over. */
export const BYTES = 16;

type Row = readonly [count: number, signature?: string, immediate?: number];

const PLAIN: readonly Row[] = [
  // 0x00 unreachable
  [1, "!"],
  // 0x01 nop
  [1, ">"],
  // 0x02 block loop if
  [3, "*", BLOCK_TYPE],
  // 0x05 else
  [1, "*"],
  // 0x06 try
  [1, "*", BLOCK_TYPE],
  // 0x07 catch
  [1, "*", INDEX],
  // 0x08 throw
  [1, "!", INDEX],
  // 0x09 rethrow
  [1, "!", LABEL],
  // 0x0a throw_ref
  [1, "!"],
  // 0x0b end
  [1, "*"],
  // 0x0c br
  [1, "!", LABEL],
  // 0x0d br_if
  [1, "*", LABEL],
  // 0x0e br_table
  [1, "!", LABELS],
  // 0x0f return
  [1, "!"],
  // 0x10 call
  [1, "*", INDEX],
  // 0x11 call_indirect
  [1, "*", TWO_INDICES],
  // 0x12 return_call
  [1, "!", INDEX],
  // 0x13 return_call_indirect
  [1, "!", TWO_INDICES],
  // 0x14 call_ref
  [1, "*", INDEX],
  // 0x15 return_call_ref
  [1, "!", INDEX],
  [2],
  // 0x18 delegate
  [1, "*", LABEL],
  // 0x19 catch_all
  [1, "*"],
  // 0x1a drop
  [1, "x>"],
  // 0x1b select
  [1, "xxi>?"],
  // 0x1c select_t
  [1, "xxi>?", TYPES],
  [2],
  // 0x1f try_table
  [1, "*", CATCHES],
  // 0x20 local.get
  [1, ">?", INDEX],
  // 0x21 local.set
  [1, "x>", INDEX],
  // 0x22 local.tee
  [1, "x>?", INDEX],
  // 0x23 global.get
  [1, ">?", INDEX],
  // 0x24 global.set
  [1, "x>", INDEX],
  // 0x25 table.get
  [1, "i>?", INDEX],
  // 0x26 table.set
  [1, "ix>", INDEX],
  [1],
  // 0x28 i32.load
  [1, "i>i", MEMARG],
  // 0x29 i64.load
  [1, "i>l", MEMARG],
  // 0x2a f32.load
  [1, "i>f", MEMARG],
  // 0x2b f64.load
  [1, "i>d", MEMARG],
  // 0x2c i32.load8_s i32.load8_u i32.load16_s i32.load16_u
  [4, "i>i", MEMARG],
  // 0x30 i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u
  [6, "i>l", MEMARG],
  // 0x36 i32.store
  [1, "ai>", MEMARG],
  // 0x37 i64.store
  [1, "al>", MEMARG],
  // 0x38 f32.store
  [1, "af>", MEMARG],
  // 0x39 f64.store
  [1, "ad>", MEMARG],
  // 0x3a i32.store8 i32.store16
  [2, "ai>", MEMARG],
  // 0x3c i64.store8 i64.store16 i64.store32
  [3, "al>", MEMARG],
  // 0x3f memory.size
  [1, ">i", INDEX],
  // 0x40 memory.grow
  [1, "i>i", INDEX],
  // 0x41 i32.const
  [1, ">i", S32],
  // 0x42 i64.const
  [1, ">l", S64],
  // 0x43 f32.const
  [1, ">f", BYTES + 4],
  // 0x44 f64.const
  [1, ">d", BYTES + 8],
  // 0x45 i32.eqz
  [1, "i>i"],
  // 0x46 i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
  [10, "ii>i"],
  // 0x50 i64.eqz
  [1, "l>i"],
  // 0x51 i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u
  [10, "ll>i"],
  // 0x5b f32.eq f32.ne f32.lt f32.gt f32.le f32.ge
  [6, "ff>i"],
  // 0x61 f64.eq f64.ne f64.lt f64.gt f64.le f64.ge
  [6, "dd>i"],
  // 0x67 i32.clz i32.ctz i32.popcnt
  [3, "i>i"],
  // 0x6a i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s
  // i32.shr_u i32.rotl i32.rotr
  [15, "ii>i"],
  // 0x79 i64.clz i64.ctz i64.popcnt
  [3, "l>l"],
  // 0x7c i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s
  // i64.shr_u i64.rotl i64.rotr
  [15, "ll>l"],
  // 0x8b f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt
  [7, "f>f"],
  // 0x92 f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign
  [7, "ff>f"],
  // 0x99 f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt
  [7, "d>d"],
  // 0xa0 f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign
  [7, "dd>d"],
  // 0xa7 i32.wrap_i64
  [1, "l>i"],
  // 0xa8 i32.trunc_f32_s i32.trunc_f32_u
  [2, "f>i"],
  // 0xaa i32.trunc_f64_s i32.trunc_f64_u
  [2, "d>i"],
  // 0xac i64.extend_i32_s i64.extend_i32_u
  [2, "i>l"],
  // 0xae i64.trunc_f32_s i64.trunc_f32_u
  [2, "f>l"],
  // 0xb0 i64.trunc_f64_s i64.trunc_f64_u
  [2, "d>l"],
  // 0xb2 f32.convert_i32_s f32.convert_i32_u
  [2, "i>f"],
  // 0xb4 f32.convert_i64_s f32.convert_i64_u
  [2, "l>f"],
  // 0xb6 f32.demote_f64
  [1, "d>f"],
  // 0xb7 f64.convert_i32_s f64.convert_i32_u
  [2, "i>d"],
  // 0xb9 f64.convert_i64_s f64.convert_i64_u
  [2, "l>d"],
  // 0xbb f64.promote_f32
  [1, "f>d"],
  // 0xbc i32.reinterpret_f32
  [1, "f>i"],
  // 0xbd i64.reinterpret_f64
  [1, "d>l"],
  // 0xbe f32.reinterpret_i32
  [1, "i>f"],
  // 0xbf f64.reinterpret_i64
  [1, "l>d"],
  // 0xc0 i32.extend8_s i32.extend16_s
  [2, "i>i"],
  // 0xc2 i64.extend8_s i64.extend16_s i64.extend32_s
  [3, "l>l"],
  [11],
  // 0xd0 ref.null
  [1, ">?", HEAP_TYPE],
  // 0xd1 ref.is_null
  [1, "r>i"],
  // 0xd2 ref.func
  [1, ">?", INDEX],
  // 0xd3 ref.eq
  [1, "rr>i"],
  // 0xd4 ref.as_non_null
  [1, "r>?"],
  // 0xd5 br_on_null
  [1, "r>?", LABEL],
  // 0xd6 br_on_non_null
  [1, "*", LABEL],
];

const GC: readonly Row[] = [
  // 0x00 struct.new
  [1, "*", INDEX],
  // 0x01 struct.new_default
  [1, ">?", INDEX],
  // 0x02 struct.get struct.get_s struct.get_u
  [3, "r>?", TWO_INDICES],
  // 0x05 struct.set
  [1, "rx>", TWO_INDICES],
  // 0x06 array.new
  [1, "xi>?", INDEX],
  // 0x07 array.new_default
  [1, "i>?", INDEX],
  // 0x08 array.new_fixed
  [1, "*", TWO_INDICES],
  // 0x09 array.new_data array.new_elem
  [2, "ii>?", TWO_INDICES],
  // 0x0b array.get array.get_s array.get_u
  [3, "ri>?", INDEX],
  // 0x0e array.set
  [1, "rix>", INDEX],
  // 0x0f array.len
  [1, "r>i"],
  // 0x10 array.fill
  [1, "rixi>", INDEX],
  // 0x11 array.copy
  [1, "ririi>", TWO_INDICES],
  // 0x12 array.init_data array.init_elem
  [2, "riii>", TWO_INDICES],
  // 0x14 ref.test ref.test_null
  [2, "r>i", HEAP_TYPE],
  // 0x16 ref.cast ref.cast_null
  [2, "r>?", HEAP_TYPE],
  // 0x18 br_on_cast br_on_cast_fail
  [2, "r>?", CAST],
  // 0x1a any.convert_extern extern.convert_any
  [2, "r>?"],
  // 0x1c ref.i31
  [1, "i>?"],
  // 0x1d i31.get_s i31.get_u
  [2, "r>i"],
];

const MISC: readonly Row[] = [
  // 0x00 i32.trunc_sat_f32_s i32.trunc_sat_f32_u
  [2, "f>i"],
  // 0x02 i32.trunc_sat_f64_s i32.trunc_sat_f64_u
  [2, "d>i"],
  // 0x04 i64.trunc_sat_f32_s i64.trunc_sat_f32_u
  [2, "f>l"],
  // 0x06 i64.trunc_sat_f64_s i64.trunc_sat_f64_u
  [2, "d>l"],
  // 0x08 memory.init
  [1, "aii>", TWO_INDICES],
  // 0x09 data.drop
  [1, ">", INDEX],
  // 0x0a memory.copy
  [1, "aii>", TWO_INDICES],
  // 0x0b memory.fill
  [1, "aii>", INDEX],
  // 0x0c table.init
  [1, "iii>", TWO_INDICES],
  // 0x0d elem.drop
  [1, ">", INDEX],
  // 0x0e table.copy
  [1, "iii>", TWO_INDICES],
  // 0x0f table.grow
  [1, "ri>i", INDEX],
  // 0x10 table.size
  [1, ">i", INDEX],
  // 0x11 table.fill
  [1, "iri>", INDEX],
];

const SIMD: readonly Row[] = [
  // 0x00 v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u
  // v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat
  [11, "i>v", MEMARG],
  // 0x0b v128.store
  [1, "av>", MEMARG],
  // 0x0c v128.const
  [1, ">v", BYTES + 16],
  // 0x0d i8x16.shuffle
  [1, "vv>v", BYTES + 16],
  // 0x0e i8x16.swizzle
  [1, "vv>v"],
  // 0x0f i8x16.splat i16x8.splat i32x4.splat
  [3, "i>v"],
  // 0x12 i64x2.splat
  [1, "l>v"],
  // 0x13 f32x4.splat
  [1, "f>v"],
  // 0x14 f64x2.splat
  [1, "d>v"],
  // 0x15 i8x16.extract_lane_s i8x16.extract_lane_u
  [2, "v>i", BYTES + 1],
  // 0x17 i8x16.replace_lane
  [1, "vi>v", BYTES + 1],
  // 0x18 i16x8.extract_lane_s i16x8.extract_lane_u
  [2, "v>i", BYTES + 1],
  // 0x1a i16x8.replace_lane
  [1, "vi>v", BYTES + 1],
  // 0x1b i32x4.extract_lane
  [1, "v>i", BYTES + 1],
  // 0x1c i32x4.replace_lane
  [1, "vi>v", BYTES + 1],
  // 0x1d i64x2.extract_lane
  [1, "v>l", BYTES + 1],
  // 0x1e i64x2.replace_lane
  [1, "vl>v", BYTES + 1],
  // 0x1f f32x4.extract_lane
  [1, "v>f", BYTES + 1],
  // 0x20 f32x4.replace_lane
  [1, "vf>v", BYTES + 1],
  // 0x21 f64x2.extract_lane
  [1, "v>d", BYTES + 1],
  // 0x22 f64x2.replace_lane
  [1, "vd>v", BYTES + 1],
  // 0x23 i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u i8x16.ge_s i8x16.ge_u
  // i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u i32x4.eq
  // i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u f32x4.eq f32x4.ne
  // f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge
  [42, "vv>v"],
  // 0x4d v128.not
  [1, "v>v"],
  // 0x4e v128.and v128.andnot v128.or v128.xor
  [4, "vv>v"],
  // 0x52 v128.bitselect
  [1, "vvv>v"],
  // 0x53 v128.any_true
  [1, "v>i"],
  // 0x54 v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane
  [4, "iv>v", MEMARG_LANE],
  // 0x58 v128.store8_lane v128.store16_lane v128.store32_lane v128.store64_lane
  [4, "av>", MEMARG_LANE],
  // 0x5c v128.load32_zero v128.load64_zero
  [2, "i>v", MEMARG],
  // 0x5e f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt
  [5, "v>v"],
  // 0x63 i8x16.all_true i8x16.bitmask
  [2, "v>i"],
  // 0x65 i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u
  [2, "vv>v"],
  // 0x67 f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest
  [4, "v>v"],
  // 0x6b i8x16.shl i8x16.shr_s i8x16.shr_u
  [3, "vi>v"],
  // 0x6e i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub i8x16.sub_sat_s i8x16.sub_sat_u
  [6, "vv>v"],
  // 0x74 f64x2.ceil f64x2.floor
  [2, "v>v"],
  // 0x76 i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u
  [4, "vv>v"],
  // 0x7a f64x2.trunc
  [1, "v>v"],
  // 0x7b i8x16.avgr_u
  [1, "vv>v"],
  // 0x7c i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s
  // i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg
  [6, "v>v"],
  // 0x82 i16x8.q15mulr_sat_s
  [1, "vv>v"],
  // 0x83 i16x8.all_true i16x8.bitmask
  [2, "v>i"],
  // 0x85 i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
  [2, "vv>v"],
  // 0x87 i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u
  [4, "v>v"],
  // 0x8b i16x8.shl i16x8.shr_s i16x8.shr_u
  [3, "vi>v"],
  // 0x8e i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub i16x8.sub_sat_s i16x8.sub_sat_u
  [6, "vv>v"],
  // 0x94 f64x2.nearest
  [1, "v>v"],
  // 0x95 i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u
  [5, "vv>v"],
  [1],
  // 0x9b i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u
  // i16x8.extmul_high_i8x16_u
  [5, "vv>v"],
  // 0xa0 i32x4.abs i32x4.neg
  [2, "v>v"],
  [1],
  // 0xa3 i32x4.all_true i32x4.bitmask
  [2, "v>i"],
  [2],
  // 0xa7 i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u
  [4, "v>v"],
  // 0xab i32x4.shl i32x4.shr_s i32x4.shr_u
  [3, "vi>v"],
  // 0xae i32x4.add
  [1, "vv>v"],
  [2],
  // 0xb1 i32x4.sub
  [1, "vv>v"],
  [3],
  // 0xb5 i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s
  [6, "vv>v"],
  [1],
  // 0xbc i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u i32x4.extmul_high_i16x8_u
  [4, "vv>v"],
  // 0xc0 i64x2.abs i64x2.neg
  [2, "v>v"],
  [1],
  // 0xc3 i64x2.all_true i64x2.bitmask
  [2, "v>i"],
  [2],
  // 0xc7 i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u i64x2.extend_high_i32x4_u
  [4, "v>v"],
  // 0xcb i64x2.shl i64x2.shr_s i64x2.shr_u
  [3, "vi>v"],
  // 0xce i64x2.add
  [1, "vv>v"],
  [2],
  // 0xd1 i64x2.sub
  [1, "vv>v"],
  [3],
  // 0xd5 i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s i64x2.extmul_low_i32x4_s
  // i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u
  [11, "vv>v"],
  // 0xe0 f32x4.abs f32x4.neg
  [2, "v>v"],
  [1],
  // 0xe3 f32x4.sqrt
  [1, "v>v"],
  // 0xe4 f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax
  [8, "vv>v"],
  // 0xec f64x2.abs f64x2.neg
  [2, "v>v"],
  [1],
  // 0xef f64x2.sqrt
  [1, "v>v"],
  // 0xf0 f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax
  [8, "vv>v"],
  // 0xf8 i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u
  // i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
  [8, "v>v"],
  // 0x100 i8x16.relaxed_swizzle
  [1, "vv>v"],
  // 0x101 i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u i32x4.relaxed_trunc_f64x2_s_zero
  // i32x4.relaxed_trunc_f64x2_u_zero
  [4, "v>v"],
  // 0x105 f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd i8x16.relaxed_laneselect
  // i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect
  [8, "vvv>v"],
  // 0x10d f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max i16x8.relaxed_q15mulr_s
  // i16x8.relaxed_dot_i8x16_i7x16_s
  [6, "vv>v"],
  // 0x113 i32x4.relaxed_dot_i8x16_i7x16_add_s
  [1, "vvv>v"],
];

/** The widths of one atomic operation: i32, i64, i32 of 8 and 16 bits, i64 of 8, 16 and 32 bits. */
const widths = (i32: string, i64: string): Row[] => [
  [1, i32, MEMARG],
  [1, i64, MEMARG],
  [2, i32, MEMARG],
  [3, i64, MEMARG],
];

const ATOMIC: readonly Row[] = [
  // 0x00 memory.atomic.notify
  [1, "ii>i", MEMARG],
  // 0x01 memory.atomic.wait32
  [1, "iil>i", MEMARG],
  // 0x02 memory.atomic.wait64
  [1, "ill>i", MEMARG],
  // 0x03 atomic.fence
  [1, ">", BYTES + 1],
  [12],
  // 0x10 load
  ...widths("i>i", "i>l"),
  // 0x17 store
  ...widths("ai>", "al>"),
  // 0x1e rmw.add
  ...widths("ai>i", "al>l"),
  // 0x25 rmw.sub
  ...widths("ai>i", "al>l"),
  // 0x2c rmw.and
  ...widths("ai>i", "al>l"),
  // 0x33 rmw.or
  ...widths("ai>i", "al>l"),
  // 0x3a rmw.xor
  ...widths("ai>i", "al>l"),
  // 0x41 rmw.xchg
  ...widths("ai>i", "al>l"),
  // 0x48 rmw.cmpxchg
  ...widths("aii>i", "all>l"),
];

/**
 * All opcodes in one dense numbering, so that what is known of them sits in flat arrays: plain opcodes as they are, then a page
 * for each prefix from 0xfb on, which begins here. SIMD has sub-opcodes beyond 255 and gets two.
 */
const PAGES: readonly number[] = [0x000, 0x100, 0x200, 0x300, 0x500, 0x600];
export const OPCODE_COUNT = 0x600;

/** The dense number of an opcode with a prefix; -1 where there cannot be one. */
export function opcodeOf(prefix: number, sub: number): number {
  const page = prefix - 0xfa;
  const opcode = PAGES[page]! + sub;
  return opcode < PAGES[page + 1]! ? opcode : -1;
}

/** By dense number; undefined and 0 for what is no instruction. */
export const SIGNATURES: (string | undefined)[] = new Array(OPCODE_COUNT).fill(undefined);
export const IMMEDIATES: Uint8Array = new Uint8Array(OPCODE_COUNT);
for (const [page, rows] of [PLAIN, GC, MISC, SIMD, ATOMIC].entries()) {
  let opcode = PAGES[page]!;
  for (const [count, signature, immediate = BYTES] of rows) {
    const end = opcode + count;
    if (signature !== undefined) {
      SIGNATURES.fill(signature, opcode, end);
      IMMEDIATES.fill(immediate, opcode, end);
    }
    opcode = end;
  }
}

/** Whether the opcode alone says what an instruction pops and pushes. */
export function isFixed(opcode: number): boolean {
  const signature = SIGNATURES[opcode];
  return signature !== undefined && !/[x?*!]/.test(signature);
}

/** Whether an instruction opens a construct, which another one closes. */
export function opens(opcode: number): boolean {
  return IMMEDIATES[opcode] === BLOCK_TYPE || IMMEDIATES[opcode] === CATCHES;
}

/** `end` or `delegate`. */
export function closes(opcode: number): boolean {
  return opcode === 0x0b || opcode === 0x18;
}

/** Whether it names labels; those of `rethrow` and `delegate` are no branches. */
export function hasLabels(opcode: number): boolean {
  const immediate = IMMEDIATES[opcode]!;
  return immediate >= LABEL && immediate <= CAST;
}
