// Goal: the guest's monotonic clock does what its policy says across any pauses, never goes back, never runs faster than
// allowed, and knows when a deadline comes. Method: a source of time that the test moves, seeded pauses, and beside it a slow
// model that adds up each stretch of time as a fraction; then a thread that reads while another freezes.

import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../dist/abi.js";
import type { Core } from "../../dist/core/core.js";
import { type CoreOnLedger, coreOnLedger } from "../support/core.ts";
import { Random } from "../support/random.ts";
import type { ReaderData } from "./clock-reader.ts";

const FULL = process.env.SP_FULL === "1";
const STEPS = FULL ? 200_000 : 20_000;
const PAUSES = FULL ? 1_000_000 : 300_000;

const INCLUDE = 0;
const EXCLUDE = 1;
const SLEW = 2;
const PPM = 1_000_000n;

interface Settings {
  readonly policy: number;
  readonly ppm: bigint;
}

/** The clock by its definition: the lag in millionths of a nanosecond grows by pauses and shrinks by what is caught up. */
class PlainClock {
  readonly #settings: Settings;
  #processNs: bigint;
  #lagMillionths = 0n;
  #frozen = false;
  cpuNs = 0n;
  waiting = false;

  constructor(settings: Settings, startNs: bigint) {
    this.#settings = settings;
    this.#processNs = startNs;
  }

  advance(ns: bigint): void {
    const { policy, ppm } = this.#settings;
    this.#processNs += ns;
    if (this.#frozen) {
      if (policy !== INCLUDE) this.#lagMillionths += ns * PPM;
      else this.#frozenNs += ns;
      return;
    }
    if (!this.waiting) this.cpuNs += ns;
    if (policy !== SLEW) return;
    this.#lagMillionths -= ns * ppm;
    if (this.#lagMillionths < 0n) this.#lagMillionths = 0n;
  }

  /** How long the present pause lasts already, where the clock will count it at the end. */
  #frozenNs = 0n;

  freeze(): void {
    this.#frozen = true;
    this.#frozenNs = 0n;
  }

  resume(): void {
    this.#frozen = false;
    this.#frozenNs = 0n;
  }

  readingNs(): bigint {
    return this.#processNs - this.#frozenNs - this.#lagMillionths / PPM;
  }
}

class Bed {
  nowNs = 1_000_000_000n;
  readonly on: CoreOnLedger = coreOnLedger();
  /** Called at every look at the source of time, after it was read. */
  onNow: () => void = () => {};
  readonly owner: Core;
  readonly host: Core;

  constructor({ policy, ppm }: Settings) {
    const now = (): bigint => {
      const ns = this.nowNs;
      this.onNow();
      return ns;
    };
    this.owner = this.on.attach(0, now);
    this.host = this.on.attach(1, now);
    this.owner.startClock(policy, Number(ppm));
  }

  state(): number {
    return this.on.view.getUint32(abi.OFF_RUN, true) & abi.STATE_MASK;
  }

  /** Reads the clock as it will be at `ns`, and leaves no trace. */
  readingAt(ns: bigint): bigint {
    const { nowNs } = this;
    const floor = this.on.view.getBigInt64(abi.OFF_FLOOR_NS, true);
    this.nowNs = ns;
    this.on.view.setBigInt64(abi.OFF_FLOOR_NS, 0n, true);
    const reading = this.host.monotonicNs();
    this.nowNs = nowNs;
    this.on.view.setBigInt64(abi.OFF_FLOOR_NS, floor, true);
    return reading;
  }
}

const clock = suite("clock");

const policies: readonly (Settings & { name: string })[] = [
  { name: "include", policy: INCLUDE, ppm: 0n },
  { name: "exclude", policy: EXCLUDE, ppm: 0n },
  { name: "slew at 100 000 ppm", policy: SLEW, ppm: 100_000n },
  { name: "slew at 1 ppm", policy: SLEW, ppm: 1n },
  { name: "slew at 1 000 000 ppm", policy: SLEW, ppm: 1_000_000n },
];

for (const { name, ...settings } of policies) {
  clock(`${name}: every reading is that of the model, frozen or not, and none goes back`, () => {
    const random = new Random(Number(settings.ppm));
    const bed = new Bed(settings);
    const plain = new PlainClock(settings, bed.nowNs);
    // Each pause rounds the lag once, a reading once more.
    let roundings = 1n;
    let last = 0n;
    for (let step = 0; step < STEPS; step++) {
      const ns = BigInt(random.pick([0, 1, 999, random.below(1_000_000), random.below(2_000_000_000)]));
      bed.nowNs += ns;
      plain.advance(ns);
      if (bed.state() === abi.FROZEN && random.oneIn(2)) {
        assert.is(bed.owner.release(), 0);
        plain.resume();
        roundings++;
      } else if (bed.state() !== abi.FROZEN && random.oneIn(4)) {
        assert.is(bed.owner.request(), abi.FROZEN);
        plain.freeze();
      }
      const reading = bed.host.monotonicNs();
      const expected = plain.readingNs();
      const apart = reading > expected ? reading - expected : expected - reading;
      assert.ok(apart <= (settings.policy === SLEW ? roundings : 0n), `step ${step}: ${reading} for ${expected}`);
      assert.ok(reading >= last, `step ${step}: back from ${last} to ${reading}`);
      last = reading;
    }
  });

  clock(`${name}: runs no slower than time and no faster than allowed between pauses`, () => {
    const random = new Random(1 + Number(settings.ppm));
    const bed = new Bed(settings);
    for (let round = 0; round < 1_000; round++) {
      bed.owner.request();
      bed.nowNs += BigInt(random.below(500_000_000));
      bed.owner.release();
      for (let look = 0; look < 5; look++) {
        const before = bed.host.monotonicNs();
        const ns = BigInt(random.below(100_000_000));
        bed.nowNs += ns;
        const grown = bed.host.monotonicNs() - before;
        assert.ok(grown >= ns && grown <= ns + (ns * settings.ppm) / PPM + 1n, `${grown} in ${ns}`);
      }
    }
  });

  clock(`${name}: stands still while frozen, and after a resume continues from there as the policy says`, () => {
    const bed = new Bed(settings);
    bed.nowNs += 12_345n;
    bed.owner.request();
    const before = bed.host.monotonicNs();
    bed.nowNs += 500_000_000n;
    assert.is(bed.host.monotonicNs(), before);
    bed.owner.release();
    assert.is(bed.host.monotonicNs() - before, settings.policy === INCLUDE ? 500_000_000n : 0n);
  });

  clock(`${name}: a deadline comes when it was said to, not before, and 0 means that it has come`, () => {
    const random = new Random(2 + Number(settings.ppm));
    const bed = new Bed(settings);
    for (let round = 0; round < 2_000; round++) {
      bed.owner.request();
      bed.nowNs += BigInt(random.below(300_000_000));
      bed.owner.release();
      bed.nowNs += BigInt(random.below(50_000_000));
      const deadline = bed.host.monotonicNs() + BigInt(random.pick([-5, 0, 1, 2, 1_000, random.below(1_000_000_000)]));
      const untilNs = bed.host.untilMonotonicNs(deadline);
      assert.is(untilNs === 0n, deadline <= bed.readingAt(bed.nowNs), `in ${untilNs}`);
      // One more for the rounding of the lag.
      assert.ok(bed.readingAt(bed.nowNs + untilNs + 1n) >= deadline, "too early");
      if (untilNs > 2n) assert.ok(bed.readingAt(bed.nowNs + untilNs - 3n) < deadline, "too late");
    }
  });
}

clock(
  "slew: what a pause has put behind is caught up in the time that the rate says, and then the clock is true",
  () => {
    const bed = new Bed({ policy: SLEW, ppm: 100_000n });
    bed.owner.request();
    bed.nowNs += 50_000_000n;
    bed.owner.release();
    assert.is(bed.nowNs - bed.host.monotonicNs(), 50_000_000n);
    bed.nowNs += 250_000_000n;
    assert.is(bed.nowNs - bed.host.monotonicNs(), 25_000_000n);
    bed.nowNs += 250_000_000n;
    assert.is(bed.nowNs, bed.host.monotonicNs());
    bed.nowNs += 10n ** 18n;
    assert.is(bed.nowNs, bed.host.monotonicNs());
  },
);

clock("slew: a deadline is brought nearer by what there is to catch up, and by no more", () => {
  const bed = new Bed({ policy: SLEW, ppm: 100_000n });
  bed.owner.request();
  bed.nowNs += 10_000_000n;
  bed.owner.release();
  const reading = bed.host.monotonicNs();
  // 10 ms are caught up after 100 ms, in which the clock shows 110 ms.
  assert.is(bed.host.untilMonotonicNs(reading + 55_000_000n), 50_000_000n);
  assert.is(bed.host.untilMonotonicNs(reading + 110_000_000n), 100_000_000n);
  assert.is(bed.host.untilMonotonicNs(reading + 1_000_000_000n), 990_000_000n);
});

clock("a source that goes back by a little, as in another thread, does not take the reading back", () => {
  const bed = new Bed({ policy: INCLUDE, ppm: 0n });
  const before = bed.host.monotonicNs();
  bed.nowNs -= 1_000n;
  assert.is(bed.host.monotonicNs(), before);
  bed.nowNs += 1_001n;
  assert.is(bed.host.monotonicNs(), before + 1n);
});

clock("CPU time is the time in state RUNNING, whatever waits and pauses lie between", () => {
  const random = new Random(3);
  const bed = new Bed({ policy: INCLUDE, ppm: 0n });
  const plain = new PlainClock({ policy: INCLUDE, ppm: 0n }, bed.nowNs);
  const pass = (): void => {
    const ns = BigInt(random.below(1_000_000));
    bed.nowNs += ns;
    plain.advance(ns);
  };
  bed.host.enter();
  for (let round = 0; round < STEPS / 10; round++) {
    pass();
    assert.is(bed.host.cpuNs(), plain.cpuNs);
    plain.waiting = true;
    bed.host.beginWait();
    pass();
    for (let pauses = random.below(3); pauses > 0; pauses--) {
      bed.owner.request();
      pass();
      bed.owner.release();
      pass();
    }
    bed.host.endWait();
    plain.waiting = false;
    assert.is(bed.host.cpuNs(), plain.cpuNs);
  }
});

clock("a pause that falls into the beginning of a wait is not counted as waiting as well", () => {
  const bed = new Bed({ policy: INCLUDE, ppm: 0n });
  bed.host.enter();
  bed.nowNs += 1_000n;
  // As soon as the guest counts as waiting, the owner takes it, wherever beginWait() is by then.
  bed.onNow = () => {
    if (bed.state() !== abi.WAITING) return;
    bed.onNow = () => {};
    bed.owner.request();
    bed.nowNs += 700n;
    bed.owner.release();
  };
  bed.host.beginWait();
  bed.onNow = () => {};
  bed.nowNs += 50n;
  bed.host.endWait();
  assert.is(bed.host.cpuNs(), 1_000n);
});

for (const settings of [
  { policy: EXCLUDE, ppm: 0n },
  { policy: SLEW, ppm: 900_000n },
]) {
  clock(
    `policy ${settings.policy}: a thread that reads during the pauses of another never reads a half-made lag`,
    async () => {
      // Time passes in the pauses alone, so that there is one right reading from beginning to end.
      const time = new BigInt64Array(new SharedArrayBuffer(8)).fill(1_000_000_000n);
      const control = new Int32Array(new SharedArrayBuffer(8));
      const on = coreOnLedger();
      const owner = on.attach(0, () => Atomics.load(time, 0));
      owner.startClock(settings.policy, Number(settings.ppm));
      const workerData: ReaderData = { ledger: on.ledger, time, control };
      const worker = new Worker(new URL("./clock-reader.ts", import.meta.url), { workerData });
      const counted = new Promise<{ readings: number; wrong: number }>((resolve, reject) => {
        worker.on("message", resolve);
        worker.on("error", reject);
      });
      Atomics.wait(control, 0, 0, 5_000);
      for (let pause = 0; pause < PAUSES; pause++) {
        owner.request();
        Atomics.add(time, 0, 1_000n);
        owner.release();
      }
      Atomics.store(control, 1, 1);
      const { readings, wrong } = await counted;
      console.log(`# policy ${settings.policy}: ${readings} readings during ${PAUSES} pauses`);
      assert.ok(readings > 1_000);
      assert.is(wrong, 0);
    },
  );
}

clock.run();
