// Goal: poll_oneoff says what is so, waits as long as nothing is, and by the right clock. Clocks are the test's own: they move
// only while the guest waits, so each claim is exact.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Calls, outcome } from "./calls.ts";
import { Machine, Output, type Wait } from "./machine.ts";

const REALTIME = 0;
const MONOTONIC = 1;
const MS = 1_000_000n;

interface Clocks {
  wallNs: bigint;
  monotonicNs: bigint;
}

/** A machine whose clocks stand still except in waits, where both pass until the deadline, or as `passing` says. */
function withClocks(
  passing?: (clocks: Clocks, wait: Wait, machine: Machine) => void,
  stdout?: Output,
): { calls: Calls; machine: Machine; clocks: Clocks } {
  const clocks: Clocks = { wallNs: 1_700_000_000_000n * MS, monotonicNs: 5_000n * MS };
  const machine: Machine = new Machine(
    {
      clock: { wallNs: () => clocks.wallNs, monotonicNs: () => clocks.monotonicNs, cpuNs: () => 0n },
      onWait: (wait) => {
        if (machine.waits.length > 1000) throw new Error("polls busily");
        if (passing !== undefined) passing(clocks, wait, machine);
        else if (wait.until !== undefined) pass(clocks, wait);
      },
    },
    stdout,
  );
  return { calls: new Calls(machine), machine, clocks };
}

/** Time goes by until the deadline. */
function pass(clocks: Clocks, { until }: Wait): void {
  if (until === undefined) return;
  const ns = until.ns - (until.clock === "wall" ? clocks.wallNs : clocks.monotonicNs);
  if (ns < 0n) return;
  clocks.wallNs += ns;
  clocks.monotonicNs += ns;
}

const poll = suite("poll_oneoff");

poll("sleeps to the nearest of several deadlines, once, and reports that one alone", () => {
  const { calls, machine, clocks } = withClocks();
  const events = calls.poll(
    { clock: { id: MONOTONIC, ns: 300n * MS } },
    { clock: { id: MONOTONIC, ns: 20n * MS } },
    { clock: { id: MONOTONIC, ns: 5_100n * MS, absolute: true } },
  );
  assert.equal(events, [{ userdata: 1n, error: "ESUCCESS", type: 0, bytes: 0, hangup: false }]);
  assert.is(clocks.monotonicNs, 5_020n * MS);
  assert.is(machine.waits.length, 1);
});

poll("reports every deadline that has passed", () => {
  const { calls, machine } = withClocks();
  const events = calls.poll(
    { clock: { id: MONOTONIC, ns: 0n } },
    { clock: { id: REALTIME, ns: 1n, absolute: true } },
    { clock: { id: MONOTONIC, ns: 1n } },
    { clock: { id: REALTIME, ns: 0n } },
  );
  assert.equal(
    events.map((event) => event.userdata),
    [0n, 1n, 3n],
  );
  assert.is(machine.waits.length, 0);
});

poll("waits by the clock that a deadline names", () => {
  const { calls, machine, clocks } = withClocks();
  calls.poll({ clock: { id: REALTIME, ns: clocks.wallNs + 7n * MS, absolute: true } });
  assert.equal(machine.waits[0]?.until, { clock: "wall", ns: 1_700_000_000_007n * MS });
  calls.poll({ clock: { id: MONOTONIC, ns: 7n * MS } });
  assert.equal(machine.waits[1]?.until, { clock: "monotonic", ns: 5_014n * MS });
});

poll("ends at a wall-clock deadline although the monotonic one is nearer, when only the wall clock goes on", () => {
  // A long pause under the policy "exclude".
  const { calls } = withClocks((clocks, wait) => {
    pass(clocks, wait);
    clocks.wallNs += 10_000n * MS;
  });
  const events = calls.poll(
    { clock: { id: REALTIME, ns: 2_000n * MS } },
    { clock: { id: MONOTONIC, ns: 1_000n * MS } },
  );
  assert.equal(
    events.map((event) => event.userdata),
    [0n],
  );
});

poll("keeps a relative deadline where it was when it is woken early again and again", () => {
  const { calls, clocks, machine } = withClocks((clocks, _wait, machine) => {
    clocks.monotonicNs += 30n * MS;
    machine.ring();
  });
  calls.poll({ clock: { id: MONOTONIC, ns: 100n * MS } });
  assert.is(clocks.monotonicNs, 5_120n * MS);
  assert.is(machine.waits.length, 4);
});

poll("keeps a relative deadline when the call is cut off and issued again in another place", () => {
  const signal = { moved: true };
  const first = withClocks(() => {
    throw signal;
  });
  assert.throws(
    () => first.calls.poll({ clock: { id: MONOTONIC, ns: 100n * MS } }),
    (error: unknown) => error === signal,
  );
  const machine: Machine = new Machine({
    clock: {
      wallNs: () => 0n,
      monotonicNs: () => 5_040n * MS + 60n * MS * BigInt(machine.waits.length),
      cpuNs: () => 0n,
    },
    onWait: () => machine.ring(),
  });
  const second = new Calls(machine, structuredClone(first.calls.wasi.snapshot()));
  second.poll({ clock: { id: MONOTONIC, ns: 100n * MS } });
  assert.equal(
    machine.waits.map((wait) => wait.until?.ns),
    [5_100n * MS],
  );
});

poll("finds input that comes while it waits, and tells how much", () => {
  const { calls } = withClocks((_clocks, _wait, machine) => {
    machine.stdin.offer("12345");
    machine.ring();
  });
  const events = calls.poll({ read: 0, userdata: 77n }, { clock: { id: MONOTONIC, ns: 1_000n * MS } });
  assert.equal(events, [{ userdata: 77n, error: "ESUCCESS", type: 1, bytes: 5, hangup: false }]);
});

poll("reads the bell before it looks, so that no ring is lost", () => {
  // The input comes between the look and the wait: the wait must not sleep then.
  const { calls, machine } = withClocks(() => {});
  const readable = machine.stdin.readable.bind(machine.stdin);
  let looks = 0;
  machine.stdin.readable = () => {
    const bytes = readable();
    if (looks++ === 0) {
      machine.stdin.offer("12345");
      machine.ring();
    }
    return bytes;
  };
  const events = calls.poll({ read: 0, userdata: 77n });
  assert.equal(events, [{ userdata: 77n, error: "ESUCCESS", type: 1, bytes: 5, hangup: false }]);
});

poll("tells the end of input and a refused output as a hangup", () => {
  const stdout = new Output(0);
  const { calls, machine } = withClocks(undefined, stdout);
  machine.stdin.end();
  stdout.refuse();
  const events = calls.poll({ read: 0 }, { write: 1 });
  assert.equal(
    events.map(({ type, hangup }) => ({ type, hangup })),
    [
      { type: 1, hangup: true },
      { type: 2, hangup: true },
    ],
  );
});

poll("waits for room in an output", () => {
  const stdout = new Output(0);
  const { calls, machine } = withClocks((_clocks, _wait, machine) => {
    stdout.makeRoom(9);
    machine.ring();
  }, stdout);
  assert.is(calls.poll({ write: 1 })[0]?.bytes, 9);
  assert.is(machine.waits.length, 1);
});

poll("finds files ready at once, with the bytes that are left", () => {
  const machine = new Machine({ preopens: { "/": { file: "0123456789" } } });
  const calls = new Calls(machine);
  const fd = calls.open(3, "file", { write: true });
  calls.seek(fd, 4);
  const events = calls.poll({ read: fd }, { write: fd }, { clock: { id: MONOTONIC, ns: 1_000n * MS } });
  assert.equal(
    events.map(({ userdata, bytes }) => ({ userdata, bytes })),
    [
      { userdata: 0n, bytes: 6 },
      { userdata: 1n, bytes: 0 },
    ],
  );
});

poll("reports what is wrong with one subscription as that one's event", () => {
  const { calls } = withClocks();
  const events = calls.poll(
    { read: 99 },
    { read: 1 },
    { clock: { id: 2, ns: 1n } },
    { clock: { id: 9, ns: 1n } },
    { clock: { id: MONOTONIC, ns: 1_000n * MS } },
  );
  assert.equal(
    events.map(({ userdata, error }) => ({ userdata, error })),
    [
      { userdata: 0n, error: "EBADF" },
      { userdata: 1n, error: "EBADF" },
      { userdata: 2n, error: "ENOTSUP" },
      { userdata: 3n, error: "EINVAL" },
    ],
  );
});

poll("refuses a call that waits for nothing, or for something unknown", () => {
  const { calls } = withClocks();
  assert.is(
    outcome(() => calls.poll()),
    "EINVAL",
  );
  assert.is(
    outcome(() => calls.poll({ type: 7 })),
    "EINVAL",
  );
});

poll("takes the longest timeout there is for what it means", () => {
  const { calls, machine } = withClocks((_clocks, _wait, machine) => {
    machine.stdin.offer("x");
    machine.ring();
  });
  calls.poll({ clock: { id: MONOTONIC, ns: 2n ** 64n - 1n } }, { read: 0 });
  assert.is(machine.waits[0]?.until?.ns, 2n ** 63n - 1n);
});

poll("sleeps for real by real clocks", () => {
  const calls = new Calls(new Machine());
  const beganMs = performance.now();
  calls.poll({ clock: { id: REALTIME, ns: 30n * MS } }, { clock: { id: MONOTONIC, ns: 60n * MS } });
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs >= 29 && tookMs < 1_000, `${tookMs} ms`);
});

poll.run();
