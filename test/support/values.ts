/**
 * Values of WebAssembly test scripts, bit for bit. JavaScript cannot hold a v128 and need not keep the payload of a NaN, so
 * a number of any type is a bigint of its bits here, in calls as well as in answers (test/support/bridge.ts carries them
 * over). What a script expects is a pattern of lanes; a scalar has one.
 */
import type { List, Node } from "./sexpr.ts";

export type NumberType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Bits of a number, or a reference as JavaScript sees it. */
export type Value = bigint | null | object | string;

/** Bits, or one of the two classes of NaN, of `laneBits` bits. */
type Lane = bigint | "nan:canonical" | "nan:arithmetic";

export type Pattern =
  | { readonly kind: "number"; readonly type: NumberType; readonly laneBits: number; readonly lanes: readonly Lane[] }
  | { readonly kind: "ref"; readonly is: "null" | "func" | "any" }
  | { readonly kind: "extern"; readonly id: string }
  | { readonly kind: "either"; readonly of: readonly Pattern[] };

/** The host value that a script calls `(ref.extern id)`. */
export function externValue(id: string): string {
  return `extern ${id}`;
}

const view = new DataView(new ArrayBuffer(8));

/**
 * Value of a hexadecimal float. The digits are rounded once, by Number, and scaled in two steps because a power of two alone
 * may leave the range that the product is in.
 */
function hexFloat(text: string): number {
  const [, whole, fraction = "", exponent = "0"] = /^0x([0-9a-f]+)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/.exec(text)!;
  const scale = Number(exponent) - 4 * fraction.length;
  const half = Math.trunc(scale / 2);
  return Number(BigInt(`0x${whole}${fraction}`)) * 2 ** half * 2 ** (scale - half);
}

function floatLane(text: string, bits: number): Lane {
  if (text === "nan:canonical" || text === "nan:arithmetic") return text;
  const negative = text.startsWith("-");
  const magnitude = text.replace(/^[+-]/, "").replaceAll("_", "").toLowerCase();
  const sign = negative ? 1n << BigInt(bits - 1) : 0n;
  const infinity = bits === 32 ? 0x7f800000n : 0x7ff0000000000000n;
  if (magnitude === "inf") return sign | infinity;
  if (magnitude === "nan") return sign | infinity | (bits === 32 ? 0x400000n : 0x8000000000000n);
  if (magnitude.startsWith("nan:")) return sign | infinity | BigInt(magnitude.slice(4));
  const value = magnitude.startsWith("0x") ? hexFloat(magnitude) : Number(magnitude);
  if (bits === 32) {
    view.setFloat32(0, value);
    return sign | BigInt(view.getUint32(0));
  }
  view.setFloat64(0, value);
  return sign | view.getBigUint64(0);
}

function integerLane(text: string, bits: number): bigint {
  const negative = text.startsWith("-");
  const magnitude = BigInt(text.replace(/^[+-]/, "").replaceAll("_", ""));
  return BigInt.asUintN(bits, negative ? -magnitude : magnitude);
}

function atoms(nodes: readonly Node[]): string[] {
  return nodes.map((node) => {
    if (node.kind !== "atom") throw new Error(`not a word at ${node.start}`);
    return node.text;
  });
}

/** Reads `(i32.const 1)`, `(v128.const i8x16 …)`, `(ref.null func)`, `(either …)` and so on, as an expected answer. */
export function readPattern(list: List): Pattern {
  const head = list.items[0];
  if (head?.kind !== "atom") throw new Error(`no value at ${list.start}`);
  if (head.text === "either") {
    return { kind: "either", of: list.items.slice(1).map((item) => readPattern(item as List)) };
  }
  const words = atoms(list.items.slice(1));
  if (head.text === "v128.const") {
    const [, laneType, laneBits] = /^([if])(\d+)x\d+$/.exec(words[0]!)!;
    const bits = Number(laneBits);
    const lanes = words.slice(1).map((word) => (laneType === "i" ? integerLane(word, bits) : floatLane(word, bits)));
    return { kind: "number", type: "v128", laneBits: bits, lanes };
  }
  const scalar = /^([if])(32|64)\.const$/.exec(head.text);
  if (scalar !== null) {
    const laneBits = Number(scalar[2]);
    const lane = scalar[1] === "i" ? integerLane(words[0]!, laneBits) : floatLane(words[0]!, laneBits);
    return { kind: "number", type: head.text.slice(0, 3) as NumberType, laneBits, lanes: [lane] };
  }
  if (head.text === "ref.null") return { kind: "ref", is: "null" };
  if (head.text === "ref.extern" && words.length === 1) return { kind: "extern", id: words[0]! };
  if (head.text === "ref.func") return { kind: "ref", is: "func" };
  if (head.text.startsWith("ref.")) return { kind: "ref", is: "any" };
  throw new Error(`${head.text} is no value that scripts use`);
}

/** A value to pass in; only what has exactly one representation can be passed. */
export function readValue(list: List): Value {
  const pattern = readPattern(list);
  if (pattern.kind === "extern") return externValue(pattern.id);
  if (pattern.kind === "ref" && pattern.is === "null") return null;
  if (pattern.kind !== "number") throw new Error(`not a value to pass, at ${list.start}`);
  return pattern.lanes.reduce<bigint>((bits, lane, index) => {
    if (typeof lane !== "bigint") throw new Error(`not a value to pass, at ${list.start}`);
    return bits | (lane << BigInt(index * pattern.laneBits));
  }, 0n);
}

function laneMatches(bits: bigint, lane: Lane, laneBits: number): boolean {
  if (typeof lane === "bigint") return bits === lane;
  const magnitude = bits & ~(1n << BigInt(laneBits - 1));
  const canonical = laneBits === 32 ? 0x7fc00000n : 0x7ff8000000000000n;
  return lane === "nan:canonical" ? magnitude === canonical : magnitude >= canonical;
}

export function matches(value: Value | undefined, pattern: Pattern): boolean {
  switch (pattern.kind) {
    case "either":
      return pattern.of.some((one) => matches(value, one));
    case "extern":
      return value === externValue(pattern.id);
    case "ref":
      if (pattern.is === "null") return value === null;
      return pattern.is === "func" ? typeof value === "function" : value !== null && value !== undefined;
    case "number":
      return pattern.lanes.every(
        (lane, index) =>
          typeof value === "bigint" &&
          laneMatches(
            BigInt.asUintN(pattern.laneBits, value >> BigInt(index * pattern.laneBits)),
            lane,
            pattern.laneBits,
          ),
      );
  }
}
