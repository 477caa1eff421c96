/**
 * Random programs made of loops: the shapes that polls and marks are about, and that end by themselves. A program is text, so
 * that one that fails can be read.
 *
 *   counted loops   call-free, with a counter that nothing else touches: short ones, ones of thousands of turns, with several
 *                   branches back, with stores from one base, with a way out in the middle
 *   general loops   nested, with calls, parameters, results, branch tables to them; each turn and each call uses fuel, and
 *                   without fuel every function returns at once
 *   stores          of every width and kind, in runs from one base whose local changes now and then, at small and absurd offsets,
 *                   and sparse: a page that a call changes has often one reason to be marked
 *   besides         recursion, tail and indirect calls, waits, exceptions in either encoding, dead code, bulk memory,
 *                   growth
 *
 * Every function is (i32, i32) -> i32 and exported as f0, f1, …; the host sets the exported global "fuel" before a call.
 */
import type { Random } from "./random.ts";

/** Back edges and calls that one call of the host may take. */
export const FUEL = 400;

type Type = "i32" | "i64" | "f32" | "f64" | "v128";
const TYPES: readonly Type[] = ["i32", "i32", "i32", "i64", "f32", "f64", "v128"];

const STORES: readonly (readonly [instruction: string, type: Type, bytes: number])[] = [
  ["i32.store", "i32", 4],
  ["i32.store8", "i32", 1],
  ["i32.store16", "i32", 2],
  ["i64.store", "i64", 8],
  ["i64.store8", "i64", 1],
  ["i64.store16", "i64", 2],
  ["i64.store32", "i64", 4],
  ["f32.store", "f32", 4],
  ["f64.store", "f64", 8],
  ["v128.store", "v128", 16],
];
const ATOMICS: readonly (readonly [instruction: string, type: Type, bytes: number])[] = [
  ["i32.atomic.store", "i32", 4],
  ["i64.atomic.store", "i64", 8],
  ["i32.atomic.store8", "i32", 1],
  ["i32.atomic.rmw.add", "i32", 4],
  ["i32.atomic.rmw16.xor_u", "i32", 2],
  ["i64.atomic.rmw.xchg", "i64", 8],
  ["i64.atomic.rmw32.or_u", "i64", 4],
];

/** Locals that keep exceptions, in programs of the newer encoding. */
const HELD = ["$held0", "$held1"] as const;

/** Of tracking pages, in the program's memory. */
const PAGES = 256;

interface Label {
  readonly name: string;
  /** Whether a branch to it carries an i32. */
  readonly carries: boolean;
}

class Generator {
  readonly #random: Random;
  readonly #functionCount: number;
  /** Only then is waiting no trap. */
  readonly #shared: boolean;
  /** No engine takes both encodings of exceptions in one module. */
  readonly #legacyExceptions: boolean;
  #labels: Label[] = [];
  /** Blocks of the older encoding whose handler this is, so that what they caught can be thrown again. */
  #handlers: string[] = [];
  #names = 0;
  #counters = 0;
  #size = 0;

  constructor(random: Random, functionCount: number, shared: boolean) {
    this.#random = random;
    this.#functionCount = functionCount;
    this.#shared = shared;
    this.#legacyExceptions = random.oneIn(3);
  }

  function(index: number): string {
    this.#labels = [];
    this.#counters = 0;
    this.#size = 0;
    const body = this.#within({ name: "$out", carries: true }, () => `${this.#statements(4)} ${this.#i32(2)}`);
    const counters = Array.from({ length: this.#counters }, (_, i) => `(local $c${i} i32)`).join(" ");
    return `(func $f${index} (export "f${index}") (type $f) (param $a i32) (param $b i32) (result i32)
      (local $x i32) (local $p i32) (local $q i32) (local $i64 i64) (local $f32 f32) (local $f64 f64) (local $v128 v128)
      ${this.#legacyExceptions ? "" : HELD.map((name) => `(local ${name} exnref)`).join(" ")} ${counters}
      (block $out (result i32) ${this.#tick()} ${body}))`;
  }

  /** Uses fuel; without any the function is left. */
  #tick(): string {
    return `(global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
      (drop (br_if $out (i32.const -1) (i32.lt_s (global.get $fuel) (i32.const 0))))`;
  }

  #within(label: Label, make: () => string): string {
    this.#labels.push(label);
    const made = make();
    this.#labels.pop();
    return made;
  }

  #label(prefix: string, carries = false): Label {
    return { name: `$${prefix}${this.#names++}`, carries };
  }

  #statements(depth: number): string {
    return Array.from({ length: 1 + this.#random.below(4) }, () => this.#statement(depth)).join("\n");
  }

  #statement(depth: number): string {
    // Past some size only what does not nest, so that a program stays small enough to read.
    if (depth <= 0 || ++this.#size > 60) return this.#plain();
    switch (this.#random.below(12)) {
      case 0:
      case 1:
        return this.#countedLoop();
      case 2:
        return this.#loop(depth);
      case 3:
        return this.#loopWithValue(depth);
      case 4: {
        const label = this.#label("block");
        return `(block ${label.name} ${this.#within(label, () => this.#statements(depth - 1))})`;
      }
      case 5: {
        const otherwise = this.#random.oneIn(2) ? `(else ${this.#statements(depth - 1)})` : "";
        return `(if ${this.#i32(2)} (then ${this.#statements(depth - 1)}) ${otherwise})`;
      }
      case 6:
        return this.#branch();
      case 7:
        return `(local.set $x ${this.#call()})`;
      case 8:
        return this.#attempt(depth);
      case 9:
        return this.#bulk();
      default:
        return this.#plain();
    }
  }

  #countedLoop(): string {
    const counter = `$c${this.#counters++}`;
    const label = this.#label("counted");
    const turns = this.#random.oneIn(6) ? 1000 + this.#random.below(3000) : this.#random.below(50);
    const again = `(br_if ${label.name} (local.tee ${counter} (i32.sub (local.get ${counter}) (i32.const 1))))`;
    const body: string[] = [];
    // Body sizes on both sides of what is worth unrolling.
    const length = this.#random.oneIn(3) ? 8 + this.#random.below(16) : this.#random.below(5);
    const way = this.#label("way");
    this.#within(way, () => {
      for (let i = 0; i < length; i++) {
        const kind = this.#random.below(12);
        if (kind === 0) body.push(`(if ${this.#i32(1)} (then ${again} (br ${way.name})))`);
        else if (kind === 1)
          body.push(`(br_if ${way.name} (i32.eq (local.get ${counter}) (i32.const ${this.#random.below(40)})))`);
        else if (kind === 2 && this.#handlers.length > 0) {
          body.push(`(if (i32.eqz ${this.#i32(1)}) (then (rethrow ${this.#random.pick(this.#handlers)})))`);
        } else if (kind === 2) body.push(`(if ${this.#i32(1)} (then ${this.#plain()}) (else ${this.#plain()}))`);
        else body.push(this.#plain());
      }
      return "";
    });
    return `(local.set ${counter} (i32.const ${turns + 1}))
      (block ${way.name} (loop ${label.name} ${body.join("\n")} ${again}))`;
  }

  #loop(depth: number): string {
    const label = this.#label("loop");
    const body = this.#within(label, () => this.#statements(depth - 1));
    return `(loop ${label.name} ${this.#tick()} ${body} (br_if ${label.name} ${this.#i32(2)}))`;
  }

  /** A loop that takes a value at each turn and leaves one. */
  #loopWithValue(depth: number): string {
    const label = this.#label("fold", true);
    const body = this.#within(label, () => this.#statements(depth - 1));
    return `${this.#i32(1)} (loop ${label.name} (param i32) (result i32) (local.set $x) ${this.#tick()} ${body}
      ${this.#i32(2)} (br_if ${label.name} ${this.#i32(2)})) (local.set $x)`;
  }

  #branch(): string {
    const target = this.#random.pick(this.#labels);
    const alike = this.#labels.filter((label) => label.carries === target.carries);
    const value = target.carries ? this.#i32(1) : "";
    switch (this.#random.below(4)) {
      case 0: {
        const targets = Array.from({ length: 1 + this.#random.below(4) }, () => this.#random.pick(alike).name);
        // What follows is dead, and has to be passed over as such.
        return `(if ${this.#i32(1)} (then (br_table ${targets.join(" ")} ${value} ${this.#i32(1)}) ${this.#plain()}))`;
      }
      case 1:
        return `(if ${this.#i32(1)} (then (br ${target.name} ${value}) (drop (i32.add)) ${this.#plain()}))`;
      default:
        return target.carries
          ? `(drop (br_if ${target.name} ${value} ${this.#i32(2)}))`
          : `(br_if ${target.name} ${this.#i32(2)})`;
    }
  }

  #call(): string {
    const callee = this.#random.below(this.#functionCount);
    const args = `${this.#i32(1)} ${this.#i32(1)}`;
    switch (this.#random.below(7)) {
      case 6:
        return this.#shared
          ? this.#wait()
          : `(memory.atomic.notify (i32.and ${this.#address()} (i32.const -4)) (i32.const 1))`;
      case 0:
        return `(call_indirect (type $f) ${args} (i32.const ${callee}))`;
      case 1:
        return `(block (result i32) (call $log ${this.#i32(1)}) (local.get $x))`;
      case 2:
        // Never comes back here; only now and then, since the rest of the function is not reached.
        return `(if (result i32) (i32.eqz ${this.#i32(1)}) (then (return_call $f${callee} ${args})) (else ${this.#i32(1)}))`;
      default:
        return `(call $f${callee} ${args})`;
    }
  }

  /** Ends at once, or after a microsecond: what it expects is not there, or is and nobody notifies. */
  #wait(): string {
    const bits = this.#random.pick([32, 64]);
    const offset = this.#random.oneIn(20) ? 0xfffffff8 : 8 * this.#random.below(50);
    const unaligned = this.#random.oneIn(20) ? 1 : 8;
    const expected = this.#random.oneIn(2)
      ? this.#expression(`i${bits}` as Type, 1)
      : `(i${bits}.load offset=${offset} (local.get $q))`;
    return `(memory.atomic.wait${bits} offset=${offset}
      (local.tee $q (i32.and ${this.#address()} (i32.const -${unaligned}))) ${expected} (i64.const ${this.#random.below(1000)}))`;
  }

  #throw(): string {
    return this.#random.pick([
      () => `(throw $e ${this.#i32(1)})`,
      () => `(throw $w ${this.#expression("f64", 1)} ${this.#i32(1)} ${this.#expression("v128", 1)})`,
      () => "(throw $n)",
    ])();
  }

  #attempt(depth: number): string {
    if (!this.#legacyExceptions && this.#random.oneIn(2)) return this.#hold(depth);
    const caught = this.#label("caught", true);
    const inner = this.#within(caught, () => this.#statements(depth - 1));
    const thrown = `(if ${this.#i32(2)} (then ${this.#throw()}))`;
    const taken = "(local.set $v128) (local.set $q) (local.set $f64)";
    if (!this.#legacyExceptions) {
      const many = `$many${this.#names++}`;
      return `(local.set $x (block ${caught.name} (result i32)
        (block ${many} (result f64 i32 v128)
          (try_table (catch $e ${caught.name}) (catch $w ${many}) ${inner} ${thrown})
          (br ${caught.name} (local.get $q)))
        ${taken} (local.get $q)))`;
    }
    this.#handlers.push(caught.name);
    const handler = (): string => {
      const statements = this.#within(caught, () => this.#statements(depth - 1));
      const again = this.#random.oneIn(2)
        ? `(if ${this.#i32(1)} (then (rethrow ${this.#random.pick(this.#handlers)})))`
        : "";
      return `${statements} ${again} (local.get $q)`;
    };
    const handlers = [
      ...(this.#random.oneIn(3) ? [] : [`(catch $e (local.set $q) ${handler()})`]),
      ...(this.#random.oneIn(3) ? [`(catch $w ${taken} ${handler()})`] : []),
      ...(this.#random.oneIn(2) ? [`(catch_all ${handler()})`] : []),
    ];
    this.#handlers.pop();
    return `(local.set $x (try ${caught.name} (result i32) (do ${inner} ${thrown} (local.get $q)) ${handlers.join("\n")}))`;
  }

  /** Keeps what is thrown in a local, to throw it again later or not. */
  #hold(depth: number): string {
    const label = `$hold${this.#names++}`;
    const held = this.#random.pick(HELD);
    return `(local.set ${held} (block ${label} (result exnref)
        (try_table (catch_all_ref ${label}) ${this.#statements(depth - 1)} (if ${this.#i32(2)} (then ${this.#throw()})))
        (ref.null exn)))
      ${this.#statements(depth - 1)}
      ${this.#throwHeld()}`;
  }

  #throwHeld(): string {
    const held = this.#random.pick(HELD);
    return `(if (i32.and (i32.eqz (ref.is_null (local.get ${held}))) ${this.#i32(1)}) (then (throw_ref (local.get ${held}))))`;
  }

  #bulk(): string {
    const length = this.#random.oneIn(4) ? this.#random.below(20000) : this.#random.below(300);
    switch (this.#random.below(4)) {
      case 0:
        return `(memory.copy ${this.#address()} ${this.#address()} (i32.const ${length}))`;
      case 1:
        return `(memory.init $passive ${this.#address()} (i32.const ${this.#random.below(8)}) (i32.const ${this.#random.below(12)}))`;
      case 2:
        return this.#random.oneIn(3) ? `(local.set $x (memory.grow (i32.const 1)))` : `(local.set $x (memory.size))`;
      default:
        return `(memory.fill ${this.#address()} ${this.#i32(1)} (i32.const ${length}))`;
    }
  }

  /** A statement without a call, a loop or a branch. */
  #plain(): string {
    switch (this.#random.below(9)) {
      case 8: {
        // One of two stores that look alike is executed.
        const store = (): string =>
          `(i64.store offset=${this.#random.below(256)} align=1 (local.get $p) ${this.#expression("i64", 1)})`;
        return `(local.set $p ${this.#address()}) (if ${this.#i32(1)} (then ${store()}) (else ${store()}))`;
      }
      case 0:
        return `(local.set $p ${this.#address()})`;
      case 1:
        return `(local.set $q (i32.add (local.get $p) (i32.const ${this.#random.below(600)})))`;
      case 2: {
        const type = this.#random.pick(TYPES);
        return `(local.set ${this.#local(type)} ${this.#expression(type, 2)})`;
      }
      case 3:
        return `(global.set $g (i32.add (global.get $g) ${this.#i32(2)}))`;
      case 4:
        return Array.from({ length: 2 + this.#random.below(4) }, () => this.#store()).join("\n");
      default:
        return this.#store();
    }
  }

  #store(): string {
    const base = this.#random.oneIn(300)
      ? this.#i32(1)
      : this.#random.pick(["(local.get $p)", "(local.get $p)", "(local.get $q)", this.#address()]);
    const offset = this.#random.oneIn(300)
      ? this.#random.pick([65535, 131072, 0x7fffffff, 0xfffffff8, 0xffffffff])
      : this.#random.below(this.#random.pick([16, 300, 5000, 200_000]));
    if (this.#random.oneIn(8)) {
      const [instruction, type, bytes] = this.#random.pick(ATOMICS);
      const address = `(i32.and ${base} (i32.const -8))`;
      const whole = `(${instruction} offset=${offset - (offset % bytes)} ${address} ${this.#expression(type, 1)})`;
      return instruction.includes("rmw") ? `(drop ${whole})` : whole;
    }
    if (this.#random.oneIn(10)) {
      const bits = this.#random.pick([8, 16, 32, 64]);
      const lane = this.#random.below(128 / bits);
      return `(v128.store${bits}_lane offset=${offset} align=1 ${lane} ${base} ${this.#expression("v128", 1)})`;
    }
    if (this.#random.oneIn(12)) {
      // The base's local is set again before the store is executed.
      return `(i32.store offset=${offset} align=1 (local.get $p) (local.tee $p ${this.#address()}))`;
    }
    const [instruction, type] = this.#random.pick(STORES);
    return `(${instruction} offset=${offset} align=1 ${base} ${this.#expression(type, 2)})`;
  }

  /** An address in the lower half, so that most offsets stay in bounds; a page boundary is near, often. */
  #address(): string {
    if (this.#random.oneIn(2)) {
      return `(i32.const ${4096 * (1 + this.#random.below(PAGES / 2)) - this.#random.below(20)})`;
    }
    return `(i32.and ${this.#i32(2)} (i32.const ${this.#random.pick([0x1fff, 0xfff8, 0x7ffff])}))`;
  }

  #local(type: Type): string {
    return type === "i32" ? this.#random.pick(["$x", "$a", "$b"]) : `$${type}`;
  }

  #i32(depth: number): string {
    return this.#expression("i32", depth);
  }

  #expression(type: Type, depth: number): string {
    if (depth <= 0 || this.#random.oneIn(4)) {
      if (type === "i32" && this.#random.oneIn(2)) return `(i32.const ${this.#random.u32() >> this.#random.below(32)})`;
      return `(local.get ${this.#local(type)})`;
    }
    const of = (inner: Type): string => this.#expression(inner, depth - 1);
    // Floats are made of integers and never of memory, so that no NaN arises whose bits engines may choose.
    switch (type) {
      case "i32":
        return this.#random.pick([
          () => `(i32.add ${of("i32")} ${of("i32")})`,
          () => `(i32.mul ${of("i32")} (i32.const 0x9e3779b1))`,
          () => `(i32.xor ${of("i32")} (i32.shr_u ${of("i32")} (i32.const ${this.#random.below(32)})))`,
          () => `(i32.load offset=${this.#random.below(64)} align=1 ${this.#address()})`,
          () => `(select ${of("i32")} ${of("i32")} ${of("i32")})`,
          () => `(local.tee ${this.#local("i32")} ${of("i32")})`,
          () => `(if (result i32) ${of("i32")} (then ${of("i32")}) (else ${of("i32")}))`,
          () => `(i32.lt_s ${of("i32")} ${of("i32")})`,
          () => `(i32.wrap_i64 ${of("i64")})`,
          () => `(i32x4.extract_lane 2 ${of("v128")})`,
          () => `(i32.rem_u ${of("i32")} (i32.const ${1 + this.#random.below(9)}))`,
        ])();
      case "i64":
        return this.#random.pick([
          () => `(i64.extend_i32_s ${of("i32")})`,
          () => `(i64.add ${of("i64")} (i64.rotl ${of("i64")} (i64.const 7)))`,
          () => `(i64.load align=1 ${this.#address()})`,
        ])();
      case "f32":
        return `(f32.convert_i32_s ${of("i32")})`;
      case "f64":
        return `(f64.convert_i32_u ${of("i32")})`;
      case "v128":
        return this.#random.pick([
          () => `(i32x4.splat ${of("i32")})`,
          () => `(i32x4.add ${of("v128")} ${of("v128")})`,
          () => `(v128.load align=1 ${this.#address()})`,
        ])();
    }
  }
}

/** Text of a program. It exports its functions, its memory as "memory", and the globals "fuel" and "g". */
export function loopProgram(random: Random): string {
  const count = 2 + random.below(4);
  const shared = random.oneIn(3);
  const generator = new Generator(random, count, shared);
  const functions = Array.from({ length: count }, (_, index) => generator.function(index));
  const names = functions.map((_, index) => `$f${index}`).join(" ");
  const pages = PAGES / 16;
  const limits = shared ? `${pages} ${pages + 2} shared` : random.pick([`${pages}`, `${pages} ${pages + 2}`]);
  return `(module
    (type $f (func (param i32 i32) (result i32)))
    (import "host" "log" (func $log (param i32)))
    (tag $e (param i32)) (tag $w (param f64 i32 v128)) (tag $n)
    (memory (export "memory") ${limits})
    (table ${count} funcref)
    (elem (i32.const 0) ${names})
    (global $fuel (export "fuel") (mut i32) (i32.const 0))
    (global $g (mut i32) (i32.const 1))
    (export "g" (global $g))
    (data (i32.const 4090) "over the edge of a page")
    (data $passive "twenty bytes of data")
    ${functions.join("\n")})`;
}
