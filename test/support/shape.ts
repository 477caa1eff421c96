/**
 * Shapes of code: small programs, each captured at every one of its polls and host calls alone, then at all of them, under marks and
 * without, in the same instance and in new ones, with loops shared and not. The oracle decides.
 */
import * as assert from "uvu/assert";
import { assemble } from "./assemble.ts";
import { compareCaptured } from "./oracle.ts";

export interface Shape {
  readonly title: string;
  /** Fields of the module; it has a memory, $ask of the host, and a loop in $slow so that calls of it can be captured. */
  readonly text: string;
  /** More of the host, which has to come first. */
  readonly imports?: string;
  readonly pinned?: true;
}

/** $slow(x) is x + 1, by a loop of x & 3 + 1 turns that calls the host once. $ask answers 100, 101, … */
const PRELUDE = `
  (import "host" "ask" (func $ask (param i32) (result i32)))
  (import "host" "log" (func $log (param i32)))
  (memory (export "memory") 1)
  (func $slow (param $x i32) (result i32) (local $i i32)
    (local.set $i (i32.and (local.get $x) (i32.const 3)))
    (loop $again
      (i32.store offset=64 (local.get $i) (i32.add (i32.load offset=64 (local.get $i)) (call $ask (local.get $i))))
      (br_if $again (i32.ge_s (local.tee $i (i32.sub (local.get $i) (i32.const 1))) (i32.const 0))))
    (i32.add (local.get $x) (i32.const 1)))`;

/** How many of a program's chances to be captured are taken one by one. */
const CHANCES = process.env.SP_FULL === "1" ? 1000 : 30;

const ALIEN = new WebAssembly.Tag({ parameters: ["i32"] });

function imports(log: (entry: string) => void) {
  let answers = 100;
  return {
    host: {
      ask: (value: number) => {
        log(`ask ${value}`);
        return answers++;
      },
      log: (value: number) => log(`log ${value}`),
      echo: (value: number) => {
        log(`echo ${value}`);
        return value;
      },
      tail: (value: number) => {
        log(`tail ${value}`);
        return value;
      },
      pair: (value: number) => {
        log(`pair ${value}`);
        return [value + 1, 7n];
      },
      fail: (value: number) => {
        log(`fail ${value}`);
        throw new Error("the host failed");
      },
      alien: (value: number) => {
        log(`alien ${value}`);
        throw new WebAssembly.Exception(ALIEN, [value]);
      },
    },
  };
}

/** Fails unless capturing changes nothing, wherever it is done. */
export function captureEverywhere({ text, imports: more = "", pinned }: Shape): void {
  const bytes = assemble(`(module ${more} ${PRELUDE} ${text})`);
  assert.ok(bytes !== undefined && WebAssembly.validate(bytes), "the test's own text is invalid");
  const calls = [5, 12].map((n) => ({ name: "run", args: [BigInt(n)] }));
  for (const track of ["none", "marks"] as const) {
    // At the nth chance alone, until there is no nth.
    for (let n = 0; n < CHANCES; n++) {
      let chance = 0;
      const counts = compareCaptured(`${track}, at ${n}`, bytes, { track }, calls, imports, () => chance++ === n);
      if (chance <= n) break;
      assert.is(counts.captures + counts.pinned, 1);
    }
    const counts = compareCaptured(`${track}, everywhere`, bytes, { track }, calls, imports, () => true);
    assert.ok(counts.captures > 0);
    assert.is(counts.pinned > 0, pinned === true);
    compareCaptured(`${track}, everywhere, same instance`, bytes, { track }, calls, imports, () => true, {
      sameInstance: true,
    });
    for (const sharedLoopBytesMin of [0, 1_000_000]) {
      compareCaptured(
        `${track}, loops shared from ${sharedLoopBytesMin} bytes`,
        bytes,
        { track },
        calls,
        imports,
        () => true,
        {
          sharedLoopBytesMin,
        },
      );
    }
  }
}
