// Goal: guests that take every core do not take the owner's control of them. Method: four guests in endless loops, frozen by
// turns; every freeze has to come within its budget, and how long they took is printed, not judged.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet } from "../../dist/index.js";
import { codeOf, endOf, kernels, reached, share } from "../support/guests.ts";

const responsive = suite("responsive");

responsive("each freeze of four spinning guests ends within its budget", async () => {
  const fleet = await Fleet.open();
  const image = await kernels();
  const names = ["a", "b", "c", "d"];
  const guests = await Promise.all(names.map((name) => fleet.boot(image, { name })));
  const outcomes = guests.map((guest) => codeOf(guest.call("spin")));
  await Promise.all(guests.map((guest) => reached(guest, "running")));
  const times: number[] = [];
  for (let round = 0; round < share(200, 50); round++) {
    const frozen = await Promise.all(guests.map((guest) => guest.freeze({ budgetMs: 5000 })));
    for (const report of frozen) {
      assert.is(report.how, "parked");
      times.push(report.timeToSafepointMs);
    }
    await Promise.all(guests.map((guest) => guest.resume()));
    const alone = guests[round % guests.length]!;
    times.push(alone.freezeSync({ budgetMs: 5000 }).timeToSafepointMs);
    alone.resumeSync();
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => times[Math.floor((times.length - 1) * share)]!.toFixed(3);
  console.log(`# time to safepoint of ${times.length} freezes: p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} ms`);
  await fleet[Symbol.asyncDispose]();
  for (const guest of guests) assert.is(endOf(await guest.exited), "SP_HOST_LOST");
  assert.equal(
    await Promise.all(outcomes),
    names.map(() => "SP_HOST_LOST"),
  );
});

responsive.run();
