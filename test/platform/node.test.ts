// Goal: what the rest of the library takes for granted about its runtime. Method: Workers that end in each way that there is,
// clocks read against the system's, and the modules that the main entry reaches.

import { closeSync, openSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { platform as node } from "../../dist/platform/node.js";
import { sleep } from "../support/guests.ts";

const platform = suite("node");

const script = (source: string): URL => new URL(`data:text/javascript,${encodeURIComponent(source)}`);
const PORT = `import { parentPort, workerData } from "node:worker_threads";`;

interface Life {
  readonly messages: unknown[];
  readonly exits: (Error | undefined)[];
  readonly thread: ReturnType<typeof node.spawn>;
  readonly exited: Promise<void>;
}

function live(source: string, data?: unknown): Life {
  const messages: unknown[] = [];
  const exits: (Error | undefined)[] = [];
  const { promise: exited, resolve } = Promise.withResolvers<void>();
  const events = {
    message: (message: unknown) => void messages.push(message),
    exit: (error: Error | undefined) => {
      exits.push(error);
      resolve();
    },
  };
  return {
    messages,
    exits,
    thread: node.spawn(script(source), { name: "test", data }, events),
    exited,
  };
}

for (const [how, source, message] of [
  ["by itself", "1", undefined],
  ["process.exit(0)", "process.exit(0)", undefined],
  ["process.exit(4)", "process.exit(4)", "code 4"],
  ["a throw", "throw new Error('thrown')", "thrown"],
  ["a throw of no Error", "throw 'text'", "text"],
  [
    "a rejection",
    "Promise.reject(new Error('rejected')); await new Promise((done) => setTimeout(done, 1e6))",
    "rejected",
  ],
  ["a syntax error", "(", "Unexpected"],
] as const) {
  platform(`a thread that ends by ${how} says so once`, async () => {
    const { exits, exited, thread } = live(source);
    await exited;
    await thread.terminate();
    assert.is(exits.length, 1);
    if (message === undefined) assert.is(exits[0], undefined);
    else assert.match(exits[0]!.message, message);
  });
}

for (const [what, source] of [
  ["loops", "for (;;);"],
  ["waits on shared memory", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);"],
  ["sleeps", "await new Promise((done) => setTimeout(done, 1e6));"],
] as const) {
  platform(`a thread that ${what} is ended without an error`, async () => {
    const { exits, thread, messages } = live(`${PORT} parentPort.postMessage("begun"); ${source}`);
    while (messages.length === 0) await sleep(1);
    await Promise.all([thread.terminate(), thread.terminate()]);
    assert.equal(exits, [undefined]);
  });
}

platform("messages sent before a thread listens are kept, and those sent before it ends arrive", async () => {
  const source = `${PORT}
    await new Promise((done) => setTimeout(done, 50));
    parentPort.on("message", (n) => { parentPort.postMessage(n + workerData); if (n === 3) process.exit(0); });`;
  const { messages, exited, thread } = live(source, 10);
  for (const n of [1, 2, 3]) thread.post(n);
  await exited;
  assert.equal(messages, [11, 12, 13]);
  thread.post("to nobody");
});

platform("monotonic time is one for all threads", async () => {
  const { messages, exited } = live(`${PORT} parentPort.postMessage(process.hrtime.bigint());`);
  const before = node.nowNs();
  await exited;
  const between = messages[0] as bigint;
  assert.ok(before < between && between < node.nowNs());
});

platform("the wall clock is the system's, to the millisecond, and finer", () => {
  let finer = false;
  for (let look = 0; look < 100_000; look++) {
    const before = Date.now();
    const ns = node.wallNs();
    const after = Date.now();
    const ms = Number(ns / 1000n) / 1000;
    assert.ok(ms >= before && ms <= after + 1, `${ms} is not from ${before} to ${after + 1}`);
    if (ns % 1_000_000n !== 0n) finer = true;
  }
  assert.ok(finer);
});

platform("random numbers come into shared memory", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(4096));
  node.random(bytes.subarray(16));
  assert.ok(bytes.subarray(0, 16).every((byte) => byte === 0));
  assert.ok(new Set(bytes.subarray(16)).size > 200);
});

platform("closing a descriptor closes it, and one that is closed already hurts nobody", () => {
  const descriptor = openSync(new URL(import.meta.url), "r");
  node.closeDescriptor(descriptor);
  assert.throws(() => closeSync(descriptor), "EBADF");
  node.closeDescriptor(descriptor);
});

/** Every module of the library that `entry` reaches by static imports, and what else those import. */
function reach(entry: URL, reached: Map<string, string[]> = new Map()): Map<string, string[]> {
  if (reached.has(entry.href)) return reached;
  const others: string[] = [];
  reached.set(entry.href, others);
  const source = readFileSync(entry, "utf8");
  for (const [, name] of source.matchAll(/^(?:import|export)\b[^;()=]*?["']([^"']+)["'];/gm)) {
    if (name!.startsWith(".")) reach(new URL(name!, entry), reached);
    else others.push(name!);
  }
  return reached;
}

platform("the main entry reaches a runtime's modules by way of the platform alone", () => {
  const reached = reach(new URL("../../dist/index.js", import.meta.url));
  assert.ok(reached.size > 30);
  for (const [module, others] of reached) {
    for (const name of others) assert.ok(["#platform", "#loader"].includes(name), `${module} imports ${name}`);
  }
});

platform.run();
