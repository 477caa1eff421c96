/**
 * Calls wasm functions and reads wasm globals bit for bit, by little modules made for each type: they take and return i32
 * and i64 where the function has f32, f64 or v128, since JavaScript has no v128 and may change a NaN on the way.
 *
 *   f32 as i32    f64 as i64    v128 as two i64, low half first    references as they are, but for exceptions, which
 *   JavaScript may not see: they come out as whether they are null, and cannot be passed in
 */
import type { FunctionType, GlobalType, ValueType } from "./signatures.ts";
import type { Value } from "./values.ts";

const I32 = 0x7f;
const I64 = 0x7e;
const F32 = 0x7d;
const F64 = 0x7c;
const V128 = 0x7b;
const EXN = 0x69;
const NO_EXN = 0x74;

function u32(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...u32(value >>> 7)];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...u32(items.length), ...items.flat()];
}

function section(id: number, ...items: readonly number[][]): number[] {
  const content = vector(items);
  return [id, ...u32(content.length), ...content];
}

function name(text: string): number[] {
  return vector([...new TextEncoder().encode(text)].map((byte) => [byte]));
}

function functionType(type: FunctionType): number[] {
  return [0x60, ...vector(type.params), ...vector(type.results)];
}

/** Types of the pieces that carry a value of a type. */
function pieceTypes(type: ValueType): ValueType[] {
  switch (type[0]) {
    case F32:
      return [[I32]];
    case F64:
      return [[I64]];
    case V128:
      return [[I64], [I64]];
    case EXN:
    case NO_EXN:
      return [[I32]];
    default:
      return [type];
  }
}

const localGet = (index: number): number[] => [0x20, ...u32(index)];

/** Code that puts a value together from the pieces in locals, from `local` on. */
function assembled(type: ValueType, local: number): number[] {
  const low = localGet(local);
  switch (type[0]) {
    case F32:
      return [...low, 0xbe]; // f32.reinterpret_i32
    case F64:
      return [...low, 0xbf]; // f64.reinterpret_i64
    case V128:
      return [...low, 0xfd, 18, ...localGet(local + 1), 0xfd, 30, 1]; // i64x2.splat, i64x2.replace_lane 1
    default:
      return low;
  }
}

/** Code that takes the value in a local apart. */
function taken(type: ValueType, local: number): number[] {
  const value = localGet(local);
  switch (type[0]) {
    case F32:
      return [...value, 0xbc]; // i32.reinterpret_f32
    case F64:
      return [...value, 0xbd]; // i64.reinterpret_f64
    case V128:
      return [...value, 0xfd, 29, 0, ...value, 0xfd, 29, 1]; // i64x2.extract_lane
    case EXN:
    case NO_EXN:
      return [...value, 0xd1]; // ref.is_null
    default:
      return value;
  }
}

/** A module that imports `external` as "" "x", and exports "call" with the pieces as its parameters and results. */
function bridgeModule(type: FunctionType, importDescription: number[], fetch: number[]): WebAssembly.Module {
  const pieces = { params: type.params.flatMap(pieceTypes), results: type.results.flatMap(pieceTypes) };
  const body: number[] = [];
  let local = 0;
  for (const param of type.params) {
    body.push(...assembled(param, local));
    local += pieceTypes(param).length;
  }
  body.push(...fetch);
  for (let i = type.results.length - 1; i >= 0; i--) body.push(0x21, ...u32(local + i)); // local.set
  for (const [i, result] of type.results.entries()) body.push(...taken(result, local + i));
  body.push(0x0b);
  const code = [...vector(type.results.map((result) => [1, ...result])), ...body];
  const imported = importDescription[0] === 0 ? 1 : 0;
  return new WebAssembly.Module(
    Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, functionType(type), functionType(pieces)),
      ...section(2, [...name(""), ...name("x"), ...importDescription]),
      ...section(3, [1]),
      ...section(7, [...name("call"), 0, imported]),
      ...section(10, [...u32(code.length), ...code]),
    ]),
  );
}

const modules = new Map<string, WebAssembly.Module>();

function instantiate(
  key: string,
  make: () => WebAssembly.Module,
  external: unknown,
): (...pieces: unknown[]) => unknown {
  let module = modules.get(key);
  if (module === undefined) modules.set(key, (module = make()));
  const instance = new WebAssembly.Instance(module, { "": { x: external as WebAssembly.ImportValue } });
  return instance.exports.call as (...pieces: unknown[]) => unknown;
}

/** What crosses, in one direction: bits to pieces. */
function toPieces(value: Value, type: ValueType): unknown[] {
  if (typeof value !== "bigint") return [value];
  switch (type[0]) {
    case I32:
    case F32:
      return [Number(BigInt.asIntN(32, value))];
    case V128:
      return [BigInt.asIntN(64, value), BigInt.asIntN(64, value >> 64n)];
    default:
      return [BigInt.asIntN(64, value)];
  }
}

/** And in the other. */
function fromPieces(pieces: readonly unknown[], types: readonly ValueType[]): Value[] {
  let at = 0;
  return types.map((type) => {
    const piece = pieces[at++];
    switch (type[0]) {
      case I32:
      case F32:
        return BigInt.asUintN(32, BigInt(piece as number));
      case I64:
      case F64:
        return BigInt.asUintN(64, piece as bigint);
      case V128:
        return BigInt.asUintN(64, piece as bigint) | (BigInt.asUintN(64, pieces[at++] as bigint) << 64n);
      case EXN:
      case NO_EXN:
        return piece === 1 ? null : "exception";
      default:
        return piece as Value;
    }
  });
}

function answer(result: unknown, count: number): readonly unknown[] {
  return count === 0 ? [] : count === 1 ? [result] : (result as unknown[]);
}

/** A reference to a type of the module's own, which another module cannot name by the same index. */
export function isConcrete(type: ValueType): boolean {
  return (type[0] === 0x63 || type[0] === 0x64) && (type[1]! & 0x40) === 0;
}

/** Whether caller() can call functions of this type: where no bridge can be had, only with what JavaScript does not change. */
export function isCallable(type: FunctionType): boolean {
  return isBridged(type) || ![...type.params, ...type.results].some(([first]) => first! <= F32 && first! >= V128);
}

function isBridged({ params, results, own }: FunctionType): boolean {
  return own !== true && ![...params, ...results].some(isConcrete);
}

/** A function that calls `target`, of exactly that type, with and for bits. */
export function caller(target: unknown, type: FunctionType): (args: readonly Value[]) => Value[] {
  if (!isBridged(type)) return directCaller(target, type);
  const key = `${type.params}=>${type.results}`;
  const call = instantiate(key, () => bridgeModule(type, [0, 0], [0x10, 0]), target);
  const pieceCount = type.results.flatMap(pieceTypes).length;
  return (args) => {
    const pieces = args.flatMap((arg, index) => toPieces(arg, type.params[index]!));
    return fromPieces(answer(call(...pieces), pieceCount), type.results);
  };
}

/** The same without a bridge, for types that it cannot have; they hold integers and references only. */
function directCaller(target: unknown, type: FunctionType): (args: readonly Value[]) => Value[] {
  if (!isCallable(type)) {
    throw new Error("floats and vectors beside a module's own types are not supported");
  }
  const call = target as (...args: unknown[]) => unknown;
  return (args) => {
    const result = call(...args.flatMap((arg, index) => toPieces(arg, type.params[index]!)));
    return fromPieces(answer(result, type.results.length), type.results);
  };
}

/** Reads a global, of exactly that type. */
export function globalBits(target: unknown, type: GlobalType): Value {
  const read: FunctionType = { params: [], results: [type.type] };
  const description = [3, ...type.type, type.mutable ? 1 : 0];
  const call = instantiate(`global ${description}`, () => bridgeModule(read, description, [0x23, 0]), target);
  return fromPieces(answer(call(), pieceTypes(type.type).length), read.results)[0]!;
}

/** A host function as a wasm function of a type, which is the only kind that a table takes. */
export function exportedFunction(type: FunctionType, host: (...args: never[]) => unknown): CallableFunction {
  return instantiate(`host ${type.params}=>${type.results}`, () => hostModule(type), host);
}

function hostModule(type: FunctionType): WebAssembly.Module {
  return new WebAssembly.Module(
    Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, functionType(type)),
      ...section(2, [...name(""), ...name("x"), 0, 0]),
      ...section(7, [...name("call"), 0, 0]),
    ]),
  );
}
