// Goal: every call has exactly one outcome, in order, with a code that says in what state the guest is left. Method: a guest
// that counts the calls it really serves, services that misbehave in each way they can, and the count compared afterwards.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest } from "../../dist/index.js";
import { CLERK, clerk, codeOf, endOf, python, reached, services, sleep, wat } from "../support/guests.ts";

/** ask(n) is what the guest calls; the calls beside it are JavaScript around the guest. */
const SERVICES = services(`
  const block = (ms) => { const until = performance.now() + ms; while (performance.now() < until); };
  const view = (Type) => new Type(host.memory.buffer, 16, 16 / (Type.BYTES_PER_ELEMENT ?? 1));
  return {
    imports: { env: { ask(n) {
      if (n === 1) throw new Error("through the guest");
      if (n === 2) throw undefined;
      if (n === 3) host.wait({ untilMs: Number.NaN });
      if (n === 4) host.wait({ wake: { words: new Int32Array(4), index: 0, value: 0 } });
      if (n === 5) host.wait({ untilMs: Infinity, wake: { words: new Int32Array(new SharedArrayBuffer(4)), index: 0, value: 1 } });
      if (n >= 10) block(n);
      return n;
    } } },
    calls: {
      throws() { throw new TypeError("of the services"); },
      throwsOdd(what) { throw what === "symbol" ? Symbol("odd") : what === "function" ? () => 1 : what; },
      promises: async () => 1,
      rejects: async () => { throw new Error("late"); },
      uncloneable: () => () => 1,
      echo: (value) => value,
      block,
      bytes: () => view(Uint8Array),
      words: () => view(Int32Array),
      data: () => view(DataView),
      askThrough: (n) => host.exports.ask(n),
      caught(n) { try { host.exports.ask(n); } catch (error) { return "caught " + error?.message; } },
      crashThrough: () => host.exports.crash(),
      own: 7,
    },
  };`);

interface Context {
  fleet: Fleet;
  guest: Guest;
}

const calls = suite<Context>("calls");
calls.before(async (context) => {
  context.fleet = await Fleet.open();
});
calls.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});
calls.before.each(async (context) => {
  context.guest = await context.fleet.boot(await clerk(), { name: "clerk", services: SERVICES, callQueueMax: 4 });
});
calls.after.each(async ({ guest }) => {
  await guest.terminate();
});

const messageOf = (work: Promise<unknown>): Promise<string> => work.then(String, (error: Error) => error.message);

calls("calls are served in the order in which they were made", async ({ guest }) => {
  const order: string[] = [];
  const call = (name: string, args: unknown[]): Promise<unknown> =>
    guest.call(name, args).then((value) => order.push(`${name} ${value}`));
  await Promise.all([call("block", [30]), call("bump", []), call("echo", ["x"]), call("bump", [])]);
  assert.equal(order, ["block undefined", "bump 1", "echo x", "bump 2"]);
});

calls("a full queue refuses a call and keeps those that it has", async ({ guest }) => {
  const served = [guest.call("block", [50])];
  for (let n = 0; n < 4; n++) served.push(guest.call("bump"));
  assert.is(await codeOf(guest.call("bump")), "SP_QUEUE_FULL");
  assert.equal(await Promise.all(served), [undefined, 1, 2, 3, 4]);
  assert.is(await guest.call("bump"), 5);
});

calls("a queue of none still serves a guest that is free", async ({ fleet }) => {
  const guest = await fleet.boot(await clerk(), { name: "busy", services: SERVICES, callQueueMax: 0 });
  const call = guest.call("block", [30]);
  assert.is(await codeOf(guest.call("bump")), "SP_QUEUE_FULL");
  await call;
  assert.is(await guest.call("bump"), 1);
  await guest.withFrozen(async () => assert.is(await codeOf(guest.call("bump")), "SP_QUEUE_FULL"));
  await guest.terminate();
});

calls("a call given up while queued is never served", async ({ guest }) => {
  const reason = new Error("not needed");
  const controller = new AbortController();
  const first = guest.call("block", [60]);
  const aborted = guest.call("bump", [], { signal: controller.signal }).catch((error: unknown) => error);
  const late = codeOf(guest.call("bump", [], { timeoutMs: 5 }));
  controller.abort(reason);
  assert.is(await aborted, reason);
  assert.is(await late, "SP_CALL_TIMEOUT");
  await first;
  assert.is(await guest.call("bump", [], { signal: controller.signal }).catch((error: unknown) => error), reason);
  assert.is(await guest.call("bump"), 1);
});

calls("a call given up under way goes on, and the next one waits for it", async ({ guest }) => {
  const controller = new AbortController();
  const outcomes = [
    guest.call("ask", [100], { signal: controller.signal }).catch((error: unknown) => error),
    guest.call("bump"),
  ];
  await reached(guest, "running");
  const begun = performance.now();
  controller.abort("enough");
  assert.is(await outcomes[0], "enough");
  assert.is(guest.state, "running");
  assert.is(await outcomes[1], 1);
  assert.ok(performance.now() - begun > 20, "served after the call that was given up");
  assert.is(await codeOf(guest.call("ask", [50], { timeoutMs: 5 })), "SP_CALL_TIMEOUT");
  assert.is(await guest.call("bump"), 2);
});

calls("a time limit may be of any length, but must be one", async ({ guest }) => {
  for (const timeoutMs of [2 ** 31, 1e300, Number.POSITIVE_INFINITY]) {
    assert.is(await guest.call("ask", [20], { timeoutMs }), 20);
  }
  for (const timeoutMs of [-1, Number.NaN]) {
    assert.is(await codeOf(guest.call("bump", [], { timeoutMs })), "SP_CONFIG_INVALID");
  }
  assert.is(await guest.call("bump"), 1);
});

calls("unknown names are refused, those that every object has included", async ({ guest }) => {
  for (const name of ["nothing", "memory", "own", "toString", "constructor", "__proto__", "stillpoint:boot"]) {
    assert.is(await codeOf(guest.call(name)), "SP_EXPORT_MISSING", name);
  }
  assert.is(await guest.call("bump"), 1);
});

calls("what services throw among themselves leaves the guest well", async ({ guest }) => {
  const error = await guest.call("throws").catch((caught: unknown) => caught as Error);
  assert.is((error as { code?: string }).code, "SP_CALL_FAILED");
  assert.match((error as Error).message, "of the services");
  assert.instance((error as Error).cause, TypeError);
  for (const odd of [undefined, null, 0, "text", "symbol", "function"]) {
    assert.is(await codeOf(guest.call("throwsOdd", [odd])), "SP_CALL_FAILED", String(odd));
  }
  assert.match(await messageOf(guest.call("caught", [1])), "caught through the guest");
  assert.is(await guest.call("bump"), 1);
});

calls("promises are no results, and their rejections trouble nobody", async ({ guest }) => {
  assert.is(await codeOf(guest.call("promises")), "SP_CALL_FAILED");
  assert.is(await codeOf(guest.call("rejects")), "SP_CALL_FAILED");
  await sleep(20);
  assert.is(await guest.call("bump"), 1);
});

calls("arguments and results that cannot be cloned fail their call alone", async ({ guest }) => {
  const served = [guest.call("block", [20]), codeOf(guest.call("echo", [() => 1])), guest.call("bump")];
  assert.equal(await Promise.all(served), [undefined, "SP_CALL_FAILED", 1]);
  assert.is(await codeOf(guest.call("echo", [Symbol("s")])), "SP_CALL_FAILED");
  assert.is(await codeOf(guest.call("uncloneable")), "SP_CALL_FAILED");
  assert.equal(await guest.call("echo", [{ deep: [1n, new Date(0), new Map([[1, 2]])] }]), {
    deep: [1n, new Date(0), new Map([[1, 2]])],
  });
  assert.is(await guest.call("bump"), 2);
});

calls("a result that is a view of guest memory is a copy of its own kind", async ({ guest }) => {
  await guest.call("store", [16, 7]);
  const bytes = await guest.call<Uint8Array>("bytes");
  const words = await guest.call<Int32Array>("words");
  const data = await guest.call<DataView>("data");
  await guest.call("store", [16, 8]);
  assert.instance(bytes, Uint8Array);
  assert.instance(words, Int32Array);
  assert.instance(data, DataView);
  assert.equal([bytes.length, words.length, data.byteLength], [16, 4, 16]);
  assert.equal([bytes[0], words[0], data.getUint8(0)], [7, 7, 7]);
  for (const { buffer } of [bytes, words, data]) assert.instance(buffer, ArrayBuffer);
});

for (const [name, args] of [
  ["crash", []],
  ["crashThrough", []],
  ["ask", [1]],
  ["ask", [2]],
  ["askThrough", [1]],
  ["askThrough", [2]],
  ["ask", [3]],
  ["ask", [4]],
] as const) {
  calls(
    `${name}(${args}) goes through the guest: it has failed, and so have all calls behind it`,
    async ({ guest }) => {
      await guest.call("bump");
      const outcomes = [guest.call(name, args), guest.call("bump"), guest.call("bump")].map(codeOf);
      assert.equal(await Promise.all(outcomes), ["SP_GUEST_TRAP", "SP_GUEST_STATE", "SP_GUEST_STATE"]);
      assert.is(endOf(await guest.exited), "SP_GUEST_TRAP");
      assert.is(guest.state, "failed");
      assert.is(await codeOf(guest.call("bump")), "SP_GUEST_STATE");
      assert.is(guest.read({ ptr: 0, bytes: 1 })[0], 1, "only the call before it was served");
    },
  );
}

calls("services that catch a failed wait find the guest running, not waiting", async ({ guest }) => {
  assert.match(await messageOf(guest.call("caught", [4])), "caught");
  const call = codeOf(guest.call("spin"));
  await sleep(20);
  assert.is((await guest.freeze()).how, "parked");
  await guest.resume();
  await guest.terminate();
  assert.is(await call, "SP_HOST_LOST");
});

calls("a wait whose word has changed already, or without an end, is no error", async ({ guest }) => {
  assert.is(await guest.call("ask", [5]), 5);
});

calls("an exit inside a call ends the guest with its code", async ({ fleet }) => {
  const image = await wat(`(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (func (export "leave") (call $exit (i32.const 7))))`);
  const guest = await fleet.boot(image, { name: "leaver" });
  const outcomes = [guest.call("leave"), guest.call("leave")].map(codeOf);
  assert.equal(await Promise.all(outcomes), ["SP_GUEST_STATE", "SP_GUEST_STATE"]);
  assert.is(endOf(await guest.exited), "code 7");
  assert.is(guest.state, "exited");
});

calls("calls while frozen wait for the last hold", async ({ guest }) => {
  await guest.freeze();
  await guest.freeze();
  const served = [guest.call("bump"), guest.call("bump")];
  await guest.resume();
  await sleep(20);
  assert.is(new Uint32Array(guest.memory.buffer)[0], 0);
  await guest.resume();
  assert.equal(await Promise.all(served), [1, 2]);
});

calls("calls on a guest that is still booting are served afterwards", async ({ fleet }) => {
  const slow = services(
    `return new Promise((done) => setTimeout(() => done({ imports: { env: { ask: (n) => n } } }), 100));`,
  );
  const booting = fleet.boot(await clerk(), { name: "slow", services: slow });
  while (!fleet.guests.has("slow")) await sleep(0);
  const guest = fleet.guests.get("slow")!;
  const served = [guest.call("bump"), guest.call("ask", [3])];
  assert.equal(await Promise.all(served), [1, 3]);
  await (await booting).terminate();
});

calls("terminate gives every call one outcome: lost under way, refused behind it", async ({ guest }) => {
  const outcomes = [guest.call("spin"), guest.call("bump"), guest.call("bump")].map(codeOf);
  await reached(guest, "running");
  await Promise.all([guest.terminate(), guest.terminate()]);
  assert.equal(await Promise.all(outcomes), ["SP_HOST_LOST", "SP_GUEST_STATE", "SP_GUEST_STATE"]);
  assert.is(await codeOf(guest.call("bump")), "SP_GUEST_STATE");
});

calls(
  "a call made while an idle guest is being ended is refused or served, never both or neither",
  async ({ guest }) => {
    const ending = guest.terminate();
    const outcome = codeOf(guest.call("bump"));
    await ending;
    assert.is(await outcome, "SP_GUEST_STATE");
    assert.is(guest.read({ ptr: 0, bytes: 1 })[0], 0);
    assert.is(endOf(await guest.exited), "code 0");
  },
);

calls("a command takes no calls", async ({ fleet }) => {
  const guest = await fleet.boot(await python(), { name: "command", args: ["python", "-c", "1"] });
  assert.is(await codeOf(guest.call("_start")), "SP_GUEST_STATE");
  assert.is(endOf(await guest.exited), "code 0");
});

calls("a module that asks for what every object has is told that it is missing", async ({ fleet }) => {
  const image = await wat(
    CLERK.replace(
      "(memory",
      `(import "constructor" "assign" (func)) (import "__proto__" "toString" (func))
    (import "env" "valueOf" (func)) (memory`,
    ),
  );
  const error = await fleet
    .boot(image, { name: "nosy", services: SERVICES })
    .catch((caught: unknown) => caught as Error);
  assert.is((error as { code?: string }).code, "SP_IMPORT_MISSING");
  for (const name of ["constructor.assign", "__proto__.toString", "env.valueOf"]) {
    assert.match((error as Error).message, name);
  }
});

calls.run();
