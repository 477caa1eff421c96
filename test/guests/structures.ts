/**
 * A guest for tests: every control structure that the language has, with values of every kind alive across its calls. Built like
 * test/guests/kernels.ts, and like it does the same for the same arguments; nothing is imported.
 *
 *   structures   rounds of all that follows, folded into one digest, which is also kept in memory and in globals
 *     loops      while, do-while and for inside each other, with continue and break at every level
 *     branches   a switch with cases that fall through, conditional expressions, && and || with calls on the right
 *     calls      recursion with several ways out, two functions that call each other, functions by table, callbacks of a sort
 *     values     i64, f32, f64 and v128 in locals while something is called, and calls in the middle of expressions
 *     classes    virtual methods, whose objects the collector frees on the way
 */

let rounds: i32 = 0;
let total: u64 = 0x9e3779b97f4;
let mean: f64 = 0.5;

function fold(value: u64): u64 {
  total = rotl<u64>(total ^ value, 13) * 0x100000001b3;
  return total;
}

/** Turns of no use, so that whoever is asked has to pass polls. */
function dwell(turns: i32): i32 {
  let left = turns;
  let passed = 0;
  while (left-- > 0) passed += left & 3;
  return passed;
}

function loops(n: i32): i32 {
  let found = 0;
  for (let a = 1; a < n; ++a) {
    let b = a;
    do {
      let c = b;
      while (true) {
        c = (c & 1) === 0 ? c >> 1 : c * 3 + 1;
        if (c <= 1) break;
        if ((c & 15) === 5) {
          found += dwell(c & 31);
          if (found % 7 === 0) break;
          continue;
        }
        if (++found % 1009 === 0) return found + a;
      }
      b -= 3 + (found & 1);
    } while (b > 0);
    if (found % 11 === 3) continue;
    found ^= a;
  }
  return found;
}

function branches(kind: i32, depth: i32): i32 {
  let result = depth;
  switch (kind % 7) {
    // biome-ignore lint/suspicious/noFallthroughSwitchClause: it is one of the structures
    case 0:
      result += dwell(30);
    case 1:
      result ^= 0x55;
      break;
    case 2:
      if (depth > 0) result += branches(kind + 3, depth - 1);
      else result = -1;
      break;
    // biome-ignore lint/suspicious/noFallthroughSwitchClause: and once more, out of a block
    case 3: {
      for (let i = 0; i < 3; ++i) {
        if (i === (depth & 3)) break;
        result += depth > 0 ? branches(kind * 5 + i, depth - 1) : dwell(i * 5);
      }
    }
    case 4:
      return result - (depth > 2 && branches(kind >> 1, depth - 2) > 0 ? 9 : kind);
    case 5:
      result = depth < 4 || dwell(40) < 0 ? result * 3 : result * 5;
      break;
    default:
      result = ~result;
  }
  return result;
}

function isEven(n: i32): bool {
  return n === 0 ? true : isOdd(n - 1);
}

function isOdd(n: i32): bool {
  if (n === 0) return false;
  const answer = isEven(n - 1);
  total += <u64>n;
  return answer;
}

function ackermann(m: i32, n: i32): i32 {
  if (m === 0) return n + 1;
  return n === 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

type Step = (value: i32, depth: i32) => i32;

/** Filled below, once they are known. */
const steps: Step[] = [];

function doubled(value: i32, depth: i32): i32 {
  return depth === 0 ? value : steps[value & 3](value + value, depth - 1) + 1;
}
function shifted(value: i32, depth: i32): i32 {
  return depth === 0 ? value + dwell(20) : (value >> 1) + steps[(value + depth) & 3](value ^ depth, depth - 1);
}
function mixed(value: i32, depth: i32): i32 {
  let sum = value;
  for (let i = 0; i < (depth & 3); ++i) sum += steps[(sum + i) & 3](sum, depth - 1) * (i + 1);
  return sum;
}
function ended(value: i32, depth: i32): i32 {
  return value * 31 + depth;
}

steps.push(doubled);
steps.push(shifted);
steps.push(mixed);
steps.push(ended);

function values(n: i32): u64 {
  const wide: i64 = <i64>n * 0x123456789;
  const small: f32 = <f32>n / 3;
  const large: f64 = Math.sqrt(<f64>n) + mean;
  const lanes = i32x4.splat(n);
  const shown =
    fold(<u64>wide) + <u64>reinterpret<u32>(small * <f32>dwell(60)) + reinterpret<u64>(large + <f64>dwell(50));
  const sum = i32x4.add(lanes, i32x4(dwell(9), n, dwell(7), -n));
  mean = (mean + large) / 2;
  return shown ^ <u64>i64x2.extract_lane(sum, 0) ^ <u64>i64x2.extract_lane(sum, 1);
}

abstract class Shape {
  constructor(readonly side: i32) {}
  abstract area(): i32;
  twice(): i32 {
    return this.area() + this.area();
  }
}

class Square extends Shape {
  area(): i32 {
    return this.side * this.side + dwell(this.side & 15);
  }
}

class Stack extends Shape {
  constructor(
    side: i32,
    readonly inner: Shape[],
  ) {
    super(side);
  }
  area(): i32 {
    let sum = this.side;
    for (let i = 0; i < this.inner.length; ++i) sum += this.inner[i].twice();
    return sum;
  }
}

function shapes(n: i32): i32 {
  let all: Shape[] = [];
  for (let i = 0; i < n; ++i) {
    all.push(new Square(i));
    if (all.length === 4) all = [new Stack(i, all)];
  }
  const sizes = all.map<i32>((shape) => shape.area());
  sizes.push(n * 7);
  sizes.sort((a, b) => (dwell(5) & 1) + a - b);
  return sizes.reduce((sum, size) => sum * 31 + size, 17);
}

/** The digest after `count` more rounds. */
export function structures(count: i32): u64 {
  for (let i = 0; i < count; ++i) {
    const n = ++rounds;
    fold(<u64>loops(60 + (n & 31)));
    fold(<u64>branches(n, 9));
    fold((isEven(200 + (n % 50)) ? 1 : 2) + <u64>ackermann(2, 6));
    fold(<u64>steps[n & 3](n, 8) + values(n));
    fold(<u64>shapes(20 + (n % 13)));
  }
  return total;
}
