// Goal: nobody gets more than its share, nobody pays for others, and what is remembered stays small. Method: a clock moved by hand; a
// random caller is compared with a plain list of the moments at which it was admitted.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RateLimit } from "../../dist/events/rate-limit.js";
import { Random } from "../support/random.ts";

const limits = suite("rate limit");

limits("a second's worth at once, and then as many as time allows", () => {
  let nowMs = 0;
  const limit = new RateLimit(5, () => nowMs);
  const admitted = (times: number): number =>
    Array.from({ length: times }, () => limit.admit("a")).filter(Boolean).length;
  assert.is(admitted(20), 5);
  nowMs = 199;
  assert.is(admitted(20), 0);
  nowMs = 200;
  assert.is(admitted(20), 1);
  nowMs = 60_000;
  assert.is(admitted(20), 5);
});

limits("one that polls every second is never refused, whatever others do", () => {
  let nowMs = 0;
  const limit = new RateLimit(5, () => nowMs);
  for (; nowMs < 10_000; nowMs++) {
    limit.admit("greedy");
    if (nowMs % 1000 === 0) assert.ok(limit.admit("patient"));
  }
});

limits("no span of time holds more than its share and one burst, however a caller asks", () => {
  const random = new Random(1);
  let nowMs = 0;
  const limit = new RateLimit(5, () => nowMs);
  const admitted: number[] = [];
  for (let step = 0; step < 20_000; step++) {
    nowMs += random.oneIn(50) ? random.below(3000) : random.below(100);
    if (limit.admit("a")) admitted.push(nowMs);
  }
  for (let first = 0; first < admitted.length; first++) {
    for (let last = first; last < Math.min(admitted.length, first + 40); last++) {
      const spanMs = admitted[last]! - admitted[first]!;
      assert.ok(last - first + 1 <= 5 + (spanMs * 5) / 1000 + 1e-6, `${last - first + 1} in ${spanMs} ms`);
    }
  }
  assert.ok(admitted.length > 1000);
});

limits("a bucket that is not full is kept while thousands of others come and go", () => {
  let nowMs = 0;
  const limit = new RateLimit(1, () => nowMs);
  for (let index = 0; index < 4000; index++) limit.admit(`old ${index}`);
  nowMs = 2000;
  assert.ok(limit.admit("a"));
  for (let index = 0; index < 20_000; index++) {
    limit.admit(`other ${index}`);
    if (index % 1000 === 0) assert.not.ok(limit.admit("a"), `after ${index} others`);
  }
});

limits.run();
