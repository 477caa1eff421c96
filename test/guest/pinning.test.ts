// Goal: a guest is never taken off its thread through a frame that cannot save itself, whatever lies on top of that frame, and can be
// again once that frame is gone, however it went. Method: functions with a live reference, which cannot be captured, that sleep in
// WASI or in a service or throw, and a handler that holds an exception, its own or a service's; handovers during the sleep and after it.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { reached, services } from "../support/guests.ts";

const SLEEP_MS = 1500;

/** $holds keeps a reference while it does something; those around it can be captured. Each export answers 40 + what it did. */
const PROGRAM = `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "env" "nap" (func $nap (param i32) (result i32)))
  (import "env" "fail" (func $fail))
  (import "env" "call" (func $call (param i32) (result i32)))
  (import "env" "again" (func $again (param i32) (result i32)))
  (memory (export "memory") 1)
  (tag $gone)
  (func $sleep (param $ms i32) (result i32)
    (i32.store8 (i32.const 8) (i32.const 0))
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.mul (i64.extend_i32_u (local.get $ms)) (i64.const 1000000)))
    (i32.add (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)) (i32.load (i32.const 128))))
  (func $holds (param $how i32) (param $ms i32) (param $r externref) (result i32) (local $did i32)
    (block $done
      (block $throw
        (block $service
          (block $wasi (br_table $wasi $service $throw (local.get $how)))
          (local.set $did (call $sleep (local.get $ms))) (br $done))
        (local.set $did (call $nap (local.get $ms))) (br $done))
      (local.set $did (call $throws (local.get $ms))))
    (i32.add (local.get $did) (ref.is_null (local.get $r))))
  (func $throws (param $ms i32) (result i32) (drop (call $sleep (local.get $ms))) (throw $gone))
  (func $catches (param $ms i32) (result i32)
    (block $caught
      (try_table (catch $gone $caught) (drop (call $holds (i32.const 2) (local.get $ms) (ref.null extern)))))
    (i32.const 2))
  (func (export "wasi") (param $ms i32) (result i32)
    (i32.add (i32.const 40) (call $holds (i32.const 0) (local.get $ms) (ref.null extern))))
  (func (export "service") (param $ms i32) (result i32)
    (i32.add (i32.const 40) (call $holds (i32.const 1) (local.get $ms) (ref.null extern))))
  (func (export "around") (param $ms i32) (result i32) (i32.add (i32.const 40) (call $call (local.get $ms))))
  (func (export "through") (param $ms i32) (result i32) (i32.sub (call $again (local.get $ms)) (i32.const 1)))
  (func (export "throw") (param $ms i32) (result i32)
    (i32.add (i32.const 40) (call $catches (i32.const 0))) (drop (call $sleep (local.get $ms))))
  (func $keeps (param $ms i32) (param $own i32) (result i32) (local $x exnref)
    (local.set $x (block $all (result exnref)
      (try_table (catch_all_ref $all) (if (local.get $own) (then (throw $gone))) (call $fail)) (return (i32.const 0))))
    (drop (call $sleep (local.get $ms)))
    (block $other
      (block $mine (try_table (catch $gone $mine) (catch_all $other) (throw_ref (local.get $x))) (unreachable))
      (return (i32.const 2)))
    (i32.const 1))
  (func (export "own") (param $ms i32) (result i32) (i32.add (i32.const 40) (call $keeps (local.get $ms) (i32.const 1))))
  (func (export "foreign") (param $ms i32) (result i32) (i32.add (i32.const 41) (call $keeps (local.get $ms) (i32.const 0))))
  (func (export "plain") (param $ms i32) (result i32) (i32.add (i32.const 41) (call $sleep (local.get $ms)))))`;

const image = prepare(assemble(PROGRAM)!, { capture: true });

const SERVICES = services(`
  const nap = (ms) => { const untilMs = host.clock.monotonicMs() + ms; while (host.clock.monotonicMs() < untilMs) host.wait({ untilMs }); return 1; };
  const fail = () => { throw new Error("the services failed"); };
  return { imports: { env: { nap, fail, call: (ms) => host.exports.wasi(ms) - 40, again: (ms) => host.exports.plain(ms) + 1 } } };`);

const pinning = suite<{ fleet: Fleet }>("pinning");
pinning.before(async (context) => {
  context.fleet = await Fleet.open();
});
pinning.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

/** Of a guest in its sleep. Where frames can be taken along it is held, so that the sleep is not over before a new host is ready. */
async function framesMoved(guest: Guest, hold: boolean): Promise<number> {
  if (hold) await guest.freeze();
  const { frames } = await guest.handover({ services: SERVICES });
  if (hold) await guest.resume();
  return frames;
}

for (const [name, captured] of [
  ["plain", true],
  ["wasi", false],
  ["service", false],
  ["around", false],
  ["through", false],
  ["throw", true],
  ["own", true],
  ["foreign", false],
] as const) {
  pinning(
    `${name}: a handover during a sleep ${captured ? "takes the frames along" : "waits for its end"}`,
    async ({ fleet }) => {
      await using guest = await fleet.boot(await image, { name, services: SERVICES });
      const outcome = guest.call<number>(name, [SLEEP_MS]);
      // Awaited below, if all is well until then.
      outcome.catch(() => undefined);
      await reached(guest, "waiting");
      assert.is((await framesMoved(guest, captured)) > 0, captured);
      assert.is(await outcome, 42);
      if (name !== "foreign") return;
      // What that exception has pinned does not outlast the call.
      const after = guest.call<number>("plain", [SLEEP_MS]);
      await reached(guest, "waiting");
      assert.ok((await framesMoved(guest, true)) > 0);
      assert.is(await after, 42);
    },
  );
}

pinning.run();
