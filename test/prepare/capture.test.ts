// Goal: what the capture pass writes into code is what assembly/ledger.ts and prepare/capture.ts say. Method: small programs with
// the unwinding word set by hand; frames are read as bytes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  EXPORT_BOOT,
  EXPORT_PREFIX,
  EXPORT_SLOW,
  LEDGER_PAGES,
  OFF_FRAMES,
  OFF_FRAMES_TOP,
  OFF_HINT,
  OFF_PINNED,
  OFF_UNWINDING,
} from "../../dist/abi.js";
import { EXCEPTION_FUNCTION, TRAILER_BYTES } from "../../dist/prepare/frames.js";
import { PINNED_BY_GUEST } from "../../dist/prepare/pins.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { assemble } from "../support/assemble.ts";
import { exportedFunction } from "../support/bridge.ts";

interface Guest {
  readonly run: (...args: number[]) => unknown;
  readonly ledger: WebAssembly.Memory;
  readonly word: (at: number) => number;
}

/** A guest whose host asks for its stack at every poll and in every call of "ask"; `pinned` collects what a poll finds. */
function guestOf(text: string, ledgerPages: number = LEDGER_PAGES, pinned: number[] = []): Guest {
  const image = prepareSync(assemble(`(module (import "host" "ask" (func $ask (param i32) (result i32))) ${text})`)!, {
    capture: true,
  });
  const shared = (initial: number, maximum: number) => new WebAssembly.Memory({ initial, maximum, shared: true });
  const ledger = shared(LEDGER_PAGES, ledgerPages);
  const words = new Int32Array(ledger.buffer);
  const leave = () => {
    pinned.push(words[OFF_PINNED >> 2]!);
    words[OFF_UNWINDING >> 2] = 1;
    return 0;
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(image.moduleBytes()), {
    stillpoint: { memory: shared(0, 65536), ledger },
    host: { ask: leave },
  });
  (exports[EXPORT_SLOW] as WebAssembly.Table).set(0, exportedFunction({ params: [], results: [] }, leave));
  (exports[EXPORT_BOOT] as () => void)();
  words[OFF_HINT >> 2] = 1;
  return {
    run: exports.run as Guest["run"],
    ledger,
    word: (at) => new DataView(ledger.buffer).getInt32(at, true),
  };
}

/** Values of the first frame, each four bytes, and its trailer. */
function firstFrame({ word }: Guest, count: number): { values: number[]; functionIndex: number; bytes: number } {
  const values = Array.from({ length: count }, (_, i) => word(OFF_FRAMES + 4 * i));
  const at = OFF_FRAMES + 4 * count;
  return { values, functionIndex: word(at), bytes: word(at + 8) };
}

const capture = suite("capture pass");

capture("a frame holds the locals that are live and the operands that are pending, and nothing else", () => {
  const guest = guestOf(`(func (export "run") (param $dead i32) (param $live i32) (result i32) (local $later i32)
    (local.set $later (i32.const 8))
    (i32.mul (local.get $dead) (i32.const 3))
    (drop (call $ask (i32.const 77)))
    (local.set $later (i32.const 9))
    (i32.add (i32.add (local.get $live) (local.get $later))))`);
  assert.is(guest.run(5, 6), 0);
  const { values, functionIndex, bytes } = firstFrame(guest, 3);
  // One live local, one pending operand, the argument of the host's call.
  assert.equal(values, [6, 15, 77]);
  assert.is(functionIndex, 1);
  assert.is(bytes, 3 * 4 + 16);
  assert.is(guest.word(OFF_FRAMES_TOP), bytes);
});

capture("what only a handler reads is kept across a call that may throw", () => {
  const guest = guestOf(`(tag $e) (func $may (drop (call $ask (i32.const 0))) (throw $e))
    (func (export "run") (param $a i32) (param $b i32) (result i32)
      (block $caught (try_table (catch $e $caught) (call $may)) (return (i32.const 1)))
      (local.get $b))`);
  guest.run(5, 6);
  const inner = 4 + 16;
  assert.is(guest.word(OFF_FRAMES + inner), 6);
  assert.is(guest.word(OFF_FRAMES_TOP), inner + 4 + 16);
});

capture("a loop's header keeps what the next turn reads", () => {
  const guest = guestOf(`(func (export "run") (param $n i32) (param $step i32) (result i32) (local $unused i32)
    (loop $l (drop (call $ask (i32.const 1)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (local.get $step)))))
    (local.get $n))`);
  guest.run(10, 2);
  assert.equal(firstFrame(guest, 2).values, [10, 2]);
});

capture("results of every type are zeros on the way out", () => {
  const guest = guestOf(`(func (export "run") (param $n i32) (result i32 i64 f32 f64 externref)
    (drop (call $ask (i32.const 1))) (i32.const 1) (i64.const 1) (f32.const 1) (f64.const 1) (ref.null extern))`);
  assert.equal(guest.run(10), [0, 0n, 0, 0, null]);
});

capture("functions that cannot be captured are named with the reason, and pin the guest while they call", () => {
  const text = `(func $holds (param $r externref) (result i32) (drop (call $ask (i32.const 1))) (ref.is_null (local.get $r)))
    (func (export "run") (param $n i32) (result i32)
      (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (call $holds (ref.null extern)))`;
  const image = prepareSync(assemble(`(module (import "host" "ask" (func $ask (param i32) (result i32))) ${text})`)!, {
    capture: true,
  });
  assert.equal(
    image.info.capture!.functionsRefused.map(({ index }) => index),
    [1],
  );
  assert.match(image.info.capture!.functionsRefused[0]!.reason, /reference/);
  assert.is(image.info.capture!.functionsMaySuspend, 2);

  const pinned: number[] = [];
  const guest = guestOf(
    `(func $holds (param $r externref) (result i32) (drop (call $ask (i32.const 1))) (ref.is_null (local.get $r)))
    (func (export "run") (param $n i32) (result i32) (call $holds (ref.null extern)))`,
    LEDGER_PAGES,
    pinned,
  );
  // The host is told that it cannot have the stack; one that asks all the same gets nothing from this frame.
  guest.run(1);
  assert.equal(pinned, [PINNED_BY_GUEST]);
  assert.is(guest.word(OFF_PINNED), 0);
});

capture("a function is refused by itself where saving would take it beyond what engines allow", () => {
  const imports = `(module (import "host" "ask" (func $ask (param i32) (result i32)))`;
  const reasonOf = (body: string): string | undefined => {
    const image = prepareSync(assemble(`${imports} (func (export "run") (param $n i32) (result i32) ${body}))`)!, {
      capture: true,
    });
    assert.ok(WebAssembly.validate(image.moduleBytes()));
    return image.info.capture!.functionsRefused[0]?.reason;
  };
  const pending = (count: number) =>
    `${"(local.get 0) ".repeat(count)} (drop (call $ask (i32.const 1))) ${"(i32.add) ".repeat(count - 1)}`;
  assert.is(reasonOf(pending(990)), undefined);
  assert.match(reasonOf(pending(100_000))!, "100001 operands");

  const locals = (count: number) => `(local ${"i64 ".repeat(count)}) (call $ask (local.get 0))`;
  assert.is(reasonOf(locals(20_000)), undefined);
  assert.match(reasonOf(locals(49_990))!, "49991 locals");

  const live = Array.from({ length: 900 }, (_, i) => i + 1);
  const calls = (count: number) => `(local ${"i32 ".repeat(900)})
    ${"(local.set $n (call $ask (local.get $n))) ".repeat(count)}
    (local.get 0) ${live.map((i) => `(i32.xor (local.get ${i}))`).join(" ")}`;
  assert.is(reasonOf(calls(500)), undefined);
  assert.match(reasonOf(calls(2000))!, "so many calls");
});

capture("an exception takes the pins of the frames that it passes through with it", () => {
  for (const attempt of [
    "(block $caught (result i32) (try_table (catch $e $caught) (drop (call $holds (ref.null extern)))) (i32.const -1))",
    "(try (result i32) (do (call $holds (ref.null extern))) (catch $e))",
  ]) {
    const guest = guestOf(`(tag $e (param i32)) (global $asks (mut i32) (i32.const 0))
      (func $throws (if (global.get $asks) (then (drop (call $ask (i32.const 1))))) (throw $e (i32.const 7)))
      (func $holds (param $r externref) (result i32) (call $throws) (ref.is_null (local.get $r)))
      (func (export "run") (param $n i32) (result i32) ${attempt})`);
    assert.is(guest.run(1), 7);
    assert.is(guest.word(OFF_PINNED), 0);
  }
});

capture("an exception that a frame needs lies under it, by tag and payload", () => {
  for (const cleaning of [
    `(try (do (call $throws)) (catch_all (drop (call $ask (i32.const 1))) (rethrow 0)))`,
    `(block $all (result exnref) (try_table (catch_all_ref $all) (call $throws)) (unreachable))
      (drop (call $ask (i32.const 1))) (throw_ref)`,
  ]) {
    const guest = guestOf(`(tag $none) (tag $e (param i64 i32))
      (func $throws (throw $e (i64.const -2) (i32.const 7)))
      (func (export "run") (param $n i32) (result i32) ${cleaning} (i32.const 0))`);
    assert.is(guest.run(1), 0);
    assert.is(guest.word(OFF_UNWINDING), 1);
    const record = new Int32Array(guest.ledger.buffer, OFF_FRAMES, 6);
    assert.equal([...record], [-2, -1, 7, EXCEPTION_FUNCTION | 0, 1, 12 + TRAILER_BYTES]);
  }
});

capture("handlers in numbers beyond all reason are refused in time", () => {
  const nested = 600;
  const image = prepareSync(
    assemble(`(module (import "host" "ask" (func $ask (param i32) (result i32))) (tag $e)
      (func ${"(try (do (throw $e)) (catch_all ".repeat(nested)} ${"(drop (call $ask (i32.const 1)))".repeat(nested)}
        ${"(rethrow 0)))".repeat(nested)}))`)!,
    { capture: true },
  );
  assert.match(image.info.capture!.functionsRefused[0]!.reason, "too many handlers");
});

capture("exceptions of the first tags are kept, and of any number of others the guest is pinned", () => {
  const tags = Array.from({ length: 1000 }, (_, i) => `(tag $e${i} (param i32))`).join(" ");
  for (const [tag, pinnedBy] of [
    [3, 0],
    [999, PINNED_BY_GUEST],
  ] as const) {
    const pinned: number[] = [];
    const guest = guestOf(
      `${tags} (func (export "run") (param $n i32) (result i32)
        (try (result i32)
          (do (try (result i32) (do (throw $e${tag} (i32.const 7))) (catch_all (drop (call $ask (i32.const 1))) (rethrow 0))))
          (catch $e${tag})))`,
      LEDGER_PAGES,
      pinned,
    );
    // A host that asks for the stack of a pinned guest all the same would lose it.
    if (pinnedBy === 0) guest.run(1);
    else assert.throws(() => guest.run(1), /unreachable/);
    assert.equal(pinned, [pinnedBy]);
  }
});

capture("what calls nothing that can stop is left as it is", () => {
  const bytes = assemble(`(module (func $leaf (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func (export "run") (param i32) (result i32) (call $leaf (call $leaf (local.get 0)))))`)!;
  const { info } = prepareSync(bytes, { capture: true });
  assert.equal(info.capture!.sites, 0);
  assert.equal(info.capture!.savers, []);
});

capture("state that another instance would not have is named", () => {
  const notCarried = (fields: string) =>
    prepareSync(assemble(`(module ${fields})`)!, { capture: true }).info.capture!.notCarried;
  assert.equal(notCarried(""), []);
  assert.equal(notCarried(`(table 1 funcref) (func (table.set (i32.const 0) (ref.null func)))`), []);
  assert.equal(notCarried(`(table 1 externref) (func (table.set (i32.const 0) (ref.null extern)))`), [
    "tables of other references than funcref",
  ]);
  assert.equal(notCarried(`(memory 1) (data $d "x") (func (data.drop $d))`), ["dropped segments"]);
  assert.equal(notCarried(`(global (mut externref) (ref.null extern))`), ["globals that hold references"]);
});

capture("frames beyond the frames area make the ledger grow, and trap where it cannot", () => {
  const deep = `(func $down (export "run") (param $n i32) (param $s i64) (result i64)
    (if (i32.eqz (local.get $n)) (then (drop (call $ask (i32.const 1))) (return (i64.const 1))))
    (i64.add (call $down (i32.sub (local.get $n) (i32.const 1)) (local.get $s)) (local.get $s)))`;
  // No poll on the way down, and room for two frames.
  const descend = (guest: Guest) => {
    const words = new Int32Array(guest.ledger.buffer);
    words[OFF_HINT >> 2] = 0;
    words[OFF_FRAMES_TOP >> 2] = LEDGER_PAGES * 65536 - OFF_FRAMES - 64;
    (guest.run as (...args: unknown[]) => unknown)(100, 5n);
  };
  const grows = guestOf(deep, LEDGER_PAGES + 64);
  descend(grows);
  assert.is(grows.ledger.grow(0), LEDGER_PAGES + 16);

  const full = guestOf(deep);
  assert.throws(
    () => descend(full),
    (error: unknown) => error instanceof WebAssembly.RuntimeError,
  );
});

capture("without capture nothing of it is there", () => {
  const bytes = assemble(
    `(module (memory 1) (global (mut i32) (i32.const 0)) (func (export "run") (loop $l (br $l))))`,
  )!;
  const image = prepareSync(bytes, { capture: false });
  assert.is(image.info.capture, undefined);
  const names = WebAssembly.Module.exports(new WebAssembly.Module(image.moduleBytes())).map(({ name }) => name);
  assert.equal(names.filter((name) => name.startsWith(EXPORT_PREFIX)).sort(), [
    "stillpoint:boot",
    "stillpoint:global:0",
    "stillpoint:slow",
  ]);
});

capture.run();
