// Goal: what goes into a ring comes out, once, in order, whatever the pieces, across the end of the ring and of the counters,
// and a full or empty ring never leaves its other side asleep. Method: a producer and a consumer in threads of their own
// (streams-side.ts); the edges of the arithmetic in one thread.

import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../dist/abi.js";
import type { Core } from "../../dist/core/core.js";
import { type CoreOnLedger, coreOnLedger } from "../support/core.ts";
import { Random } from "../support/random.ts";
import type { SideData } from "./streams.ts";

const BYTES = process.env.SP_FULL === "1" ? 200_000_000 : 5_000_000;

const wordOf = (ring: number, field: number): number => abi.OFF_RINGS + ring * abi.RING_STRIDE + field;

/** Makes a ring as it is after `counter` bytes have gone through. */
function advance(on: CoreOnLedger, ring: number, counter: number): void {
  on.view.setUint32(wordOf(ring, abi.RING_HEAD), counter, true);
  on.view.setUint32(wordOf(ring, abi.RING_TAIL), counter, true);
}

function run(data: SideData): Promise<number> {
  const worker = new Worker(new URL("./streams-side.ts", import.meta.url), { workerData: data });
  return new Promise((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  });
}

async function through(on: CoreOnLedger, ring: number, pieceMax: number): Promise<void> {
  const random = new Random(ring);
  const { ledger } = on;
  const common = { ledger, ring, bytes: BYTES, pieceMax };
  const sides = await Promise.all([
    run({ ...common, side: "producer", seed: random.u32() }),
    run({ ...common, side: "consumer", seed: random.u32() }),
  ]);
  assert.equal(sides, [BYTES, BYTES]);
}

const streams = suite("streams");

for (const [ring, pieceMax] of [
  [0, 100_000],
  [1, 3_000],
  [2, 65_536],
] as const) {
  streams(`ring ${ring} carries every byte in pieces of up to ${pieceMax}, over the end of the counters`, async () => {
    const on = coreOnLedger();
    // Halfway through the bytes the counters pass 2^32.
    advance(on, ring, 2 ** 32 - Math.floor(BYTES / 2));
    await through(on, ring, pieceMax);
    const core = on.attach(0);
    assert.is(core.buffered(ring), 0);
    for (const other of [0, 1, 2]) if (other !== ring) assert.is(on.view.getUint32(wordOf(other, abi.RING_HEAD)), 0);
  });
}

/** A ring whose next byte is `offset` bytes behind its beginning, close before the counters wrap. */
function ringAt(offset: number): { on: CoreOnLedger; core: Core } {
  const on = coreOnLedger();
  advance(on, 1, 2 ** 32 - abi.RING_BYTES + offset);
  return { on, core: on.attach(0) };
}

streams("a span ends where the bytes of the ring end, and the rest begins at their beginning", () => {
  const { core } = ringAt(abi.RING_BYTES - 10);
  const begin = abi.OFF_RING_BYTES + abi.RING_BYTES;
  assert.is(core.writable(1), 10);
  assert.is(core.writePtr(1), begin + abi.RING_BYTES - 10);
  core.wrote(1, 10);
  assert.is(core.writePtr(1), begin);
  assert.is(core.writable(1), abi.RING_BYTES - 10);
  core.wrote(1, 5);
  assert.is(core.buffered(1), 15);
  assert.is(core.readable(1), 10);
  assert.is(core.readPtr(1), begin + abi.RING_BYTES - 10);
  core.read(1, 10);
  assert.is(core.readable(1), 5);
  assert.is(core.readPtr(1), begin);
  core.read(1, 5);
  assert.is(core.buffered(1), 0);
});

streams("a full ring takes nothing more, an empty one gives nothing", () => {
  for (const offset of [0, 1, 4096, abi.RING_BYTES - 1]) {
    const { core } = ringAt(offset);
    assert.is(core.readable(1), 0);
    for (let span = core.writable(1); span > 0; span = core.writable(1)) core.wrote(1, span);
    assert.is(core.buffered(1), abi.RING_BYTES);
    core.read(1, 1);
    assert.is(core.writable(1), 1);
  }
});

streams("every change rings the bell: bytes written, bytes read, the end, the refusal", () => {
  const { on, core } = ringAt(0);
  const bell = (): number => on.view.getUint32(abi.OFF_BELL, true);
  for (const act of [() => core.wrote(1, 3), () => core.read(1, 2), () => core.endRing(1), () => core.refuseRing(1)]) {
    const before = bell();
    act();
    assert.is(bell(), before + 1);
  }
  assert.is(core.ended(1), 1);
  assert.is(core.refused(1), 1);
  assert.is(core.ended(0), 0);
  assert.is(core.refused(2), 0);
});

streams("the end does not take away what is still in the ring", () => {
  const { core } = ringAt(0);
  core.wrote(1, 7);
  core.endRing(1);
  assert.is(core.readable(1), 7);
  assert.is(core.buffered(1), 7);
});

streams("the rings' bytes lie side by side and do not overlap", () => {
  const on = coreOnLedger();
  const core = on.attach(0);
  const ptrs = [0, 1, 2].map((ring) => core.writePtr(ring));
  assert.equal(
    ptrs,
    [0, 1, 2].map((ring) => abi.OFF_RING_BYTES + ring * abi.RING_BYTES),
  );
  assert.ok(ptrs[2]! + abi.RING_BYTES <= abi.OFF_DIRTY_MAP);
});

streams.run();
