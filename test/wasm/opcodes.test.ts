// Goal: the table of instructions says what the engine says. Method: each instruction with a fixed signature is put into a
// module of its own, with operands of the types it pops and the type it pushes as the result; the engine must accept it, and
// must refuse it with an operand less and with another result. Instructions whose operands depend on what surrounds them
// are all in the texts below, through which the walk of a function must find its way: at each store it must know the types.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FunctionScan } from "../../dist/prepare/scan.js";
import { CodeReader } from "../../dist/wasm/code.js";
import { parseModule } from "../../dist/wasm/module.js";
import { BYTES, HEAP_TYPE, MEMARG, MEMARG_LANE, SIGNATURES, TWO_INDICES } from "../../dist/wasm/opcodes.js";
import { Parts } from "../../dist/wasm/parts.js";
import { Writer } from "../../dist/wasm/writer.js";
import { assemble } from "../support/assemble.ts";
import { NAMED, type NamedInstruction, nameOf } from "../support/instructions.ts";

const table = suite("opcodes");
const TYPES: Readonly<Record<string, number>> = { a: 0x7f, i: 0x7f, l: 0x7e, f: 0x7d, d: 0x7c, v: 0x7b };

const zeros = (count: number): number[] => new Array<number>(count).fill(0);

/** One operand as a constant. A reference is null, of a type that the instruction takes. */
function operand(letter: string, name: string): number[] {
  const constants: Record<string, number[]> = {
    a: [0x41, 0],
    i: [0x41, 0],
    l: [0x42, 0],
    f: [0x43, ...zeros(4)],
    d: [0x44, ...zeros(8)],
    v: [0xfd, 0x0c, ...zeros(16)],
  };
  if (letter !== "r") return constants[letter]!;
  const heaps: [RegExp, number][] = [
    [/^table/, 0x70],
    [/^ref.eq/, 0x6d],
    [/^i31/, 0x6c],
    [/^array.len/, 0x6a],
    [/^array.init_elem/, 2],
    [/^array/, 1],
    [/./, 0x6e],
  ];
  return [0xd0, heaps.find(([pattern]) => pattern.test(name))![1]];
}

/** Atomic instructions must state the alignment of their width; for others any up to it will do. */
function alignment(name: string): number {
  if (!name.includes("atomic")) return 0;
  const width = /(?:load|store|rmw|wait)(8|16|32|64)/.exec(name)?.[1] ?? (name.startsWith("i64") ? 64 : 32);
  return Math.log2(Number(width) / 8);
}

/** Indices are 0, but those of types: 1 is an array of bytes, 2 one of function references. */
function immediates({ immediate, name }: NamedInstruction): number[] {
  if (immediate === MEMARG) return [alignment(name), 0];
  if (immediate === MEMARG_LANE) return [0, 0, 0];
  if (immediate === HEAP_TYPE) return [0x6e];
  if (name === "array.copy") return [1, 1];
  if (name.startsWith("array.init")) return [name === "array.init_elem" ? 2 : 1, 0];
  if (immediate === TWO_INDICES) return zeros(2);
  return zeros(immediate < BYTES ? 1 : immediate - BYTES);
}

/** A module with one of everything, whose one function is these instructions. */
function moduleOf(results: readonly number[], instructions: readonly number[]): Uint8Array<ArrayBuffer> {
  const out = new Parts();
  const section = (id: number, ...content: number[]) => out.section(id, Uint8Array.from(content));
  const body = [0, ...instructions, 0x0b];
  out.add(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  section(1, 3, 0x60, 0, results.length, ...results, 0x5e, 0x78, 1, 0x5e, 0x70, 1);
  section(3, 1, 0);
  section(4, 1, 0x70, 0, 1);
  section(5, 1, 0, 1);
  section(9, 1, 5, 0x70, 0);
  section(12, 1);
  section(10, 1, body.length, ...body);
  section(11, 1, 1, 0);
  return out.join();
}

function encoded({ prefix, sub }: NamedInstruction): number[] {
  const out = new Writer();
  if (prefix !== 0) out.u8(prefix);
  out.u32(sub);
  return prefix === 0 ? [sub] : [...out.view];
}

table("has every instruction that an engine compiles without flags", () => {
  const count = (prefix: number) => NAMED.filter((row) => row.prefix === prefix).length;
  assert.is(NAMED.length, SIGNATURES.filter((signature) => signature !== undefined).length, "one name for each");
  assert.is(count(0), 199);
  assert.is(count(0xfb), 31);
  assert.is(count(0xfc), 18);
  assert.is(count(0xfd), 256);
  assert.is(count(0xfe), 67);
});

table("agrees with the engine on what each instruction pops and pushes", () => {
  let checked = 0;
  for (const row of NAMED) {
    if (row.fixed === undefined) continue;
    const { pops, push } = row.fixed;
    const operands = [...pops].map((letter) => operand(letter, row.name));
    const code = [...encoded(row), ...immediates(row)];
    const results = push === "" ? [] : [TYPES[push]!];
    const wrong = push === "i" ? [TYPES.l!] : [TYPES.i!];
    assert.ok(WebAssembly.validate(moduleOf(results, [...operands.flat(), ...code])), row.name);
    assert.not(WebAssembly.validate(moduleOf(wrong, [...operands.flat(), ...code])), `${row.name} pushes otherwise`);
    if (operands.length > 0)
      assert.not(
        WebAssembly.validate(moduleOf(results, [...operands.slice(1).flat(), ...code])),
        `${row.name} pops less`,
      );
    checked++;
  }
  assert.is(checked, NAMED.filter(({ fixed }) => fixed !== undefined).length);
});

table("says of what changes memory that its first operand is the address, and of nothing else", () => {
  const changes = /\.(atomic\.)?(store|rmw)|^memory\.(init|copy|fill)/;
  for (const { name, signature } of NAMED) assert.is(signature.lastIndexOf("a"), changes.test(name) ? 0 : -1, name);
});

table("knows what control does not go on from", () => {
  const leaves = /^(unreachable|throw|throw_ref|rethrow|br|br_table|return|return_call.*)$/;
  for (const { name, signature } of NAMED) assert.is(signature === "!", leaves.test(name), name);
});

/** Between them, every instruction whose signature is not fixed. What each makes ends up in a store. */
const TEXTS = [
  `(module (memory 1) (table $t 3 funcref) (type $ii (func (param i32) (result i32))) (global $g (mut i64) (i64.const 1))
    (tag $e (param i32 i64)) (elem declare func $id)
    (func $id (type $ii) (local.get 0))
    (func $two (result i32 i64) (i32.const 1) (i64.const 2))
    (func $tail (type $ii) (return_call $id (local.get 0)))
    (func $tailIndirect (type $ii) (return_call_indirect (type $ii) (local.get 0) (i32.const 0)))
    (func (param $p i32) (result i32) (local $l i64)
      (i64.store (i32.const 0) (global.get $g)) (global.set $g (i64.const 3))
      (i32.store (call $id (i32.const 0)) (call_indirect (type $ii) (i32.const 1) (i32.const 0)))
      (call $two) (local.set $l) (drop) (i64.store (local.tee $p (i32.const 8)) (local.get $l))
      (f64.store (i32.const 0) (select (f64.const 1) (f64.const 2) (local.get $p)))
      (table.set $t (i32.const 0) (select (result funcref) (ref.null func) (ref.func $id) (local.get $p)))
      (drop (table.get $t (i32.const 0)))
      (i32.store (i32.const 0) (block $b (result i32) (br_if $b (i32.const 1) (local.get $p))))
      (i32.store (i32.const 0) (if (result i32) (local.get $p) (then (i32.const 1)) (else (unreachable))))
      (i32.store (i32.const 0) (block $c (result i32) (br_table $c $c (i32.const 4) (local.get $p))))
      (i32.const 5) (loop $l (param i32) (result i32) (br_if $l (local.get $p))) (if (param) (then (br 0)))
      (i32.store (i32.const 0) (try (result i32) (do (throw $e (i32.const 1) (i64.const 2)))
        (catch $e (local.set $l) (i64.store (i32.const 0) (local.get $l))) (catch_all (rethrow 0))))
      (try (do (try (do (throw $e (i32.const 1) (i64.const 2))) (delegate 0))) (catch_all))
      (return (i32.const 0))))`,
  `(module (memory 1) (type $ii (func (param i32) (result i32))) (type $s (struct (field i8) (field (mut i64)))) (type $a (array (mut f64))) (type $r (array (mut (ref null $a))))
    (type $bytes (array (mut i8))) (tag $e (param i32)) (data $d "abc") (elem $el (ref null $a) (ref.null $a)) (elem declare func $id)
    (func $id (type $ii) (local.get 0))
    (func $tail (type $ii) (return_call_ref $ii (local.get 0) (ref.func $id)))
    (func (param $n i32) (param $x anyref) (local $s (ref null $s)) (local $a (ref null $a))
      (local.set $s (struct.new $s (i32.const 1) (i64.const 2))) (local.set $s (struct.new_default $s))
      (i32.store (struct.get_s $s 0 (local.get $s)) (struct.get_u $s 0 (local.get $s)))
      (i64.store (i32.const 0) (struct.get $s 1 (local.get $s))) (struct.set $s 1 (local.get $s) (i64.const 1))
      (local.set $a (array.new $a (f64.const 1) (i32.const 3))) (local.set $a (array.new_default $a (i32.const 3)))
      (local.set $a (array.new_fixed $a 2 (f64.const 1) (f64.const 2)))
      (f64.store (i32.const 0) (array.get $a (local.get $a) (i32.const 0))) (array.set $a (local.get $a) (i32.const 0) (f64.const 1))
      (array.fill $a (local.get $a) (i32.const 0) (f64.const 1) (i32.const 1))
      (i32.store (array.get_u $bytes (array.new_data $bytes $d (i32.const 0) (i32.const 3)) (i32.const 0))
        (array.get_s $bytes (array.new_data $bytes $d (i32.const 0) (i32.const 3)) (i32.const 0)))
      (drop (array.new_elem $r $el (i32.const 0) (i32.const 1)))
      (i32.store (i32.const 0) (call_ref $ii (i32.const 1) (ref.func $id)))
      (i64.store (i32.const 0) (struct.get $s 1 (ref.as_non_null (local.get $s))))
      (block $null (i64.store (i32.const 0) (struct.get $s 1 (br_on_null $null (local.get $s)))))
      (i64.store (i32.const 0) (struct.get $s 1 (block $some (result (ref $s)) (br_on_non_null $some (local.get $s)) (unreachable))))
      (i64.store (i32.const 0) (struct.get $s 1 (ref.cast (ref $s) (local.get $x)))) (i64.store (i32.const 0) (struct.get $s 1 (ref.cast (ref null $s) (local.get $x))))
      (i64.store (i32.const 0) (struct.get $s 1 (block $is (result (ref $s)) (drop (br_on_cast $is anyref (ref $s) (local.get $x))) (unreachable))))
      (drop (block $not (result anyref) (i64.store (i32.const 0) (struct.get $s 1 (br_on_cast_fail $not anyref (ref $s) (local.get $x)))) (local.get $x)))
      (i32.store (i32.const 0) (i31.get_s (ref.i31 (local.get $n))))
      (drop (any.convert_extern (extern.convert_any (local.get $x))))
      (block $caught (result exnref) (try_table (catch_all_ref $caught) (throw $e (i32.const 1))) (unreachable)) (throw_ref)))`,
];

table("leaves to the walk what it can follow, types included", () => {
  const met = new Set<string>();
  let stores = 0;
  for (const text of TEXTS) {
    const bytes = assemble(text);
    assert.ok(bytes !== undefined && WebAssembly.validate(bytes), "the text is a valid module");
    const module = parseModule(bytes);
    for (const [i, body] of module.bodies.entries()) {
      const scan = new FunctionScan(module, body.end - body.start);
      scan.begin(module.functionsImported + i);
      const reader = new CodeReader(bytes, scan.codeStart, body.end);
      for (; !reader.done; reader.next()) met.add(nameOf(reader.op));
      met.add(nameOf(reader.op));
      scan.walk({
        barrier() {},
        writes(scan, t) {
          const wanted = [...SIGNATURES[scan.op[t]!]!.split(">")[0]!].map((letter) => TYPES[letter]);
          const found = scan.operandType.slice(scan.height - wanted.length, scan.height);
          assert.equal([...found], wanted);
          stores++;
        },
      });
    }
  }
  assert.ok(stores > 20);
  const missing = NAMED.filter(({ fixed, name }) => fixed === undefined && !met.has(name)).map(({ name }) => name);
  assert.equal(missing, [], "an instruction is in no text");
});

table.run();
