// Goal: what is to run later runs once, not before its time, and not at all when it is called off. Method: short waits on the
// system's clock, long ones on one that goes when it is told to.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { systemClock } from "../../dist/schedule/clock.js";
import { VirtualClock } from "../support/clock.ts";
import { sleep } from "../support/guests.ts";

const clocks = suite("clock");

clocks("the system's clock is the wall clock", () => {
  const before = Date.now();
  const nowMs = systemClock.nowMs();
  assert.ok(before <= nowMs && nowMs <= Date.now());
});

clocks("what is due later runs once, and not before its time", async () => {
  const dueMs = performance.now() + 30;
  let earliest = true;
  let runs = 0;
  systemClock.after(30, () => {
    runs++;
    // Timers count whole ms.
    earliest = performance.now() >= dueMs - 1.5;
  });
  for (let wait = 0; wait < 500 && runs === 0; wait++) await sleep(2);
  await sleep(50);
  assert.is(runs, 1);
  assert.ok(earliest);
});

clocks("what is called off does not run", async () => {
  let runs = 0;
  const callOff = systemClock.after(5, () => runs++);
  callOff();
  callOff();
  await sleep(40);
  assert.is(runs, 0);
});

clocks("a wait longer than a timer holds does not end at once", async () => {
  let runs = 0;
  const callOff = systemClock.after(2 ** 31 + 5, () => runs++);
  await sleep(30);
  callOff();
  assert.is(runs, 0);
});

clocks("a virtual clock runs things in the order of their times, with what they set off in between", async () => {
  const clock = new VirtualClock(0);
  const order: string[] = [];
  clock.after(3_600_000, () => order.push(`hour ${clock.nowMs()}`));
  clock.after(10, () => {
    order.push(`ten ${clock.nowMs()}`);
    void Promise.resolve().then(() => clock.after(5, () => order.push(`fifteen ${clock.nowMs()}`)));
  });
  await clock.pass(7_200_000);
  assert.equal(order, ["ten 10", "fifteen 15", "hour 3600000"]);
  assert.is(clock.nowMs(), 7_200_000);
  assert.is(clock.pending, 0);
});

clocks.run();
