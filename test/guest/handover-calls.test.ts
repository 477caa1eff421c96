// Goal: under constant calls a guest can be handed over a thousand times, and each call still has exactly one outcome and is
// issued at most once. Method: every call has a key of its own; in guest memory the guest, or the services, count for each key
// how often it was begun and how often it came to its end, and number the ends. What the callers were told must agree with that.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { services, share } from "../support/guests.ts";
import { move, movesText, newMoves } from "../support/moves.ts";
import { Random } from "../support/random.ts";

const HANDOVERS = share(1000, 40);

/** Calls that may be made: a byte for each key in two tables. */
const KEYS = 1 << 22;
const BEGUN = 65536;
const ENDED = BEGUN + KEYS;

const image = prepare(
  assemble(`(module
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "memory") ${(ENDED + KEYS) / 65536})
  (func $count (param $at i32) (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1))))
  (func $begin (export "begin") (param $key i32) (call $count (i32.add (local.get $key) (i32.const ${BEGUN}))))
  (func $end (export "end") (param $key i32) (result i32)
    (call $count (i32.add (local.get $key) (i32.const ${ENDED})))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.load (i32.const 0)))
  (func (export "turn") (param $key i32) (param $turns i32) (result i32)
    (call $begin (local.get $key))
    (loop $again (br_if $again (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
    (call $end (local.get $key)))
  (func (export "rest") (param $key i32) (param $ms i32) (result i32)
    (call $begin (local.get $key))
    (drop (call $ask (local.get $ms)))
    (call $end (local.get $key))))`)!,
  { capture: true },
);

/** ask() may be issued again wherever the guest goes on; it has come to its end once. */
const SERVICES = services(`
  let asked = 0;
  const end = (key) => { host.exports.begin(key); return host.exports.end(key); };
  return {
    imports: { env: { ask(ms) {
      const untilMs = host.clock.monotonicMs() + ms;
      while (host.wait({ untilMs }) !== "elapsed");
      return ++asked;
    } } },
    calls: {
      note: end,
      around: (key, turns) => host.exports.turn(key, turns),
      fail(key) { end(key); throw new Error("after " + key); },
      asked: () => asked,
    },
    snapshot: () => asked,
    restore(state) { asked = state ?? 0; },
  };`);

const KINDS = ["turn", "turn", "rest", "note", "around", "fail"] as const;

interface Made {
  readonly key: number;
  readonly kind: (typeof KINDS)[number];
  readonly givenUp: boolean;
  outcome?: number | string;
}

/** Makes calls one after the other, of every kind, some of which are given up. */
class Caller {
  readonly #guest: Guest;
  readonly #random: Random;
  readonly made: Made[] = [];
  over = false;

  constructor(guest: Guest, random: Random) {
    this.#guest = guest;
    this.#random = random;
  }

  async #call(): Promise<void> {
    const random = this.#random;
    const kind = random.pick(KINDS);
    const patience = random.below(10);
    const call: Made = { key: this.made.length, kind, givenUp: patience < 2 };
    assert.ok(call.key < KEYS);
    this.made.push(call);
    const limits = patience === 0 ? { timeoutMs: random.below(4) } : patience === 1 ? { signal: soon(random) } : {};
    const argument = kind === "rest" ? random.below(4) : 1 + random.below(3_000_000);
    const set = (outcome: number | string): void => {
      assert.is(call.outcome, undefined, "an outcome after the outcome");
      call.outcome = outcome;
    };
    await this.#guest.call<number>(kind, [call.key, argument], limits).then(set, (error) => {
      set(error === "given up" ? error : (error as { code: string }).code);
    });
  }

  async run(): Promise<void> {
    while (!this.over) await this.#call();
  }
}

function soon(random: Random): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort("given up"), random.below(4));
  return controller.signal;
}

const calls = suite<{ fleet: Fleet }>("handover under calls");
calls.before(async (context) => {
  context.fleet = await Fleet.open();
});
calls.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

calls(
  `each of many calls has one outcome over ${HANDOVERS} handovers, none is lost and none is doubled`,
  async ({ fleet }) => {
    const guest = await fleet.boot(await image, { name: "served", services: SERVICES });
    const caller = new Caller(guest, new Random(1));
    const calling = Promise.all(Array.from({ length: 6 }, () => caller.run()));
    // Awaited below, once the guest has been moved.
    calling.catch(() => undefined);
    const moves = newMoves();
    await move(guest, new Random(2), moves, { handoversMax: HANDOVERS, apartMsMax: 4, neverHeld: true });
    caller.over = true;
    await calling;
    const asked = await guest.call<number>("asked");
    const table = await guest.withFrozen(() => guest.read({ ptr: BEGUN, bytes: 2 * KEYS }));
    const { made } = caller;
    const tally: Record<string, number> = {};
    let last = 0;
    let rested = 0;
    for (const { key, kind, givenUp, outcome } of made) {
      const begun = table[key]!;
      const ended = table[KEYS + key]!;
      const what = `${kind} ${key}: ${outcome}, begun ${begun}, ended ${ended}`;
      const told = typeof outcome === "number" ? "answered" : outcome!;
      tally[told] = (tally[told] ?? 0) + 1;
      if (kind === "rest") rested += ended;
      if (typeof outcome === "number") {
        assert.ok(kind !== "fail" && begun === 1 && ended === 1, what);
        assert.ok(outcome > last, `${what}: out of order`);
        last = outcome;
      } else if (outcome === "SP_CALL_FAILED") assert.ok(kind === "fail" && begun === 1 && ended === 1, what);
      else {
        assert.ok(givenUp && (outcome === "SP_CALL_TIMEOUT" || outcome === "given up"), what);
        assert.ok(begun === ended && begun <= 1, what);
      }
    }
    assert.is(asked, rested, "ask() came to its end once for each call that asked");
    assert.is(
      table.subarray(made.length, KEYS).findIndex((count) => count !== 0),
      -1,
      "a call that nobody made",
    );
    const told = Object.entries(tally).map(([word, count]) => `${word} ${count}`);
    console.log(`# ${made.length} calls (${told.join(", ")}); ${movesText(moves)}`);
    assert.ok((tally.answered ?? 0) > HANDOVERS && (tally.SP_CALL_FAILED ?? 0) > 0);
    await guest.terminate();
  },
);

calls.run();
