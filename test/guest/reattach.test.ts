// Goal: an idle guest survives its host: memory, globals, services' state and every call that was not begun go on in a new one.
// Method: services that end their thread from a timer, which can only be between calls; counters in memory, in a global and in the
// services, which must not skip whatever dies when.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { codeOf, endOf, services, share, sleep } from "../support/guests.ts";
import { Random } from "../support/random.ts";

/** count() counts in memory, in a global and in the services; 0 if they differ. die(ms) ends the thread a little later. */
const PROGRAM = `(module
  (import "env" "served" (func $served (result i32)))
  (import "env" "die" (func $die (param i32)))
  (memory (export "memory") 1)
  (global $count (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.mul (global.get $count)
      (i32.and
        (i32.eq (global.get $count) (i32.load (i32.const 0)))
        (i32.eq (global.get $count) (call $served)))))
  (func (export "die") (param i32) (call $die (local.get 0))))`;
const image = prepare(assemble(PROGRAM)!);

const dying = (more = ""): URL =>
  services(`
    let served = 0;
    return {
      imports: { env: {
        served: () => ++served,
        die(ms) { setTimeout(() => process.exit(1), ms); },
      } },
      snapshot: () => served,
      restore(state) { served = state ?? 0; ${more} },
    };`);

const reattach = suite<{ fleet: Fleet }>("idle guests whose host died");
reattach.before(async (context) => {
  context.fleet = await Fleet.open();
});
reattach.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

async function counting(fleet: Fleet): Promise<Guest> {
  return fleet.boot(await image, { name: "mortal", services: dying() });
}

reattach("memory, globals and services' state are what the last call left", async ({ fleet }) => {
  await using guest = await counting(fleet);
  for (let n = 1; n <= share(40, 6); n++) {
    assert.is(await guest.call("count"), n);
    await guest.call("die", [0]);
    // The call that is sent to a thread which is about to end is sent again.
    if (n % 2 === 0) await sleep(30);
  }
  assert.is(guest.state === "failed", false);
});

reattach("before its first call a guest is as it was booted", async ({ fleet }) => {
  await using guest = await fleet.boot(await image, {
    name: "newborn",
    services: dying("if (state === undefined) setTimeout(() => process.exit(1), 100);"),
  });
  await sleep(200);
  assert.is(await guest.call("count"), 1);
});

reattach("under constant calls each has exactly one outcome, in order", async ({ fleet }) => {
  await using guest = await counting(fleet);
  const random = new Random(1);
  const outcomes: Promise<void>[] = [];
  let counted = 0;
  for (let death = 0; death < share(60, 6); death++) {
    for (let n = random.below(20); n >= 0; n--) {
      const expected = ++counted;
      outcomes.push(guest.call("count").then((count) => assert.is(count, expected)));
    }
    outcomes.push(guest.call("die", [random.below(3)]).then(() => undefined));
    if (random.oneIn(2)) await sleep(random.below(10));
  }
  await Promise.all(outcomes);
  assert.is(await guest.call("count"), counted + 1);
});

reattach("a frozen guest stays frozen, and can be handed over afterwards", async ({ fleet }) => {
  await using guest = await counting(fleet);
  assert.is(await guest.call("count"), 1);
  await guest.call("die", [30]);
  await guest.freeze();
  await sleep(200);
  assert.is(guest.state, "frozen");
  await guest.resume();
  assert.is(await guest.call("count"), 2);
  await guest.handover();
  assert.is(await guest.call("count"), 3);
  await guest.call("die", [0]);
  assert.is(await guest.call("count"), 4);
});

reattach("one whose hosts die one after the other fails in the end, and its memory is there", async ({ fleet }) => {
  const guest = await fleet.boot(await image, {
    name: "cursed",
    services: dying("if (state !== undefined) setTimeout(() => process.exit(1), 0);"),
  });
  assert.is(await guest.call("count"), 1);
  await guest.call("die", [0]);
  assert.is(endOf(await guest.exited), "SP_HOST_LOST");
  assert.is(new Uint32Array(guest.memory.buffer)[0], 1);
  assert.is(await codeOf(guest.call("count")), "SP_GUEST_STATE");
});

reattach("without capture, or with a state that cannot be sent, it is lost as before", async ({ fleet }) => {
  const rooted = await prepare(assemble(PROGRAM)!, { capture: false });
  const unsendable = services(`
    return {
      imports: { env: { served: () => 1, die(ms) { setTimeout(() => process.exit(1), ms); } } },
      snapshot: () => () => 1,
    };`);
  for (const guest of [
    await fleet.boot(rooted, { name: "rooted", services: dying() }),
    await fleet.boot(await image, { name: "unsendable", services: unsendable }),
  ]) {
    assert.is(await guest.call("count"), 1);
    await guest.call("die", [0]);
    assert.is(endOf(await guest.exited), "SP_HOST_LOST");
  }
});

reattach.run();
