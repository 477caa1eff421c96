// Goal: each shape of code that makes continuations hard goes on right. Method: one small program for each, captured at each of
// its polls and host calls alone, and at all of them, under marks and without; the oracle of test/support/oracle.ts decides.
import { suite } from "uvu";
import { captureEverywhere, type Shape } from "../support/shape.ts";

/** Gives the value of the exception that $body throws, -1 without one. */
const ATTEMPTS: Readonly<Record<string, (body: string) => string>> = {
  try_table: (body) => `(block $caught (result i32) (try_table (catch $e $caught) ${body}) (i32.const -1))`,
  try: (body) => `(try (result i32) (do ${body} (i32.const -1)) (catch $e))`,
};

/** Gives -2 if anything is thrown inside of $body, which leaves the function otherwise. */
const GUARDS: Readonly<Record<string, (body: string) => string>> = {
  try_table: (body) => `(block $caught (try_table (catch_all $caught) ${body})) (i32.const -2)`,
  try: (body) => `(try (result i32) (do ${body}) (catch_all (i32.const -2)))`,
};

/** Throws at every third number. */
const RISKY = `(tag $e (param i32))
      (func $risky (param $n i32) (result i32)
        (if (i32.eqz (i32.rem_u (call $slow (local.get $n)) (i32.const 3))) (then (throw $e (call $slow (local.get $n)))))
        (local.get $n))`;

const shapes: readonly Shape[] = [
  {
    title: "nested loops",
    text: `(func (export "run") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $sum i32)
      (loop $outer
        (local.set $j (i32.const 0))
        (loop $inner
          (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (call $slow (local.get $j))))
          (br_if $inner (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 3))))
        (br_if $outer (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (local.get $sum))`,
  },
  {
    title: "branches from an inner loop to two outer ones and out",
    text: `(func (export "run") (param $n i32) (result i32) (local $i i32)
      (block $out (result i32)
        (loop $a
          (loop $b
            (loop $c
              (local.set $i (call $slow (local.get $i)))
              (drop (br_if $out (i32.const -7) (i32.gt_s (local.get $i) (i32.const 40))))
              (br_if $a (i32.eqz (i32.rem_u (local.get $i) (i32.const 5))))
              (br_if $b (i32.eqz (i32.rem_u (local.get $i) (i32.const 3))))
              (br_if $c (i32.lt_s (local.get $i) (local.get $n))))
            (local.set $i (i32.add (local.get $i) (i32.const 1))))
          (local.set $i (i32.add (local.get $i) (i32.const 2)))
          (br_if $a (i32.lt_s (local.get $i) (i32.const 30))))
        (local.get $i)))`,
  },
  {
    title: "loops with parameters and results, several of each",
    text: `(func (export "run") (param $n i32) (result i32) (local $w i64) (local $x i32)
      (i32.const 5) (i64.const 7) (local.get $n)
      (loop $l (param i32 i64 i32) (result i64 i32)
        (call $slow) (local.set $n) (i64.extend_i32_u (local.get $n)) (i64.add) (local.set $w)
        (call $slow) (local.get $w) (local.get $n)
        (br_if $l (i32.lt_s (local.get $n) (i32.const 20)))
        (local.set $n) (local.set $w) (local.set $x)
        (i64.add (local.get $w) (i64.extend_i32_s (local.get $x))) (local.get $n))
      (local.set $n) (i32.wrap_i64) (call $slow) (i32.add (local.get $n)))`,
  },
  {
    title: "operands pending below outer blocks",
    text: `(func (export "run") (param $n i32) (result i32)
      (i32.const 1) (call $slow (i32.const 10)) (local.get $n)
      (local.set $n (i32.const 99))
      (block $b (result i32)
        (i32.const 1000)
        (loop $l (result i32)
          (call $slow (local.get $n))
          (if (result i32) (i32.and (local.get $n) (i32.const 1))
            (then (local.set $n (i32.shr_u (local.get $n) (i32.const 1))) (br $l))
            (else (i32.add (i32.const 7) (call $slow (i32.const 2)))))
          (i32.add))
        (i32.add))
      (i32.add) (i32.mul) (i32.sub))`,
  },
  {
    title: "calls with several results, some of which are pending",
    text: `(func $three (param $x i32) (result i32 i64 f64)
        (call $slow (local.get $x)) (i64.extend_i32_s (call $slow (i32.const 4))) (f64.const -0.5))
      (func (export "run") (param $n i32) (result i32)
        (call $three (local.get $n)) (call $slow (i32.const 1)) (f64.convert_i32_s) (f64.add)
        (i32.trunc_f64_s) (local.set $n) (drop) (call $slow) (i32.add (local.get $n)))`,
  },
  {
    title: "branch tables out of and back into loops",
    text: `(func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
      (block $done
        (loop $l
          (block $two (block $one (block $zero
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_table $zero $one $two $l $done (call $slow (i32.and (local.get $i) (i32.const 3)))))
            (local.set $sum (i32.add (local.get $sum) (i32.const 1))) (br $l))
            (local.set $sum (i32.mul (local.get $sum) (call $slow (i32.const 2)))) (br $l))
          (local.set $sum (call $slow (local.get $sum)))
          (br_if $l (i32.lt_s (local.get $i) (local.get $n)))))
      (i32.add (i32.mul (local.get $sum) (i32.const 100)) (local.get $i)))`,
  },
  {
    title: "recursion, direct and through a table",
    text: `(type $f (func (param i32) (result i32)))
      (table 2 funcref) (elem (i32.const 0) $down $slow)
      (func $down (param $n i32) (result i32)
        (if (i32.le_s (local.get $n) (i32.const 0)) (then (return (call_indirect (type $f) (i32.const 3) (i32.const 1)))))
        (i32.add (local.get $n)
          (i32.sub (call_indirect (type $f) (i32.sub (local.get $n) (i32.const 1)) (i32.const 0))
                   (call $down (i32.sub (local.get $n) (i32.const 3))))))
      (func (export "run") (param $n i32) (result i32) (call $down (local.get $n)))`,
  },
  {
    title: "recursion without loops, polled at its entry",
    text: `(func $fib (param $n i32) (result i32)
        (if (result i32) (i32.lt_s (local.get $n) (i32.const 2)) (then (local.get $n))
          (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1))) (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
      (func (export "run") (param $n i32) (result i32) (call $fib (local.get $n)))`,
  },
  {
    title: "tail calls",
    text: `(type $f (func (param i32 i32) (result i32)))
      (table 1 funcref) (elem (i32.const 0) $odd)
      (func $even (param $n i32) (param $sum i32) (result i32)
        (if (i32.eqz (local.get $n)) (then (return (local.get $sum))))
        (return_call_indirect (type $f) (i32.sub (local.get $n) (i32.const 1)) (call $slow (local.get $sum)) (i32.const 0)))
      (func $odd (param $n i32) (param $sum i32) (result i32)
        (if (i32.eqz (local.get $n)) (then (return (i32.sub (i32.const 0) (local.get $sum)))))
        (return_call $even (i32.sub (local.get $n) (i32.const 1)) (i32.mul (local.get $sum) (i32.const 3))))
      (func (export "run") (param $n i32) (result i32) (i32.xor (i32.const 5) (call $even (local.get $n) (i32.const 1))))`,
  },
  {
    title: "tail calls of host functions, direct and through a table",
    text: `(type $f (func (param i32) (result i32)))
      (table 2 funcref) (elem (i32.const 0) $ask $slow)
      (func $one (param $n i32) (result i32) (return_call $ask (i32.mul (local.get $n) (i32.const 2))))
      (func $two (param $n i32) (result i32)
        (i32.const 77) (return_call_indirect (type $f) (local.get $n) (i32.and (local.get $n) (i32.const 1))))
      (func (export "run") (param $n i32) (result i32)
        (i32.add (i32.mul (call $one (local.get $n)) (call $two (i32.const 2))) (call $two (i32.const 3))))`,
  },
  {
    title: "host functions called with arguments, and through a table",
    text: `(type $f (func (param i32) (result i32)))
      (table 2 funcref) (elem (i32.const 0) $ask $slow)
      (func (export "run") (param $n i32) (result i32) (local $i i32)
        (loop $l
          (call $log (call $ask (local.get $i)))
          (local.set $n (i32.add (local.get $n)
            (call_indirect (type $f) (call $ask (i32.const 9)) (i32.and (local.get $i) (i32.const 1)))))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
        (local.get $n))`,
  },
  {
    title: "host functions that return a reference, or several values",
    imports: `(import "host" "echo" (func $echo (param i32) (result externref)))
      (import "host" "pair" (func $pair (param i32) (result i32 i64)))`,
    text: `(func (export "run") (param $n i32) (result i32)
        (i32.add (ref.is_null (call $echo (local.get $n))) (call $slow (local.get $n)))
        (call $pair (local.get $n)) (i32.wrap_i64) (i32.mul) (i32.sub))`,
  },
  {
    title: "a host function whose result cannot be null: its guest parks",
    imports: `(type $f (func (param i32) (result (ref extern))))
      (import "host" "echo" (func $echo (type $f))) (import "host" "tail" (func $tail (type $f)))`,
    text: `(table 2 funcref) (elem (i32.const 0) $echo $tail)
      (func $same (type $f) (return_call $echo (local.get 0)))
      (func $other (type $f) (return_call_indirect (type $f) (local.get 0) (i32.const 1)))
      (func $direct (param $n i32) (result i32) (ref.is_null (call $echo (local.get $n))))
      (func $indirect (param $n i32) (result i32) (ref.is_null (call_indirect (type $f) (local.get $n) (i32.const 1))))
      (func $tails (param $n i32) (result i32)
        (i32.add (ref.is_null (call $same (local.get $n))) (ref.is_null (call $other (local.get $n)))))
      (func (export "run") (param $n i32) (result i32)
        (call $slow (local.get $n)) (call $direct (local.get $n)) (call $indirect (local.get $n)) (call $tails (local.get $n))
        (i32.add) (i32.add) (i32.add))`,
    pinned: true,
  },
  {
    title: "tail calls of host functions out of functions that cannot be captured: their guest parks",
    text: `(type $f (func (param i32) (result i32)))
      (table 2 funcref) (elem (i32.const 0) $ask $slow)
      (func $one (param $n i32) (result i32) (local $r externref)
        (drop (call $slow (i32.const 1)))
        (if (ref.is_null (local.get $r)) (then (return_call $ask (local.get $n))))
        (i32.const 0))
      (func $two (param $n i32) (result i32) (local $r externref)
        (drop (call $slow (i32.const 1)))
        (if (ref.is_null (local.get $r))
          (then (return_call_indirect (type $f) (local.get $n) (i32.and (local.get $n) (i32.const 1)))))
        (i32.const 0))
      (func (export "run") (param $n i32) (result i32)
        (i32.add (call $slow (local.get $n)) (i32.sub (call $one (local.get $n))
          (i32.mul (call $two (i32.const 2)) (call $two (i32.const 3))))))`,
    pinned: true,
  },
  ...Object.entries(GUARDS).map(([name, guard]) => ({
    title: `tail calls of host functions in a ${name}, which catches nothing of theirs: their guest parks`,
    imports: `(type $f (func (param i32) (result i32))) (import "host" "fail" (func $fail (type $f)))`,
    text: `(table 2 funcref) (elem (i32.const 0) $ask $fail)
      (func $tails (param $n i32) (result i32)
        (drop (call $slow (i32.const 1)))
        ${guard(`(drop (call $slow (i32.const 1)))
          (if (i32.and (local.get $n) (i32.const 4)) (then (return_call $ask (local.get $n))))
          (return_call_indirect (type $f) (local.get $n) (i32.const 1))`)})
      (func (export "run") (param $n i32) (result i32)
        (i32.add (call $tails (i32.const 12)) (i32.sub (call $slow (local.get $n)) (call $tails (i32.sub (local.get $n) (i32.const 5))))))`,
    pinned: true as const,
  })),
  {
    title: "all types of locals and operands, to the last bit",
    text: `(global $v (mut v128) (v128.const i32x4 1 2 3 0x7fa00000)) (global $f (mut f32) (f32.const nan:0x200001))
      (global $d (mut f64) (f64.const nan:0x4000000000001)) (global $l (mut i64) (i64.const -3))
      (func (export "run") (param $n i32) (result i32)
        (local $f f32) (local $d f64) (local $l i64) (local $v v128)
        (local.set $f (f32.reinterpret_i32 (i32.const 0x7fa00001))) (local.set $d (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)))
        (local.set $l (i64.const 0x123456789abcdef0)) (local.set $v (v128.const i64x2 0x7ff4000000000001 -1))
        (i32.const 0) (local.get $v) (local.get $f) (local.get $d) (local.get $l)
        (drop (call $slow (local.get $n)))
        (local.set $l) (local.set $d) (local.set $f) (local.set $v)
        (v128.store (local.get $v)) (i32.store offset=16 (i32.const 0) (i32.reinterpret_f32 (local.get $f)))
        (i64.store offset=24 (i32.const 0) (i64.reinterpret_f64 (local.get $d))) (i64.store offset=32 (i32.const 0) (local.get $l))
        (drop (call $slow (i32.const 1)))
        (v128.store offset=128 (i32.const 0) (global.get $v)) (f32.store offset=144 (i32.const 0) (global.get $f))
        (f64.store offset=152 (i32.const 0) (global.get $d)) (i64.store offset=160 (i32.const 0) (global.get $l))
        (f64.store offset=168 (i32.const 0) (local.get $d)) (i32.const 1))`,
  },
  {
    title: "select, tee and unreachable code around calls",
    text: `(func (export "run") (param $n i32) (result i32) (local $x i32)
      (select (call $slow (local.get $n)) (local.tee $x (call $slow (i32.const 6))) (i32.and (call $slow (i32.const 2)) (i32.const 1)))
      (block $b (result i32)
        (if (local.get $x) (then (br $b (call $slow (local.get $x))) (i32.add (unreachable)) (drop)
          (loop $dead (drop (call $slow (i32.const 1))) (br $dead))))
        (return (i32.const -1)))
      (i32.mul))`,
  },
  {
    title: "an if whose other arm is left out, with parameters and results",
    text: `(func (export "run") (param $n i32) (result i32)
      (local.get $n) (i32.const 3)
      (if (param i32) (result i32 i32) (i32.and (local.get $n) (i32.const 1))
        (then (call $slow) (call $slow (i32.const 0)))
        (else (i32.const 4) (i32.add) (call $slow (i32.const 5)) (call $slow)))
      (i32.sub) (i32.mul (i32.const 9))
      (if (result i32) (i32.eqz) (then (call $slow (i32.const 1))) (else (call $slow (local.get $n)))) (i32.add))`,
  },
  {
    title: "exceptions caught by try_table, around loops and inside",
    text: `${RISKY}
      (func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
        (loop $l
          (local.set $sum (i32.add (local.get $sum)
            (block $caught (result i32)
              (try_table (result i32) (catch $e $caught)
                (loop $m (result i32)
                  (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if $m (i32.and (call $risky (local.get $i)) (i32.const 1)))
                  (call $risky (local.get $i)))))))
          (br_if $l (i32.lt_s (local.get $i) (local.get $n))))
        (local.get $sum))`,
  },
  {
    title: "exceptions of the older encoding, in bodies and handlers",
    text: `${RISKY}
      (func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
        (loop $l
          (local.set $sum (i32.add (local.get $sum)
            (try (result i32)
              (do (try (result i32) (do (call $risky (local.get $i))) (catch $e (i32.mul (call $risky) (i32.const 10)))))
              (catch $e (drop (call $slow (i32.const 1))) (i32.add (i32.const 1000)))
              (catch_all (call $slow (i32.const 3))))))
          (local.set $sum (try (result i32) (do (try (result i32) (do (call $risky (local.get $i))) (delegate 0)))
            (catch_all (call $slow (local.get $sum)))))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (local.get $sum))`,
  },
  {
    title: "an exception that is thrown again by a handler that calls nothing",
    text: `(tag $e (param i32)) (global $cleaned (mut i32) (i32.const 0))
      (func $clean (param $n i32) (result i32)
        (try (result i32)
          (do (throw $e (call $slow (local.get $n))))
          (catch_all (global.set $cleaned (i32.add (global.get $cleaned) (i32.const 1))) (rethrow 0))))
      (func (export "run") (param $n i32) (result i32) (local $i i32)
        (loop $l (result i32)
          (try (result i32) (do (call $clean (local.get $n)))
            (catch $e (i32.add (call $slow (i32.add (local.get $i))) (global.get $cleaned))))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))))`,
  },
  ...Object.entries(ATTEMPTS).map(
    ([encoding, attempt]): Shape => ({
      title: `exceptions that leave functions that cannot be captured, caught by ${encoding}: their guest parks`,
      text: `(tag $e (param i32))
      (func $throws (param $n i32) (result i32) (throw $e (i32.sub (call $slow (local.get $n)) (i32.const 1))))
      (func $holds (param $n i32) (param $r externref) (result i32) (local $x i32)
        (block $found (result i32)
          (local.set $x ${attempt("(drop (br_if $found (i32.const 9) (i32.eq (local.get $n) (i32.const 7)))) (drop (call $throws (local.get $n)))")})
          (if (i32.gt_s (local.get $n) (i32.const 10)) (then (return (local.get $x))))
          (loop $l (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 3))))
          (drop (br_if $found (local.get $x) (i32.eqz (local.get $n))))
          (i32.add (call $throws (local.get $n)) (ref.is_null (local.get $r)))))
      (func (export "run") (param $n i32) (result i32)
        ${attempt("(drop (call $holds (i32.const 7) (ref.null extern))) (drop (call $holds (local.get $n) (ref.null extern)))")}
        (i32.add (call $slow (i32.const 0))))`,
      pinned: true,
    }),
  ),
  {
    title: "a reference that is needed after a call: its guest parks",
    text: `(func $holds (param $r externref) (result i32)
        (drop (call $slow (i32.const 2))) (ref.is_null (local.get $r)))
      (func (export "run") (param $n i32) (result i32)
        (i32.add (call $slow (local.get $n)) (i32.add (call $holds (ref.null extern)) (call $slow (i32.const 1)))))`,
    pinned: true,
  },
  {
    title: "segments used and memory grown between captures",
    text: `(data $d "segment") (table $t 4 funcref) (elem $e func $slow $slow)
      (type $f (func (param i32) (result i32)))
      (func (export "run") (param $n i32) (result i32)
        (drop (call $slow (local.get $n)))
        (memory.init $d (i32.const 200) (i32.const 0) (i32.const 7))
        (memory.init $d (i32.add (local.get $n) (i32.const 4090)) (i32.const 0) (i32.and (local.get $n) (i32.const 7)))
        (drop (call $slow (i32.const 1)))
        (drop (memory.grow (i32.const 1)))
        (memory.copy (i32.const 300) (i32.const 200) (i32.const 7))
        (table.init $t $e (i32.const 1) (i32.const 0) (i32.const 2))
        (i32.add (call_indirect $t (type $f) (i32.const 4) (i32.const 2)) (memory.size)))`,
  },
  {
    title: "a data segment that was active looks dropped in the next instance",
    text: `(data $d (i32.const 500) "active")
      (func (export "run") (param $n i32) (result i32)
        (drop (call $slow (local.get $n)))
        (memory.init $d (i32.const 200) (i32.const 0) (i32.const 0))
        (drop (call $slow (i32.const 1)))
        (memory.init $d (i32.const 200) (i32.const 0) (i32.const 1))
        (i32.const 0))`,
  },
  {
    title: "small loops that are unrolled and larger ones that are counted",
    text: `(func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
      (local.set $i (i32.const 100))
      (loop $small (result i32)
        (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 5)) (local.get $i)))
        (br_if $small (local.tee $i (i32.sub (local.get $i) (i32.const 1))))
        (local.get $sum))
      (local.set $i (i32.const 5000))
      (loop $large
        ${"(local.set $sum (i32.xor (i32.mul (local.get $sum) (i32.const 77)) (i32.shr_u (local.get $sum) (i32.const 3))))".repeat(20)}
        (i32.store offset=1024 (i32.and (local.get $i) (i32.const 0xff8)) (local.get $sum))
        (br_if $large (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (i32.add (local.get $sum)))`,
  },
  {
    title: "stores whose address was read before the call that gives the value",
    text: `(func (export "run") (param $n i32) (result i32) (local $p i32)
      (local.set $p (i32.mul (local.get $n) (i32.const 4096)))
      (local.get $p)
      (call $slow (local.get $n))
      (i32.store offset=700)
      (local.set $p (i32.mul (call $slow (local.get $n)) (i32.const 1000)))
      (local.get $p) (local.get $p) (local.set $p (i32.const 0)) (i32.const 9) (call $slow (local.get $n))
      (memory.fill) (drop)
      (call $slow (i32.const 0)))`,
  },
  {
    title: "tables that grow and change between captures",
    text: `(type $f (func (param i32) (result i32))) (table $t 2 funcref) (table $u 1 funcref)
      (elem (table $t) (i32.const 0) func $slow $twice) (elem declare func $thrice)
      (func $twice (param $x i32) (result i32) (call $slow (call $slow (local.get $x))))
      (func $thrice (param $x i32) (result i32) (call $twice (call $slow (local.get $x))))
      (func (export "run") (param $n i32) (result i32) (local $i i32)
        (table.set $u (i32.const 0) (ref.func $thrice))
        (loop $l
          (drop (table.grow $t (table.get $t (local.get $i)) (i32.const 1)))
          (table.set $t (i32.const 0) (ref.null func))
          (table.copy $t $t (i32.const 1) (i32.add (local.get $i) (i32.const 1)) (i32.const 1))
          (local.set $n (i32.add (call_indirect $u (type $f) (local.get $n) (i32.const 0))
            (call_indirect $t (type $f) (local.get $n) (i32.const 1))))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
        (i32.add (i32.mul (ref.is_null (table.get $t (i32.const 0))) (i32.const 500))
          (i32.add (local.get $n) (i32.mul (table.size $t) (i32.const 1000)))))`,
  },
  {
    title: "what a construct leaves lies under a later call",
    text: `(func (export "run") (param $n i32) (result i32) (local $i i32)
        (i32.sub
          (block (result i32) (drop (call $slow (local.get $n))) (i32.mul (local.get $n) (i32.const 7)))
          (i32.add
            (if (result i32) (local.get $n)
              (then (i32.add (call $slow (i32.const 2)) (i32.const 5)))
              (else (i32.add (call $slow (i32.const 1)) (i32.const 6))))
            (i32.add
              (loop $l (result i32)
                (drop (call $slow (i32.const 1)))
                (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))
                (i32.add (local.get $i) (i32.const 40)))
              (call $slow (i32.const 3))))))`,
  },
  {
    title: "a function reference made after a call",
    text: `(type $f (func (param i32) (result i32))) (elem declare func $slow) (table $t 1 funcref)
      (func (export "run") (param $n i32) (result i32)
        (drop (call $slow (local.get $n)))
        (table.set $t (i32.const 0) (ref.func $slow))
        (i32.add (call_indirect $t (type $f) (i32.const 5) (i32.const 0))
          (call_indirect $t (type $f) (i32.const 6) (i32.const 0))))`,
  },
  {
    title: "calls with which a function ends: at its end, by return, by a branch, from both arms of an if",
    text: `(func $plain (param $n i32) (result i32) (call $slow (local.get $n)))
      (func $deep (param $n i32) (result i32)
        (i32.const 9)
        (block $out (result i32)
          (loop $l (result i32)
            (if (i32.and (local.get $n) (i32.const 1)) (then (return (call $plain (local.get $n)))))
            (drop (call $slow (i32.const 2)))
            (if (result i32) (i32.and (local.get $n) (i32.const 2))
              (then (block (result i32) (br $out (call $slow (local.get $n)))))
              (else (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $l)))))
        (i32.add))
      (func $void (param $n i32)
        (if (i32.gt_u (local.get $n) (i32.const 3))
          (then (call $void (i32.sub (local.get $n) (i32.const 2))))
          (else (block (br_if 0 (i32.eqz (local.get $n))) (call $note (local.get $n))))))
      (func $note (param $n i32) (i32.store offset=256 (local.get $n) (call $slow (local.get $n))))
      (func (export "run") (param $n i32) (result i32)
        (call $void (local.get $n))
        (i32.add (call $deep (local.get $n)) (call $deep (i32.add (local.get $n) (i32.const 1)))))`,
  },
  {
    title: "calls that only look like the last: what they give is dropped, replaced, or not what the function gives",
    text: `(func $replaced (param $n i32) (result i32)
        (i32.const 70)
        (block $b (br $b (call $slow (local.get $n)))))
      (func $below (param $n i32) (result i32) (local.get $n) (call $note (local.get $n)))
      (func $dropped (param $n i32) (drop (call $slow (local.get $n))))
      (func $again (param $n i32) (result i32)
        (loop $l (result i32)
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (if (i32.and (local.get $n) (i32.const 3)) (then (call $note (local.get $n)) (br $l)))
          (call $slow (local.get $n))))
      (func $note (param $n i32) (i32.store offset=256 (local.get $n) (call $slow (local.get $n))))
      (func (export "run") (param $n i32) (result i32)
        (call $dropped (local.get $n))
        (i32.add (i32.mul (call $replaced (local.get $n)) (i32.const 1000))
          (i32.add (call $below (local.get $n)) (call $again (local.get $n)))))`,
  },
  ...Object.entries(ATTEMPTS).map(([name, attempt]) => ({
    title: `a call with which a function ends that catches what it throws: ${name}`,
    text: `(tag $e (param i32))
      (func $thrower (param $n i32) (result i32)
        (if (i32.and (call $slow (local.get $n)) (i32.const 1)) (then (throw $e (local.get $n))))
        (local.get $n))
      (func $catcher (param $n i32) (result i32) ${attempt("(return (call $thrower (local.get $n)))")})
      (func (export "run") (param $n i32) (result i32)
        (i32.add (call $catcher (local.get $n)) (call $catcher (i32.add (local.get $n) (i32.const 1)))))`,
  })),
];

const shape = suite("shapes of code, captured");
for (const each of shapes) shape(each.title, () => captureEverywhere(each));
shape.run();
