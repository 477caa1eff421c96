// Goal: whatever a program does, it reaches a poll again soon, and polls change nothing it computes. Method: programs of every
// shape of loop and recursion count their turns in memory; each poll notes how many turns have passed since the last one. The
// result must be that of the program as it is.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HINT_SECTION } from "../../dist/prepare/hints.js";
import { COUNTED_ROUNDS } from "../../dist/prepare/polls.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { Reader } from "../../dist/wasm/reader.js";
import { readSections } from "../../dist/wasm/sections.js";
import { combinations } from "../support/combinations.ts";
import { runOriginal, runPrepared, wat } from "../support/wat.ts";

const polls = suite("polls");

/** Turns between two polls that a loop of each shape may take. */
const UNROLLED_MAX = 4;

const TURN = `(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))`;
/** Enough code for a loop that is too large to be repeated. */
const PADDING = `(global.set $sum (i32.add (global.get $sum) (i32.const 100000)))`.repeat(20);

/** `run` is called with a number of turns. */
function program(body: string, more = ""): Uint8Array<ArrayBuffer> {
  return wat(`(module (memory (export "memory") 1) (global $sum (export "sum") (mut i32) (i32.const 0)) (table 4 funcref) (type $ii (func (param i32) (result i32)))
    (tag $e) ${more} (func $run (export "run") (param $n i32) (result i32) (local $i i32) (local $r i32) ${body}))`);
}

/** Longest way between two polls, in turns, and how many polls there were. */
function gaps(
  bytes: Uint8Array<ArrayBuffer>,
  turns: number,
  options = combinations[0]!,
): { longest: number; count: number; result: number } {
  let last = 0;
  let longest = 0;
  let count = 0;
  const turn = () => new Int32Array(guest.memory!.buffer)[0]!;
  const guest = runPrepared(bytes, options, {
    poll() {
      longest = Math.max(longest, turn() - last);
      last = turn();
      count++;
    },
  });
  const result = guest.call.run!(turns);
  return { longest: Math.max(longest, turn() - last), count, result };
}

const SHAPES: readonly { name: string; body: string; more?: string; longest: number }[] = [
  {
    name: "a small loop with its condition at the end",
    longest: UNROLLED_MAX,
    body: `(loop $l ${TURN} (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))) (local.get $i)`,
  },
  {
    name: "a small loop with its condition at the start",
    longest: UNROLLED_MAX,
    body: `(block $out (loop $l (br_if $out (i32.ge_u (local.get $i) (local.get $n))) ${TURN} (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l))) (local.get $i)`,
  },
  {
    name: "a small loop that leaves by br_table and outer labels, with a result of its own",
    longest: UNROLLED_MAX,
    body: `(block $a (result i32)
      (loop $l (result i32) ${TURN} (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $a (local.get $i) (i32.gt_u (local.get $i) (i32.sub (local.get $n) (i32.const 3)))) (drop)
        (block $x (br_table $x $l (i32.and (local.get $i) (i32.const 1))))
        (br_if $l (local.get $i)) (i32.const 42)))`,
  },
  {
    name: "a loop that leaves by return, br_table and outer labels, with a result of its own",
    longest: COUNTED_ROUNDS,
    body: `(block $a (result i32) (block $b (result i32)
      (loop $l (result i32) ${TURN} (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (if (i32.eq (local.get $i) (i32.const 77777)) (then (return (i32.const 3))))
        (br_if $a (local.get $i) (i32.gt_u (local.get $i) (i32.sub (local.get $n) (i32.const 3))))  (drop)
        (if (i32.rem_u (local.get $i) (i32.const 7)) (then (br $l)))
        (if (i32.rem_u (local.get $i) (i32.const 91)) (then (block $x (br_table $x $l (i32.rem_u (local.get $i) (i32.const 2))) ) (br $l)))
        (br_if $b (i32.add (local.get $i) (i32.const 1000)) (i32.eq (local.get $i) (i32.const 5000))) (drop)
        (br_if $l (i32.lt_u (local.get $i) (local.get $n)))
        (i32.const 42))) (i32.add (i32.const 7)))`,
  },
  {
    name: "a large loop",
    longest: COUNTED_ROUNDS,
    body: `(block $out (loop $l (br_if $out (i32.ge_u (local.get $i) (local.get $n))) ${TURN} ${PADDING} (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l))) (global.get $sum)`,
  },
  {
    name: "a large loop entered again and again",
    longest: COUNTED_ROUNDS,
    body: `(loop $o (block $out (loop $l ${TURN} ${PADDING} (br_if $out (i32.and (local.get $i) (i32.const 1))) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l)))
      (br_if $o (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))) (global.get $sum)`,
  },
  {
    name: "a loop that calls",
    longest: 1,
    more: `(func $f ${TURN})`,
    body: `(loop $l (call $f) (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))) (local.get $i)`,
  },
  {
    name: "loops in a loop",
    longest: UNROLLED_MAX,
    body: `(loop $o (local.set $r (i32.const 0)) (loop $l ${TURN} (br_if $l (i32.lt_u (local.tee $r (i32.add (local.get $r) (i32.const 1))) (i32.const 5))))
      (br_if $o (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))) (i32.mul (local.get $i) (local.get $r))`,
  },
  {
    name: "a loop with a parameter",
    longest: 1,
    body: `(local.get $n) (loop $l (param i32) (result i32) ${TURN} (local.tee $i (i32.sub (i32.const 1))) (drop) (local.get $i) (br_if $l (local.get $i)) )`,
  },
  {
    name: "a loop that only an exception repeats",
    longest: 1,
    body: `(loop $l (if (i32.lt_u (local.get $i) (local.get $n)) (then ${TURN} (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (try_table (catch $e $l) (throw $e))))) (local.get $i)`,
  },
  {
    name: "a loop that only br_on_null repeats",
    longest: UNROLLED_MAX,
    more: `(elem declare func $run)`,
    body: `(loop $l ${TURN} (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (drop (br_on_null $l (select (result funcref) (ref.null func) (ref.func $run) (i32.lt_u (local.get $i) (local.get $n)))))) (local.get $i)`,
  },
  {
    name: "a function that calls itself",
    longest: 1,
    body: `${TURN} (if (result i32) (local.get $n) (then (i32.add (i32.const 1) (call $run (i32.sub (local.get $n) (i32.const 1))))) (else (i32.const 0)))`,
  },
  {
    name: "functions that call each other",
    longest: 3,
    more: `(func $a (param i32) (result i32) ${TURN} (call $b (local.get 0))) (func $b (param i32) (result i32) ${TURN} (call $run (local.get 0)))`,
    body: `${TURN} (if (result i32) (local.get $n) (then (call $a (i32.sub (local.get $n) (i32.const 1)))) (else (i32.const 9)))`,
  },
  {
    name: "functions that call each other through a table",
    longest: 2,
    more: `(elem (i32.const 0) $run $f) (func $f (type $ii) ${TURN} (call_indirect (type $ii) (local.get 0) (i32.const 0)))`,
    body: `${TURN} (if (result i32) (local.get $n) (then (call_indirect (type $ii) (i32.sub (local.get $n) (i32.const 1)) (i32.const 1))) (else (i32.const 9)))`,
  },
  {
    name: "functions that tail-call each other for ever",
    longest: 2,
    more: `(func $f (param i32) (result i32) ${TURN} (return_call $run (local.get 0)))`,
    body: `${TURN} (if (i32.eqz (local.get $n)) (then (return (i32.const 11)))) (return_call $f (i32.sub (local.get $n) (i32.const 1)))`,
  },
];

for (const { name, body, more, longest } of SHAPES) {
  polls(`come at least every ${longest} turns in ${name}, and change nothing`, () => {
    const bytes = program(body, more);
    const turns = name.includes("function") ? 700 : 3000;
    const original = runOriginal(bytes);
    const expected = original.call.run!(turns);
    const made = new Int32Array((original.exports.memory as WebAssembly.Memory).buffer)[0]!;
    assert.ok(made >= turns / 2, "the program takes its turns");
    for (const options of combinations) {
      const found = gaps(bytes, turns, options);
      assert.is(found.result, expected);
      assert.ok(found.longest <= longest, `${found.longest} turns without a poll`);
      assert.ok(found.count >= made / (longest + 1) - 1, "few polls");
    }
  });
}

const counts = (text: string) => prepareSync(wat(text)).info.counts;

polls("are not in code that neither repeats nor recurs", () => {
  const found = counts(`(module (func $a) (func $b (call $a) (call $a)) (func (export "c") (param i32) (call $b)
    (loop (nop)) (block (loop (br 1))) (if (local.get 0) (then (return)))))`);
  assert.is(found.loops, 2);
  assert.is(found.loopsPolled + found.loopsUnrolled + found.loopsCounted + found.entryPolls, 0);
});

polls("are at one entry of a cycle of calls", () => {
  const calls = [2, 3, 4, 5, 6, 0].map(
    (next, i) =>
      `(func $f${i + 1} (param i32) (if (local.get 0) (then (call $f${next === 0 ? 1 : next} (local.get 0)))))`,
  );
  assert.is(counts(`(module ${calls.join(" ")})`).entryPolls, 1);
});

polls("are at no entry of a recursive function that begins with a loop", () => {
  const text = `(module (func $f (param i32) (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (call $f (i32.const 3)))))`;
  assert.is(counts(text).entryPolls, 0);
  assert.is(counts(text.replace("(loop", "(call $f (i32.const 0)) (loop")).entryPolls, 1);
  assert.is(counts(text.replace("br_if $l", "drop")).entryPolls, 1, "a loop that does not repeat is no loop");
});

polls("load the hint as the options say", () => {
  const bytes = wat(`(module (func (loop (br 0))))`);
  const code = (polls: "plain" | "atomic") =>
    Buffer.from(prepareSync(bytes, { polls }).moduleBytes()).toString("latin1");
  const [plain, atomic] = ["\x41\x00\x28\x42\x01\x40\x04\x40", "\x41\x00\xfe\x10\x42\x01\x40\x04\x40"];
  assert.ok(code("plain").includes(plain!) && !code("plain").includes(atomic!));
  assert.ok(code("atomic").includes(atomic!) && !code("atomic").includes(plain!));
});

/** Hinted instructions by function: their opcodes with what is said of them. */
function hints(bytes: Uint8Array<ArrayBuffer>): Record<number, string> {
  const found: Record<number, string> = {};
  const sections = readSections(bytes);
  const code = sections.find(({ id }) => id === 10)!;
  const bodies: Reader[] = [];
  const bodyReader = new Reader(bytes, code.start, code.end);
  for (let count = bodyReader.u32(); count > 0; count--) bodies.push(bodyReader.part(bodyReader.u32()));
  const section = sections.find(({ name }) => name === HINT_SECTION)!;
  assert.ok(sections.indexOf(section) < sections.indexOf(code));
  const reader = new Reader(bytes, section.start, section.end);
  for (let functions = reader.u32(); functions > 0; functions--) {
    const index = reader.u32();
    found[index] = "";
    for (let count = reader.u32(); count > 0; count--) {
      const at = bodies[index]!.at + reader.u32();
      assert.is(reader.u32(), 1);
      found[index] += `${{ 4: "if", 13: "br_if" }[bytes[at]!] ?? "?"}=${reader.u8()} `;
    }
  }
  return found;
}

polls("are hinted unlikely, and hints of the original stay with their instructions", () => {
  const body = `(if (local.get $n) (then (nop))) (loop $l ${TURN} (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))) (loop $l ${TURN} ${PADDING} (br_if $l (i32.const 0))) (i32.const 0)`;
  const bytes = program(body);
  assert.equal(Object.values(hints(prepareSync(bytes, { capture: false }).moduleBytes())), ["if=0 if=0 br_if=0 "]);

  // The same with hints of its own on the first `if` and the first `br_if`.
  const code = readSections(bytes).find(({ id }) => id === 10)!;
  const reader = new Reader(bytes, code.start, code.end);
  reader.u32();
  const start = reader.part(reader.u32()).at;
  const at = (opcode: string) => Buffer.from(bytes).toString("latin1").indexOf(opcode, start) - start;
  const own = [1, 0, 2, at("\x04\x40"), 1, 1, at("\x0d\x00"), 1, 1];
  assert.ok(own.every((byte) => byte >= 0 && byte < 128));
  const name = [...new TextEncoder().encode(HINT_SECTION)];
  const section = [0, name.length + 1 + own.length, name.length, ...name, ...own];
  const hinted = Uint8Array.from([...bytes.subarray(0, code.at), ...section, ...bytes.subarray(code.at)]);
  const found = Object.values(hints(prepareSync(hinted, { capture: false }).moduleBytes()))[0]!;
  assert.match(found, /^if=1 if=0 (br_if=1 ){2,16}if=0 br_if=0 $/);
});

polls.run();
