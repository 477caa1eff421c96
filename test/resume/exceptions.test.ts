// Goal: an exception that is held while its guest is captured is the same afterwards, tag and payload, however often, and one that
// cannot be carried over keeps its guest where it is. Method: shapes of cleanup code in both encodings, captured everywhere.
import { suite } from "uvu";
import { captureEverywhere, type Shape } from "../support/shape.ts";

const FAIL = `(import "host" "fail" (func $fail (param i32)))`;
const ALIEN = `(import "host" "alien" (func $alien (param i32)))`;

/** $throws(n) throws one of three exceptions or none, by the last bits of n + 1. $told keeps what the one with most in it carries. */
const FOUR = `
  (tag $none) (tag $i (param i32)) (tag $all (param i64 f32 i32 f64 v128 f32))
  (func $throws (param $n i32)
    (block $d (block $c (block $b (block $a
      (br_table $a $b $c $d (i32.and (call $slow (local.get $n)) (i32.const 3))))
      (throw $none)) (throw $i (i32.mul (local.get $n) (i32.const 3))))
      (throw $all (i64.const -5) (f32.reinterpret_i32 (i32.const 0x7fa00001)) (local.get $n)
        (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)) (v128.const i32x4 1 2 3 0x7fa00000) (f32.const 0.5))))
  (func $told (param i64 f32 i32 f64 v128 f32) (result i32)
    (i64.store offset=200 (i32.const 0) (local.get 0)) (f32.store offset=208 (i32.const 0) (local.get 1))
    (f64.store offset=216 (i32.const 0) (local.get 3)) (v128.store offset=224 (i32.const 0) (local.get 4))
    (f32.store offset=240 (i32.const 0) (local.get 5)) (i32.add (local.get 2) (i32.const 1000)))`;

/** Calls $clean with four numbers, and adds up what it throws. */
/** A loop that is unrolled, and one that is counted, on $i and $x. */
const TWO_LOOPS = `
  (local.set $i (i32.const 40))
  (loop $small (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 5)) (local.get $i)))
    (br_if $small (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
  (local.set $i (i32.const 3000))
  (loop $large
    ${"(local.set $x (i32.xor (i32.mul (local.get $x) (i32.const 77)) (i32.shr_u (local.get $x) (i32.const 3))))".repeat(20)}
    (br_if $large (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
  (i32.store offset=1024 (i32.const 0) (local.get $x))`;

const RUN = {
  try: `(func (export "run") (param $n i32) (result i32) (local $k i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum)
        (try (result i32)
          (do (call $clean (i32.add (local.get $n) (local.get $k))) (i32.const 1))
          (catch $i) (catch $none (i32.const 70)) (catch $all (call $told)))))
      (br_if $l (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 4))))
    (i32.add (local.get $sum) (call $slow (local.get $n))))`,
  table: `(func (export "run") (param $n i32) (result i32) (local $k i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum)
        (block $got (result i32)
          (block $nothing
            (call $told (block $many (result i64 f32 i32 f64 v128 f32)
              (try_table (catch $i $got) (catch $none $nothing) (catch $all $many)
                (call $clean (i32.add (local.get $n) (local.get $k))))
              (br $got (i32.const 1))))
            (br $got))
          (i32.const 70))))
      (br_if $l (i32.lt_s (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 4))))
    (i32.add (local.get $sum) (call $slow (local.get $n))))`,
};

const ofHandlers: readonly Shape[] = [
  {
    title: "a destructor that calls, whatever was thrown",
    text: `${FOUR} ${RUN.try}
      (func $clean (param $n i32)
        (try (do (call $throws (local.get $n))) (catch_all (drop (call $slow (i32.const 2))) (rethrow 0))))`,
  },
  {
    title: "a handler of one tag that throws again or does not",
    text: `${FOUR} ${RUN.try}
      (func $clean (param $n i32) (local $m i32)
        (try (do (call $throws (local.get $n)))
          (catch $all (drop) (drop) (drop) (local.set $m) (drop) (drop)
            (if (i32.and (call $slow (local.get $m)) (i32.const 1)) (then (rethrow 1))))
          (catch $i (drop (call $slow)) (drop (call $slow (i32.const 1))) (rethrow 0))))`,
  },
  {
    title: "what it throws again lies below operands, of which some are its payload",
    text: `(tag $e (param i32 i64)) (tag $f (param i32))
      (func $clean (param $n i32) (result i32)
        (i32.const 1000)
        (try (result i32)
          (do (throw $e (call $slow (local.get $n)) (i64.const 9)))
          (catch $e (i64.const 4) (i64.add) (i32.wrap_i64) (call $slow (i32.const 3)) (i32.add) (i32.add)
            (if (result i32) (i32.and (local.tee $n (call $slow (i32.add (i32.const 5)))) (i32.const 1))
              (then (rethrow 1)) (else (call $slow (local.get $n))))))
        (i32.sub))
      (func (export "run") (param $n i32) (result i32)
        (try (result i32) (do (i32.add (call $clean (i32.const 1)) (call $clean (local.get $n))))
          (catch $e (drop))))`,
  },
  {
    title: "handlers inside of handlers, that throw again what the outer or the inner one caught",
    text: `${FOUR} ${RUN.try}
      (func $clean (param $n i32)
        (try (do (call $throws (local.get $n)))
          (catch_all
            (try (do (call $throws (i32.add (local.get $n) (i32.const 1))))
              (catch_all
                (drop (call $slow (local.get $n)))
                (try (do (call $throws (i32.add (local.get $n) (i32.const 2))))
                  (catch $i (if (call $slow) (then (rethrow 3))))
                  (catch_all
                    (drop (call $slow (i32.const 1)))
                    (if (i32.and (local.get $n) (i32.const 1)) (then (rethrow 1)))
                    (if (i32.and (local.get $n) (i32.const 2)) (then (rethrow 2)))
                    (rethrow 2))))))))`,
  },
  {
    title: "two handlers at once, each with its own of the same tag",
    text: `(tag $e (param i32))
      (func $clean (param $n i32)
        (try $outer (do (throw $e (i32.const 1)))
          (catch_all
            (try $inner (do (throw $e (i32.const 2)))
              (catch_all
                (drop (call $slow (local.get $n)))
                (if (i32.and (local.get $n) (i32.const 1)) (then (rethrow $inner)))
                (rethrow $outer))))))
      (func $caught (param $n i32) (result i32)
        (try (result i32) (do (call $clean (local.get $n)) (i32.const 7)) (catch $e)))
      (func (export "run") (param $n i32) (result i32)
        (i32.add (i32.mul (i32.const 100) (call $caught (local.get $n))) (call $caught (i32.const 2))))`,
  },
  {
    title: "cleanup during cleanup: exceptions of several frames at once",
    text: `${FOUR} ${RUN.try}
      (func $clean (param $n i32)
        (if (i32.le_s (local.get $n) (i32.const 0)) (then (return)))
        (try (do (call $throws (local.get $n)))
          (catch_all
            (try (do (call $clean (i32.sub (local.get $n) (i32.const 3)))) (catch_all (drop (call $slow (i32.const 0)))))
            (rethrow 0))))`,
  },
  {
    title: "loops in a handler: polled, unrolled, counted, and shared",
    text: `${FOUR} ${RUN.try}
      (func $clean (param $n i32) (local $i i32) (local $x i32)
        (try (do (call $throws (local.get $n)))
          (catch_all
            ${TWO_LOOPS}
            (block $out
              (loop $calls
                (loop $inner
                  (local.set $x (call $slow (local.get $i)))
                  (br_if $inner (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4)))
                  (if (i32.eq (local.get $n) (i32.const 6)) (then (rethrow 4))))
                (br_if $out (i32.gt_u (local.get $i) (i32.const 6)))
                (br $calls)))
            (rethrow 0))))`,
  },
  {
    title: "delegates around and inside of handlers",
    text: `${FOUR} ${RUN.try}
      (func $clean (param $n i32)
        (try $outer
          (do (try
            (do (try (do (call $throws (local.get $n))) (delegate $outer)))
            (catch_all (unreachable))))
          (catch_all
            (try $inner (do (drop (call $slow (local.get $n)))
              (try (do (call $throws (i32.add (local.get $n) (i32.const 1)))) (delegate $inner)))
              (catch $none (drop (call $slow (i32.const 7))) (rethrow $inner))
              (catch_all (drop (call $slow (i32.const 6)))))
            (rethrow $outer))))`,
  },
  {
    title: "a handler that is left by a branch, by a tail call, and by another exception",
    text: `${FOUR} ${RUN.try}
      (func $last (param $n i32) (drop (call $slow (local.get $n))))
      (func $clean (param $n i32)
        (block $out
          (try (do (call $throws (local.get $n)))
            (catch_all
              (br_if $out (i32.and (call $slow (local.get $n)) (i32.const 1)))
              (if (i32.and (local.get $n) (i32.const 2)) (then (return_call $last (local.get $n))))
              (if (i32.and (local.get $n) (i32.const 4)) (then (throw $i (call $slow (i32.const 8)))))
              (rethrow 0))))
        (drop (call $slow (i32.const 3))))`,
  },
  {
    title: "an exception that leaves the guest in the end",
    text: `${FOUR}
      (func $clean (param $n i32)
        (try (do (call $throws (local.get $n))) (catch_all (drop (call $slow (i32.const 2))) (rethrow 0))))
      (tag $pair (param i32 i64))
      (func (export "run") (param $n i32) (result i32)
        (try (do (call $clean (local.get $n))) (catch_all (drop (call $slow (i32.const 1)))
          (try (do (throw $pair (call $slow (local.get $n)) (i64.const 77)))
            (catch_all (drop (call $slow (i32.const 3))) (rethrow 0)))))
        (i32.const 0))`,
  },
  {
    title: "an error of JavaScript's in a destructor: its guest parks",
    imports: FAIL,
    text: `${FOUR} ${RUN.try}
      (func $clean (param $n i32)
        (if (i32.eq (local.get $n) (i32.const 8))
          (then
            (try (do
              (try (do (call $fail (local.get $n))) (catch_all (drop (call $slow (i32.const 2))) (rethrow 0))))
              (catch_all (drop (call $slow (i32.const 3))))))
          (else (drop (call $slow (i32.const 1))) (call $throws (local.get $n)))))`,
    pinned: true,
  },
  {
    title: "an error of JavaScript's that a handler is done with does not keep the guest",
    imports: FAIL,
    text: `(func (export "run") (param $n i32) (result i32)
        (try (result i32) (do (call $fail (local.get $n)) (i32.const 0)) (catch_all (call $slow (local.get $n)))))`,
  },
  {
    title: "an exception of a tag that is not the module's: its guest parks",
    imports: ALIEN,
    text: `(func $clean (param $n i32)
        (try (do (call $alien (local.get $n))) (catch_all (drop (call $slow (i32.const 2))) (rethrow 0))))
      (func (export "run") (param $n i32) (result i32) (drop (call $slow (i32.const 2))) (call $clean (local.get $n)) (i32.const 0))`,
    pinned: true,
  },
  {
    title: "an exception that carries a reference: its guest parks",
    text: `(tag $r (param externref i32)) (tag $i (param i32))
      (func $clean (param $n i32)
        (try (do (throw $r (ref.null extern) (local.get $n)))
          (catch $i (drop) (drop (call $slow (i32.const 1))) (rethrow 0))
          (catch_all (drop (call $slow (i32.const 2))) (rethrow 0))))
      (func $named (param $n i32)
        (try (do (throw $r (ref.null extern) (local.get $n)))
          (catch $r (drop) (drop) (drop (call $slow (i32.const 3))) (rethrow 0))))
      (func (export "run") (param $n i32) (result i32)
        (drop (call $slow (i32.const 1)))
        (try (result i32) (do
          (try (do (call $clean (local.get $n))) (catch $r (drop) (drop)))
          (call $named (local.get $n)) (i32.const 0)) (catch $r (drop) (drop) (i32.const 5))))`,
    pinned: true,
  },
];

const ofValues: readonly Shape[] = [
  {
    title: "a destructor that calls, whatever was thrown",
    text: `${FOUR} ${RUN.table}
      (func $clean (param $n i32) (local $x exnref)
        (block $out
          (local.set $x (block $all (result exnref)
            (try_table (catch_all_ref $all) (call $throws (local.get $n))) (br $out)))
          (drop (call $slow (i32.const 2)))
          (throw_ref (local.get $x))))`,
  },
  {
    title: "an exception on the stack across calls, with its payload beside it",
    text: `${FOUR} ${RUN.table}
      (func $clean (param $n i32)
        (block $out
          (block $all (result exnref)
            (block $i (result i32 exnref)
              (try_table (catch_ref $i $i) (catch_all_ref $all) (call $throws (local.get $n))) (br $out))
            (drop (call $slow (i32.const 1)))
            (call $log (call $slow (i32.const 9)))
            (throw_ref))
          (call $log (call $slow (i32.const 7)))
          (throw_ref)))`,
  },
  {
    title: "exceptions as parameters, results and loop parameters, null ones among them",
    text: `${FOUR} ${RUN.table}
      (func $catches (param $n i32) (result exnref)
        (block $all (result exnref)
          (try_table (catch_all_ref $all) (call $throws (local.get $n)))
          (ref.null exn)))
      (func $waits (param $x exnref) (param $n i32) (result exnref)
        (drop (call $slow (local.get $n))) (local.get $x))
      (func $clean (param $n i32) (local $a exnref) (local $b exnref)
        (local.set $a (call $waits (call $catches (local.get $n)) (i32.const 3)))
        (call $catches (i32.add (local.get $n) (i32.const 1)))
        (loop $l (param exnref)
          (local.set $b)
          (local.set $n (call $slow (local.get $n)))
          (call $waits (local.get $b) (local.get $n))
          (br_if $l (i32.and (local.get $n) (i32.const 3)))
          (drop))
        (if (i32.eqz (ref.is_null (local.get $a))) (then (drop (call $slow (i32.const 2))) (throw_ref (local.get $a))))
        (drop (call $slow (i32.const 3)))
        (throw_ref (local.get $b)))`,
  },
  {
    title: "cleanup during cleanup: exceptions of several frames at once",
    text: `${FOUR} ${RUN.table}
      (func $clean (param $n i32) (local $x exnref)
        (if (i32.le_s (local.get $n) (i32.const 0)) (then (return)))
        (block $all (result exnref)
          (try_table (catch_all_ref $all) (call $throws (local.get $n))) (return))
        (block $all
          (try_table (catch_all $all) (call $clean (i32.sub (local.get $n) (i32.const 3))))
          (drop (call $slow (i32.const 0))))
        (drop (call $slow (i32.const 1)))
        (throw_ref))`,
  },
  {
    title: "loops around what holds an exception: polled, unrolled, counted, and shared",
    text: `${FOUR} ${RUN.table}
      (func $clean (param $n i32) (local $i i32) (local $x i32) (local $e exnref)
        (block $all (result exnref)
          (try_table (catch_all_ref $all) (call $throws (local.get $n))) (return))
        (local.set $e)
        ${TWO_LOOPS}
        (loop $calls
          (loop $inner
            (local.set $x (call $slow (local.get $i)))
            (br_if $inner (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
          (br_if $calls (i32.lt_u (local.get $i) (i32.const 6))))
        (throw_ref (local.get $e)))`,
  },
  {
    title: "an exception that leaves the guest in the end",
    text: `${FOUR} (tag $pair (param i32 i64))
      (func (export "run") (param $n i32) (result i32)
        (block $first (result exnref)
          (try_table (catch_all_ref $first) (call $throws (local.get $n))) (return (i32.const 0)))
        (block $second (result exnref)
          (try_table (catch_all_ref $second) (throw $pair (call $slow (local.get $n)) (i64.const 77))) (unreachable))
        (drop (call $slow (i32.const 3)))
        (drop) (throw_ref))`,
  },
  {
    title: "an error of JavaScript's that is held: its guest parks",
    imports: FAIL,
    text: `${FOUR} ${RUN.table}
      (func $clean (param $n i32) (local $x exnref)
        (block $out
          (local.set $x (block $all (result exnref)
            (try_table (catch_all_ref $all)
              (if (i32.eq (local.get $n) (i32.const 8)) (then (call $fail (local.get $n))))
              (call $throws (local.get $n)))
            (br $out)))
          (drop (call $slow (i32.const 2)))
          (if (i32.eq (local.get $n) (i32.const 8)) (then (return)))
          (throw_ref (local.get $x))))`,
    pinned: true,
  },
  {
    title: "an error of JavaScript's that is passed on at once: its guest parks",
    imports: FAIL,
    text: `(func $waits (param $x exnref) (result exnref) (drop (call $slow (i32.const 2))) (local.get $x))
      (func (export "run") (param $n i32) (result i32)
        (drop (call $slow (i32.const 1)))
        (ref.is_null (call $waits
          (block $all (result exnref) (try_table (catch_all_ref $all) (call $fail (local.get $n))) (ref.null exn)))))`,
    pinned: true,
  },
  {
    title: "an exception of a tag that is not the module's: its guest parks",
    imports: ALIEN,
    text: `(func $clean (param $n i32)
        (block $all (result exnref) (try_table (catch_all_ref $all) (call $alien (local.get $n))) (return))
        (drop (call $slow (i32.const 2))) (throw_ref))
      (func (export "run") (param $n i32) (result i32) (drop (call $slow (i32.const 2))) (call $clean (local.get $n)) (i32.const 0))`,
    pinned: true,
  },
  {
    title: "an exception that carries a reference: its guest parks",
    text: `(tag $r (param externref i32)) (tag $i (param i32))
      (func $clean (param $n i32)
        (block $all (result exnref)
          (try_table (catch_all_ref $all) (throw $r (ref.null extern) (local.get $n))) (return))
        (drop (call $slow (i32.const 2))) (throw_ref))
      (func (export "run") (param $n i32) (result i32) (drop (call $slow (i32.const 1))) (call $clean (local.get $n)) (i32.const 0))`,
    pinned: true,
  },
];

for (const [title, shapes] of [
  ["exceptions held by handlers", ofHandlers],
  ["exceptions held as values", ofValues],
] as const) {
  const held = suite(title);
  for (const shape of shapes) held(shape.title, () => captureEverywhere(shape));
  held.run();
}
