// Goal: whatever kills a guest's Worker, the owner hears of it with a documented code, memory stays readable, nothing that was
// asked for stays open, and no other guest notices. Method: end the thread in every state and in every way that code inside it
// has, and boot guests under services that are wrong in every way that services have.

import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BootOptions, Fleet, type Guest } from "../../dist/index.js";
import {
  asking,
  CLERK,
  clerk,
  codeOf,
  endOf,
  kernels,
  module,
  reached,
  services,
  sleep,
  wat,
} from "../support/guests.ts";

/** What ask(n) does to its own thread. */
const DEADLY = asking(`
  const recurse = (depth) => recurse(depth + 1) + 1;
  if (n === 0) process.exit(0);
  if (n === 1) process.exit(3);
  if (n === 2) return recurse(0);
  if (n === 3) setTimeout(() => { throw new Error("in a timer"); }, 5);
  if (n === 4) Promise.reject(new Error("nobody handles this"));
  if (n === 5) for (const heap = []; ;) heap.push(new Array(100000).fill({}));
  if (n === 6) host.wait({});
  if (n === 7) for (;;);
  if (n === 8) setTimeout(() => { for (;;); }, 0);
  return n;`);

// Of the Workers to come: a heap that is full only after gigabytes would take the machine with it.
setFlagsFromString("--max-old-space-size=128");

interface Context {
  fleet: Fleet;
  /** Computes on from the first test to the last. */
  witness: Guest;
  computing: Promise<unknown[]>;
}

const death = suite<Context>("death");
death.before(async (context) => {
  context.fleet = await Fleet.open();
  context.witness = await context.fleet.boot(await kernels(), { name: "witness" });
  context.computing = Promise.all(Array.from({ length: 12 }, () => context.witness.call("fib", [32])));
});
death.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

async function doomed({ fleet }: Context, options: Partial<BootOptions> = {}): Promise<Guest> {
  const guest = await fleet.boot(await clerk(), { name: "doomed", services: DEADLY, ...options });
  await guest.call("bump");
  return guest;
}

/** What holds of every guest that has ended. */
async function assertOver(guest: Guest, fleet: Fleet, end: string): Promise<void> {
  assert.is(endOf(await guest.exited), end);
  assert.is(guest.state, end.startsWith("code") ? "exited" : "failed");
  assert.is(fleet.guests.has(guest.name), false, "its name is free again");
  assert.is(new Uint32Array(guest.memory.buffer)[0], 1, "its memory is as it was");
  assert.is(await codeOf(guest.freeze()), "SP_GUEST_STATE");
  assert.is(await codeOf(guest.call("bump")), "SP_GUEST_STATE");
  await guest.terminate();
}

for (const [how, n, call, end] of [
  ["process.exit(0) in a call", 0, "SP_HOST_LOST", "SP_HOST_LOST"],
  ["process.exit(3) in a call", 1, "SP_HOST_LOST", "SP_HOST_LOST"],
  ["JavaScript that recurses without end", 2, "SP_GUEST_TRAP", "SP_GUEST_TRAP"],
  ["a heap that is full", 5, "SP_HOST_LOST", "SP_HOST_LOST"],
] as const) {
  death(`${how} ends the guest as ${end}`, async (context) => {
    const guest = await doomed(context);
    assert.is(await codeOf(guest.call("ask", [n])), call);
    await assertOver(guest, context.fleet, end);
  });
}

for (const [how, n] of [
  ["a throw in a timer", 3],
  ["a rejection that nobody handles", 4],
] as const) {
  death(`${how} ends the thread of an idle guest, and that goes on in another`, async (context) => {
    await using guest = await doomed(context);
    assert.is(await guest.call("ask", [n]), n);
    await sleep(50);
    assert.is(await guest.call("bump"), 2);
  });
}

death("terminate ends a guest in every state", async (context) => {
  const { fleet } = context;
  const guest = await doomed(context);
  await guest.terminate();
  await assertOver(guest, fleet, "code 0");
  for (const [state, n] of [
    ["waiting", 6],
    ["running", 7],
  ] as const) {
    for (const frozen of ["no", "asked", "yes"]) {
      // A guest in JavaScript is never granted a freeze; one that waits, at once.
      if (frozen === "yes" && state === "running") continue;
      const guest = await doomed(context);
      const call = codeOf(guest.call("ask", [n]));
      await reached(guest, state);
      let freeze = Promise.resolve("nothing was thrown");
      if (frozen === "asked") freeze = codeOf(guest.freeze({ budgetMs: 60_000 }));
      if (frozen === "yes") await guest.freeze();
      await guest.terminate();
      assert.is(await call, "SP_HOST_LOST");
      assert.is(await freeze, frozen === "asked" && state === "running" ? "SP_GUEST_STATE" : "nothing was thrown");
      await assertOver(guest, fleet, "SP_HOST_LOST");
    }
  }
  const spinning = await doomed(context);
  void codeOf(spinning.call("spin"));
  await reached(spinning, "running");
  await spinning.freeze();
  await spinning.terminate();
  await assertOver(spinning, fleet, "SP_HOST_LOST");
});

death("an idle guest whose thread hangs is ended all the same", async (context) => {
  const guest = await doomed(context);
  await guest.call("ask", [8]);
  await sleep(20);
  await guest.terminate();
  await assertOver(guest, context.fleet, "SP_HOST_LOST");
});

death("a thread that dies while the owner waits for a freeze ends the freeze", async (context) => {
  const killing = asking(`
    const until = performance.now() + n;
    while (performance.now() < until);
    process.exit(1);`);
  const guest = await doomed(context, { services: killing });
  const call = codeOf(guest.call("ask", [150]));
  await reached(guest, "running");
  const outcomes = [guest.freeze(), guest.withFrozen(() => 1), guest.freeze()].map(codeOf);
  assert.equal(await Promise.all(outcomes), ["SP_GUEST_STATE", "SP_GUEST_STATE", "SP_GUEST_STATE"]);
  assert.is(await call, "SP_HOST_LOST");
  await assertOver(guest, context.fleet, "SP_HOST_LOST");
});

death("a state event tells how a guest ended, and only that", async (context) => {
  for (const end of ["failed", "exited"]) {
    const guest = await doomed(context);
    const told: string[] = [];
    guest.events.addEventListener("state", ({ detail }) => told.push(detail.to));
    if (end === "failed") await codeOf(guest.call("ask", [0]));
    await guest.terminate();
    assert.equal(
      told.filter((state) => ["failed", "exited"].includes(state)),
      [end],
    );
    assert.is(told.at(-1), end);
  }
});

for (const [how, url, code] of [
  ["cannot be loaded", new URL("file:///nowhere/at/all.js"), "SP_SERVICES_INVALID"],
  ["do not parse", module("export default function ("), "SP_SERVICES_INVALID"],
  ["have no default export", module("export const attach = 1;"), "SP_SERVICES_INVALID"],
  ["throw in attach", services("throw new Error('no');"), "SP_SERVICES_INVALID"],
  ["throw undefined in attach", services("throw undefined;"), "SP_SERVICES_INVALID"],
  ["reject in attach", services("return Promise.reject(new Error('no'));"), "SP_SERVICES_INVALID"],
  ["answer nothing", services(""), "SP_SERVICES_INVALID"],
  ["answer no imports", services("return { imports: null };"), "SP_SERVICES_INVALID"],
  ["wait in attach", services("host.wait({ untilMs: 1 });"), "SP_SERVICES_INVALID"],
  ["use exports in attach", services("host.exports.bump();"), "SP_SERVICES_INVALID"],
  [
    "throw in restore",
    services("return { imports: { env: { ask() {} } }, restore() { throw 1; } };"),
    "SP_SERVICES_INVALID",
  ],
  [
    "are not healthy",
    services("return { imports: { env: { ask() {} } }, healthy: () => false };"),
    "SP_SERVICES_INVALID",
  ],
  [
    "throw in healthy",
    services("return { imports: { env: { ask() {} } }, healthy() { throw 1; } };"),
    "SP_SERVICES_INVALID",
  ],
  ["provide nothing", services("return { imports: {} };"), "SP_IMPORT_MISSING"],
  ["provide no function", services("return { imports: { env: { ask: 1 } } };"), "SP_IMPORT_MISSING"],
  ["exit in attach", services("process.exit(2);"), "SP_HOST_LOST"],
  [
    "throw later while attaching",
    services("setTimeout(() => { throw 1; }); return new Promise(() => setTimeout(() => {}, 1e6));"),
    "SP_HOST_LOST",
  ],
] as const) {
  death(`services that ${how} are ${code}, and the name is free again`, async ({ fleet }) => {
    assert.is(await codeOf(fleet.boot(await clerk(), { name: "wrong", services: url })), code);
    assert.is(fleet.guests.has("wrong"), false);
  });
}

death("services that hang in attach are given up on by signal", async ({ fleet }) => {
  const hanging = [
    services("return new Promise(() => setTimeout(() => {}, 1e6));"),
    services("for (;;);"),
    // Nothing keeps this Worker alive, so it ends by itself, without having said anything.
    services("return new Promise(() => {});"),
  ];
  for (const url of hanging) {
    const controller = new AbortController();
    const reason = new Error("long enough");
    const booting = fleet.boot(await clerk(), { name: "hanging", services: url, signal: controller.signal });
    const error = booting.catch((caught: unknown) => caught);
    const timer = setTimeout(() => controller.abort(reason), 300);
    const outcome = await error;
    clearTimeout(timer);
    assert.ok(outcome === reason || (outcome as { code?: string }).code === "SP_HOST_LOST", String(outcome));
    assert.is(fleet.guests.has("hanging"), false);
  }
  const image = await clerk();
  assert.is(await codeOf(fleet.boot(image, { name: "late", signal: AbortSignal.abort({ code: "given" }) })), "given");
});

death("all missing imports are named", async ({ fleet }) => {
  const image = await wat(
    CLERK.replace("(memory", `(import "a" "one" (func)) (import "b" "two" (global i32)) (memory`),
  );
  const error = await fleet.boot(image, { name: "needy" }).catch((caught: unknown) => caught as Error);
  for (const name of ["function env.ask", "function a.one", "global b.two"])
    assert.match((error as Error).message, name);
});

death("a memory limit below what the module needs, or beyond what there is, is refused", async ({ fleet }) => {
  const options = { name: "large", services: DEADLY };
  assert.is(await codeOf(fleet.boot(await clerk(), { ...options, memoryBytesMax: 65536 })), "SP_LIMIT");
  for (const memoryBytesMax of [-1, 0.5, 2 ** 32 + 1]) {
    assert.is(await codeOf(fleet.boot(await clerk(), { ...options, memoryBytesMax })), "SP_CONFIG_INVALID");
  }
});

death("a start function that traps, and segments that do not fit, fail the boot as a trap", async ({ fleet }) => {
  for (const text of [
    "(module (func $begin unreachable) (start $begin))",
    '(module (memory 1) (data (i32.const 65536) "x"))',
    "(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))",
  ]) {
    assert.is(await codeOf(fleet.boot(await wat(text), { name: "trapping" })), "SP_GUEST_TRAP", text);
    assert.is(fleet.guests.size, 1, "only the witness is left");
  }
});

death("options that are none are refused by name", async ({ fleet }) => {
  const image = await clerk();
  const wrong: readonly (readonly [option: string, value: unknown])[] = [
    ["name", ""],
    ["name", 7],
    ["services", "x.js"],
    ["args", [1]],
    ["args", ["a\0b"]],
    ["env", { "A=B": "" }],
    ["env", { A: 1 }],
    ["callQueueMax", -1],
    ["track", "all"],
    ["monotonicClock", "stop"],
    ["slewPpmMax", 0],
    ["stdin", 7],
    ["stdout", "file"],
    ["stderr", null],
  ];
  for (const [option, value] of wrong) {
    const options = { name: "odd", services: DEADLY, [option]: value } as unknown as BootOptions;
    const error = await fleet.boot(image, options).catch((caught: unknown) => caught as Error);
    assert.is((error as { code?: string }).code, "SP_CONFIG_INVALID", option);
    assert.match((error as Error).message, option);
  }
  assert.is(await codeOf(fleet.boot({} as typeof image, { name: "odd" })), "SP_CONFIG_INVALID");
  const preopens = { "/": "/nowhere/at/all" };
  assert.is(await codeOf(fleet.boot(image, { name: "odd", services: DEADLY, preopens })), "SP_CONFIG_INVALID");
});

death("descriptors of a dead guest are closed", async (context) => {
  const open = (): number => readdirSync("/proc/self/fd").length;
  // Opens this very file through its preopened directory, and keeps it open.
  const image = await wat(`(module
    (import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 256) "death.test.ts")
    (func (export "bump") (result i32) (i32.store (i32.const 0) (i32.const 1)) (i32.load (i32.const 0)))
    (func (export "open") (result i32)
      (call $open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 13) (i32.const 0) (i64.const 2) (i64.const 0)
        (i32.const 0) (i32.const 128)))
    (func (export "crash") unreachable)
    (func (export "spin") (loop $again (br $again))))`);
  const here = new URL(".", import.meta.url).pathname;
  for (const end of ["terminate", "crash", "kill"]) {
    const before = open();
    const guest = await context.fleet.boot(image, { name: "holder", preopens: { "/": here } });
    for (let n = 0; n < 5; n++) assert.is(await guest.call("open"), 0);
    assert.ok(open() >= before + 5);
    if (end === "crash") await codeOf(guest.call("crash"));
    if (end === "kill") {
      void codeOf(guest.call("spin"));
      await reached(guest, "running");
    }
    await guest.terminate();
    // The Worker's own event loop goes with it, a little later.
    for (let wait = 0; wait < 100 && open() > before; wait++) await sleep(10);
    assert.ok(open() <= before, `${end} leaves ${open() - before}`);
  }
});

death("the guest beside all of these has computed on", async ({ witness, computing }) => {
  for (const answer of await computing) assert.is(answer, 2178309);
  assert.is(witness.state, "idle");
});

death.run();
