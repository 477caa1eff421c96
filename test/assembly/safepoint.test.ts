// Goal: each function of the handshake does what the ledger's page says, and refuses what it must without changing a byte.
// Method: one thread plays both sides, with a clock of its own, and compares the words of the ledger. A guest that parks
// would stop this thread, so the test gives the grant itself; test/assembly/torture.test.ts has real threads.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../dist/abi.js";
import { type Core, WANTED, YES } from "../../dist/core/core.js";
import { type CoreOnLedger, coreOnLedger, Lost } from "../support/core.ts";

const { IDLE, WAITING, RUNNING, FREEZING, FROZEN, ENDED } = abi;
const REFUSED = -1;
const HOST = 1;
const OTHER = 2;

interface Context {
  on: CoreOnLedger;
  /** The owner's side, the host that has the guest, and one that does not. */
  owner: Core;
  host: Core;
  other: Core;
  nowNs: bigint;
}

const safepoint = suite<Context>("safepoint");

safepoint.before.each((context) => {
  context.nowNs = 1_000n;
  const now = (): bigint => context.nowNs;
  context.on = coreOnLedger({ host: HOST });
  context.owner = context.on.attach(0, now);
  context.host = context.on.attach(HOST, now);
  context.other = context.on.attach(OTHER, now);
});

const u32 = ({ on }: Context, at: number): number => on.view.getUint32(at, true);
const stateOf = (context: Context): number => u32(context, abi.OFF_RUN) & abi.STATE_MASK;
const generationOf = (context: Context): number => u32(context, abi.OFF_RUN) >>> abi.STATE_BITS;
const bytesOf = ({ on }: Context): number[] => [...new Uint8Array(on.ledger.buffer, 0, abi.OFF_DESCRIPTORS)];

/** What the guest does at a safepoint before it parks. */
function grant(context: Context): void {
  assert.is(stateOf(context), FREEZING);
  context.on.view.setUint32(abi.OFF_RUN, (generationOf(context) << abi.STATE_BITS) | FROZEN, true);
}

/** Brings the guest to `state`; a frozen one was found in `found`. */
function bring(context: Context, state: number, found: number = RUNNING): void {
  const { owner, host } = context;
  const before = state === FROZEN ? found : state === FREEZING ? RUNNING : state;
  if (before !== IDLE) host.enter();
  if (before === WAITING) host.beginWait();
  if (before === ENDED) host.end();
  if (state === FREEZING || state === FROZEN) owner.request();
  if (state === FROZEN && found === RUNNING) grant(context);
  assert.is(stateOf(context), state);
}

function changesNothing(context: Context, act: () => void): void {
  const before = bytesOf(context);
  act();
  assert.equal(bytesOf(context), before);
}

for (const found of [IDLE, WAITING]) {
  safepoint(`request() takes a guest in state ${found} at once, and release() puts it back`, (context) => {
    const { owner } = context;
    bring(context, found);
    const generation = generationOf(context);
    assert.is(owner.request(), FROZEN);
    assert.is(generationOf(context), generation + 1);
    assert.is(owner.granted(), found);
    assert.is(u32(context, abi.OFF_HINT), 0);
    assert.is(owner.release(), 0);
    assert.is(stateOf(context), found);
    assert.is(generationOf(context), generation + 1);
    assert.is(u32(context, abi.OFF_EPOCH), 1);
    assert.is(u32(context, abi.OFF_HOLDS), 0);
  });
}

safepoint("request() asks a running guest, and the hint stands until the freeze is over", (context) => {
  const { owner } = context;
  bring(context, RUNNING);
  assert.is(owner.request(), FREEZING);
  assert.is(u32(context, abi.OFF_HINT), 1);
  assert.is(owner.granted(), REFUSED);
  grant(context);
  assert.is(owner.granted(), RUNNING);
  assert.is(owner.release(), 0);
  assert.is(stateOf(context), RUNNING);
  assert.is(u32(context, abi.OFF_HINT), 0);
});

safepoint("every request has a generation of its own, the withdrawn ones as well", (context) => {
  const { owner } = context;
  bring(context, RUNNING);
  const first = generationOf(context);
  for (let round = 1; round <= 3; round++) {
    owner.request();
    assert.is(generationOf(context), first + round);
    assert.is(owner.withdraw(), RUNNING);
    assert.is(generationOf(context), first + round);
  }
});

safepoint("withdraw() leaves a running guest without hint and hold", (context) => {
  const { owner, host } = context;
  bring(context, FREEZING);
  assert.is(owner.withdraw(), RUNNING);
  assert.is(u32(context, abi.OFF_HINT), 0);
  assert.is(u32(context, abi.OFF_HOLDS), 0);
  assert.is(u32(context, abi.OFF_EPOCH), 0);
  assert.is(host.leave(), 1);
});

safepoint("withdraw() takes back one of several requests, and the last one lets the guest be", (context) => {
  const { owner } = context;
  bring(context, FREEZING);
  assert.is(owner.request(), FREEZING);
  assert.is(owner.withdraw(), FREEZING);
  assert.is(u32(context, abi.OFF_HINT), 1);
  assert.is(stateOf(context), FREEZING);
  assert.is(owner.withdraw(), RUNNING);
});

safepoint("withdraw() after the grant is too late and changes nothing", (context) => {
  bring(context, FROZEN);
  changesNothing(context, () => assert.is(context.owner.withdraw(), FROZEN));
  assert.is(context.owner.release(), 0);
});

for (const state of [IDLE, WAITING, RUNNING, ENDED]) {
  safepoint(`withdraw() in state ${state}, where nothing was asked, changes nothing`, (context) => {
    bring(context, state);
    changesNothing(context, () => assert.is(context.owner.withdraw(), state));
  });
}

for (const state of [IDLE, WAITING, RUNNING, FREEZING, ENDED]) {
  safepoint(`release() and handOver() in state ${state} are refused and change nothing`, (context) => {
    bring(context, state);
    changesNothing(context, () => {
      assert.is(context.owner.release(), REFUSED);
      assert.is(context.owner.handOver(HOST, OTHER), REFUSED);
    });
  });
}

for (const found of [IDLE, WAITING, RUNNING]) {
  safepoint(`a guest found in state ${found} stays frozen until the last hold is released`, (context) => {
    const { owner } = context;
    bring(context, FROZEN, found);
    assert.is(owner.request(), FROZEN);
    assert.is(owner.request(), FROZEN);
    const generation = generationOf(context);
    assert.is(owner.release(), 2);
    assert.is(owner.release(), 1);
    assert.is(stateOf(context), FROZEN);
    assert.is(u32(context, abi.OFF_EPOCH), 0);
    assert.is(owner.release(), 0);
    assert.is(stateOf(context), found);
    assert.is(generationOf(context), generation);
    assert.is(u32(context, abi.OFF_EPOCH), 1);
  });
}

safepoint("request() of a guest that has ended adds no hold and changes nothing", (context) => {
  bring(context, ENDED);
  changesNothing(context, () => assert.is(context.owner.request(), ENDED));
});

for (const [state, found, answer, after] of [
  [IDLE, IDLE, IDLE, IDLE],
  [WAITING, WAITING, WAITING, ENDED],
  [RUNNING, RUNNING, RUNNING, ENDED],
  [FREEZING, RUNNING, RUNNING, ENDED],
  [FROZEN, IDLE, IDLE, FROZEN],
  [FROZEN, WAITING, WAITING, ENDED],
  [FROZEN, RUNNING, RUNNING, ENDED],
  [ENDED, ENDED, ENDED, ENDED],
] as const) {
  safepoint(`bury() of a host in state ${state} that was doing ${found} leaves ${after}`, (context) => {
    bring(context, state, found);
    const holds = u32(context, abi.OFF_HOLDS);
    assert.is(context.owner.bury(), answer);
    assert.is(stateOf(context), after);
    assert.is(u32(context, abi.OFF_HOLDS), after === ENDED ? 0 : holds);
    if (after === ENDED) assert.is(u32(context, abi.OFF_HINT), 0);
    if (after === ENDED) assert.is(context.owner.request(), ENDED);
  });
}

safepoint(
  "handOver() gives an idle guest to the other host, and the first one finds that it has lost it",
  (context) => {
    const { owner, host, other } = context;
    bring(context, FROZEN, IDLE);
    assert.is(owner.handOver(OTHER, HOST), REFUSED);
    assert.is(u32(context, abi.OFF_HOST), HOST);
    assert.is(owner.handOver(HOST, OTHER), 0);
    owner.release();
    changesNothing(context, () => assert.throws(() => host.enter(), isLost));
    assert.is(other.enter(), 1);
  },
);

const isLost = (error: unknown): boolean => error instanceof Lost;

for (const state of [IDLE, WAITING, RUNNING, FREEZING, ENDED]) {
  safepoint(`a host that the guest is not with changes nothing in state ${state}`, (context) => {
    const { other } = context;
    bring(context, state);
    changesNothing(context, () => {
      for (const act of [other.enter, other.leave, other.poll, other.beginWait, other.endWait] as (() => unknown)[]) {
        const before = u32(context, abi.OFF_RUN);
        try {
          act();
          assert.unreachable("it went on");
        } catch (error) {
          assert.ok(isLost(error));
        }
        assert.is(u32(context, abi.OFF_RUN), before);
      }
      assert.is(other.end(), 0);
      // Before a wait the time is noted, in two words that only a wait reads.
      context.on.view.setBigInt64(abi.OFF_WAIT_FROM_NS, state === WAITING ? 1_000n : 0n, true);
    });
  });
}

safepoint("a move from the wrong state answers false and leaves the state", (context) => {
  const { host } = context;
  const refused = (...moves: (() => number)[]): void => {
    const before = u32(context, abi.OFF_RUN);
    for (const move of moves) {
      assert.is(move(), 0);
      assert.is(u32(context, abi.OFF_RUN), before);
    }
  };
  refused(host.leave, host.beginWait, host.endWait);
  host.enter();
  refused(host.enter, host.endWait);
  host.beginWait();
  refused(host.enter, host.leave, host.beginWait);
  host.endWait();
  host.end();
  refused(host.enter, host.leave, host.beginWait, host.endWait);
});

safepoint("the moves of a guest's life keep the generation", (context) => {
  const { host } = context;
  for (const [move, state] of [
    [host.enter, RUNNING],
    [host.beginWait, WAITING],
    [host.endWait, RUNNING],
    [host.leave, IDLE],
    [host.enter, RUNNING],
    [host.end, ENDED],
  ] as const) {
    assert.is(move(), 1);
    assert.is(stateOf(context), state);
    assert.is(generationOf(context), 0);
  }
});

safepoint("poll() without a request returns at once and changes nothing", (context) => {
  bring(context, RUNNING);
  changesNothing(context, () => context.host.poll());
});

const wanted = (context: Context): number => u32(context, abi.OFF_WANTED);

/** Frozen in a state that no thread of this test is parked in, and recalled. */
function recalled(context: Context, found: number): void {
  bring(context, FROZEN, found);
  assert.is(context.owner.recall(), 0);
}

for (const state of [IDLE, WAITING, RUNNING, FREEZING, ENDED]) {
  safepoint(`recall() and heed() in state ${state} are refused and change nothing`, (context) => {
    bring(context, state);
    changesNothing(context, () => {
      assert.is(context.owner.recall(), REFUSED);
      assert.is(context.host.heed(), 0);
    });
  });
}

for (const found of [IDLE, WAITING, RUNNING]) {
  safepoint(`a recall of a guest found in state ${found} moves its freeze on, and can be taken back`, (context) => {
    const { owner, host } = context;
    bring(context, FROZEN, found);
    const generation = generationOf(context);
    const bell = u32(context, abi.OFF_BELL);
    assert.is(owner.recall(), 0);
    assert.is(stateOf(context), FROZEN);
    assert.is(generationOf(context), generation + 1);
    assert.is(wanted(context), u32(context, abi.OFF_RUN));
    assert.is(u32(context, abi.OFF_BELL), bell + 1);
    assert.is(u32(context, abi.OFF_HOLDS), 1);
    assert.is(owner.granted(), found);
    assert.is(owner.unrecall(), 0);
    assert.is(wanted(context), 0);
    changesNothing(context, () => {
      assert.is(host.heed(), 0);
      assert.is(owner.unrecall(), 0);
    });
    assert.is(owner.release(), 0);
    assert.is(stateOf(context), found);
  });
}

for (const [name, leaves] of [
  ["enter", ({ host }: Context) => host.enter()],
  ["takeUp", ({ host }: Context) => host.takeUp()],
] as const) {
  safepoint(`${name}() of a host that is wanted leaves the guest frozen, and the recall stands`, (context) => {
    const { owner } = context;
    recalled(context, IDLE);
    const run = u32(context, abi.OFF_RUN);
    assert.is(leaves(context), WANTED);
    assert.is(u32(context, abi.OFF_RUN), run);
    assert.is(wanted(context), abi.LEAVING);
    changesNothing(context, () => assert.is(owner.unrecall(), REFUSED));
    owner.taken();
    assert.is(wanted(context), 0);
    assert.is(owner.granted(), IDLE);
  });
}

for (const [name, found, leaves] of [
  ["leave", RUNNING, ({ host }: Context) => host.leave()],
  ["beginWait", RUNNING, ({ host }: Context) => host.beginWait()],
  ["endWait", WAITING, ({ host }: Context) => host.endWait()],
] as const) {
  safepoint(`${name}() of a host that is wanted leaves, and what resumes is a guest that runs`, (context) => {
    const { owner, host, other } = context;
    recalled(context, found);
    assert.is(leaves(context), WANTED);
    assert.is(wanted(context), abi.LEAVING);
    assert.is(stateOf(context), FROZEN);
    owner.taken();
    assert.is(owner.handOver(HOST, OTHER), 0);
    assert.is(owner.release(), 0);
    assert.is(stateOf(context), RUNNING);
    assert.is(other.takeUp(), YES);
    assert.throws(() => host.takeUp(), isLost);
    assert.is(other.leave(), YES);
  });
}

safepoint("poll() of a host that is wanted tells guest code to save its frames", (context) => {
  recalled(context, RUNNING);
  assert.is(u32(context, abi.OFF_UNWINDING), 0);
  context.host.poll();
  assert.is(u32(context, abi.OFF_UNWINDING), 1);
  assert.is(wanted(context), abi.LEAVING);
});

safepoint("heed() answers a recall once, and only the host that has the guest", (context) => {
  const { host, other } = context;
  recalled(context, IDLE);
  changesNothing(context, () => assert.is(other.heed(), 0));
  assert.is(host.heed(), 1);
  assert.is(wanted(context), abi.LEAVING);
  changesNothing(context, () => assert.is(host.heed(), 0));
});

safepoint("a host that nobody has recalled does not leave, not even in the freeze after 2^29 others", (context) => {
  const { owner, host } = context;
  context.on.view.setUint32(abi.OFF_RUN, (0x1fff_ffff << abi.STATE_BITS) | IDLE, true);
  assert.is(owner.request(), FROZEN);
  assert.is(generationOf(context), 0);
  changesNothing(context, () => assert.is(host.heed(), 0));
  assert.is(owner.recall(), 0);
  assert.is(host.heed(), 1);
});

safepoint(
  "a guest that is held is recalled again from a host that has taken it up, and was never let go",
  (context) => {
    const { owner, host, other } = context;
    bring(context, FROZEN, RUNNING);
    assert.is(owner.request(), FROZEN);
    owner.recall();
    assert.is(host.leave(), WANTED);
    owner.taken();
    assert.is(owner.handOver(HOST, OTHER), 0);
    assert.is(owner.release(), 1);
    assert.is(owner.recall(), 0);
    assert.is(other.takeUp(), WANTED);
    assert.is(wanted(context), abi.LEAVING);
    assert.is(stateOf(context), FROZEN);
  },
);

for (const [found, leaves] of [
  [RUNNING, ({ host }: Context) => host.beginWait()],
  [WAITING, ({ host }: Context) => host.endWait()],
] as const) {
  safepoint(
    `a host that was leaving a guest found in state ${found} and stays runs it when it is released`,
    (context) => {
      const { owner, host } = context;
      recalled(context, found);
      assert.is(leaves(context), WANTED);
      owner.release();
      host.stay();
      assert.is(stateOf(context), RUNNING);
      assert.is(wanted(context), 0);
      assert.is(owner.unrecall(), 0);
    },
  );
}

safepoint("stay() leaves a recall standing that came after the one it was called out by", (context) => {
  const { owner, host } = context;
  recalled(context, RUNNING);
  assert.is(host.beginWait(), WANTED);
  owner.taken();
  owner.recall();
  const again = wanted(context);
  owner.release();
  host.stay();
  assert.is(wanted(context), again);
});

safepoint("takeUp() tells of the freeze that is over, and not of one that is only asked for", (context) => {
  const { owner, host } = context;
  const woken = (): number => u32(context, abi.OFF_WOKEN);
  recalled(context, RUNNING);
  assert.is(host.beginWait(), WANTED);
  owner.taken();
  const generation = generationOf(context);
  owner.release();
  assert.is(host.takeUp(), YES);
  assert.is(woken(), generation);
});

safepoint("the times of a freeze are those of its moments", (context) => {
  const { owner } = context;
  const ns = (at: number): bigint => context.on.view.getBigInt64(at, true);
  context.nowNs = 5_000n;
  owner.request();
  assert.is(ns(abi.OFF_REQUESTED_AT_NS), 5_000n);
  assert.is(ns(abi.OFF_FROZEN_AT_NS), 5_000n);
  context.nowNs = 7_500n;
  owner.release();
  assert.is(ns(abi.OFF_PAUSED_NS), 2_500n);
});

safepoint.run();
