// Goal: streams lose nothing, double nothing and hold nobody up for ever, however the two sides take their turns. Method: a
// guest that copies input to output through WASI, and one that writes a pattern which the reader can check byte by byte;
// sources and sinks of every kind, slow, broken, locked and absent ones included; freezes in between.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BootOptions, Fleet, type Guest } from "../../dist/index.js";
import { codeOf, endOf, python, reached, share, sleep, textOf, wat } from "../support/guests.ts";
import { Random } from "../support/random.ts";

/** Copies standard input to output, then says at address 0 what ended it: 1 end of file, or the errno of a write + 100. */
const CAT = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start") (local $error i32)
    (i32.store (i32.const 16) (i32.const 65536))
    (loop $again
      (i32.store (i32.const 20) (i32.const 50000))
      (if (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)) (then unreachable))
      (if (i32.eqz (i32.load (i32.const 24))) (then (i32.store (i32.const 0) (i32.const 1)) (return)))
      (i32.store (i32.const 20) (i32.load (i32.const 24)))
      (loop $rest
        (local.set $error (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
        (if (local.get $error)
          (then (i32.store (i32.const 0) (i32.add (i32.const 100) (local.get $error))) (return)))
        (i32.store (i32.const 20) (i32.sub (i32.load (i32.const 20)) (i32.load (i32.const 24))))
        (if (i32.ne (i32.load (i32.const 20)) (i32.const 0)) (then (call $shift) (br $rest))))
      (br $again)))
  (func $shift
    (memory.copy (i32.const 65536) (i32.add (i32.const 65536) (i32.load (i32.const 24))) (i32.load (i32.const 20)))))`;

const EPIPE = 64;

interface Context {
  fleet: Fleet;
}

const streams = suite<Context>("streams");
streams.before(async (context) => {
  context.fleet = await Fleet.open();
});
streams.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

async function cat({ fleet }: Context, options: Partial<BootOptions>): Promise<Guest> {
  return fleet.boot(await wat(CAT), { name: "cat", ...options });
}

/** Bytes of which each tells its place. */
function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(bytes / 4);
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index, 0x9e3779b1);
  return new Uint8Array(words.buffer);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function chunksOf(bytes: Uint8Array, random: Random): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (random.oneIn(16)) await sleep(1);
      const chunk = bytes.slice(at, at + random.below(random.oneIn(4) ? 200_000 : 5000));
      at += chunk.length;
      controller.enqueue(chunk);
      if (at === bytes.length) controller.close();
    },
  });
}

function ending(guest: Guest): number {
  return new Uint32Array(guest.memory.buffer)[0]!;
}

for (const [kind, stdin] of [
  ["text", "grüße\n"],
  ["bytes", new TextEncoder().encode("grüße\n")],
  ["a stream", new Blob(["grü", "ße\n"]).stream()],
] as const) {
  streams(`standard input from ${kind} arrives whole and ends`, async (context) => {
    const guest = await cat(context, { stdin, stdout: "pipe" });
    assert.is(await textOf(guest.stdout), "grüße\n");
    assert.is(endOf(await guest.exited), "code 0");
    assert.is(ending(guest), 1);
  });
}

for (const [kind, stdin] of [
  ["none", undefined],
  ["ignore", "ignore"],
  ["empty text", ""],
  ["no bytes", new Uint8Array(0)],
] as const) {
  streams(`standard input from ${kind} ends at once`, async (context) => {
    const guest = await cat(context, { ...(stdin !== undefined && { stdin }) });
    assert.is(endOf(await guest.exited), "code 0");
    assert.is(ending(guest), 1);
    assert.is(guest.stdout, null);
    assert.is(guest.stderr, null);
  });
}

streams("what a WritableStream is given is closed at the end, after everything has arrived", async (context) => {
  const order: string[] = [];
  const stdout = new WritableStream<Uint8Array>({
    async write(chunk) {
      await sleep(20);
      order.push(new TextDecoder().decode(chunk));
    },
    close: () => void order.push("closed"),
  });
  const guest = await cat(context, { stdin: "abc", stdout });
  await guest.exited;
  assert.is(order.join(" "), "abc closed");
});

streams("a slow reader holds the guest up, and every byte arrives once, in order, across freezes", async (context) => {
  const random = new Random(11);
  const bytes = pattern(share(40, 10) * 1024 * 1024);
  const guest = await cat(context, { stdin: chunksOf(bytes, random), stdout: "pipe" });
  let freezes = 0;
  let over = false;
  const freezing = (async () => {
    while (!over) {
      await guest.withFrozen(() => sleep(random.below(3))).catch(() => undefined);
      freezes++;
      await sleep(random.below(20));
    }
  })();
  let at = 0;
  for await (const chunk of guest.stdout!) {
    if (random.oneIn(20)) await sleep(random.below(4));
    assert.ok(same(chunk, bytes.subarray(at, at + chunk.length)), `bytes from ${at}`);
    at += chunk.length;
  }
  over = true;
  await freezing;
  assert.is(at, bytes.length);
  assert.is(endOf(await guest.exited), "code 0");
  console.log(`# ${bytes.length} bytes through two rings, ${freezes} freezes`);
});

streams(
  "a full pipe that nobody reads makes the guest wait, and what is in it can be read after the end",
  async (context) => {
    const guest = await cat(context, { stdin: pattern(300_000), stdout: "pipe" });
    await reached(guest, "waiting");
    await sleep(50);
    assert.is(guest.state, "waiting");
    await guest.terminate();
    assert.is(endOf(await guest.exited), "SP_HOST_LOST");
    const left = new Uint8Array(await new Response(guest.stdout!).arrayBuffer());
    assert.ok(left.length > 0 && left.length < 300_000);
    assert.ok(same(left, pattern(300_000).subarray(0, left.length)));
  },
);

streams("output that nobody asked for is still there after the exit", async (context) => {
  const guest = await cat(context, { stdin: "late", stdout: "pipe" });
  assert.is(endOf(await guest.exited), "code 0");
  assert.is(await textOf(guest.stdout), "late");
});

streams("a reader that cancels makes the guest's next write fail with EPIPE", async (context) => {
  const guest = await cat(context, { stdin: pattern(4_000_000), stdout: "pipe" });
  const reader = guest.stdout!.getReader();
  assert.ok(((await reader.read()).value?.length ?? 0) > 0);
  await reader.cancel();
  assert.is(endOf(await guest.exited), "code 0");
  assert.is(ending(guest), 100 + EPIPE);
});

streams("a sink that fails makes the guest's next write fail with EPIPE", async (context) => {
  const stdout = new WritableStream<Uint8Array>({
    write: () => Promise.reject(new Error("disk full")),
  });
  const guest = await cat(context, { stdin: pattern(4_000_000), stdout });
  assert.is(endOf(await guest.exited), "code 0");
  assert.is(ending(guest), 100 + EPIPE);
});

streams("a source that fails is one that has ended", async (context) => {
  let pulls = 0;
  const stdin = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pulls++ === 0) controller.enqueue(new TextEncoder().encode("begin"));
      else controller.error(new Error("line cut"));
    },
  });
  const guest = await cat(context, { stdin, stdout: "pipe" });
  assert.is(await textOf(guest.stdout), "begin");
  assert.is(endOf(await guest.exited), "code 0");
  assert.is(ending(guest), 1);
});

streams("a source that gives no bytes, and one that gives something else, hurt nobody", async (context) => {
  for (const value of ["text", undefined, 7]) {
    const stdin = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(0));
        controller.enqueue(value as unknown as Uint8Array);
      },
    });
    const guest = await cat(context, { stdin });
    assert.is(endOf(await guest.exited), "code 0", String(value));
  }
});

streams("a source that never gives anything is cancelled with the guest", async (context) => {
  let cancelled = false;
  const stdin = new ReadableStream<Uint8Array>({
    cancel: () => {
      cancelled = true;
    },
  });
  const guest = await cat(context, { stdin });
  await reached(guest, "waiting");
  await guest.terminate();
  await sleep(0);
  assert.is(cancelled, true);
});

streams("a sink that takes nothing keeps nobody from ending the guest", async (context) => {
  const stdout = new WritableStream<Uint8Array>({ write: () => new Promise(() => undefined) });
  const guest = await cat(context, { stdin: pattern(400_000), stdout });
  await reached(guest, "waiting");
  const begun = performance.now();
  await guest.terminate();
  assert.is(endOf(await guest.exited), "SP_HOST_LOST");
  assert.ok(performance.now() - begun >= 500, "it was given time");
});

streams("streams that somebody else has taken are refused", async (context) => {
  const stdin = new ReadableStream<Uint8Array>();
  stdin.getReader();
  const stdout = new WritableStream<Uint8Array>();
  assert.is(await codeOf(cat(context, { stdin })), "SP_CONFIG_INVALID");
  assert.is(await codeOf(cat(context, { stdout, stderr: stdout })), "SP_CONFIG_INVALID");
  stdout.getWriter();
  assert.is(await codeOf(cat(context, { stdout })), "SP_CONFIG_INVALID");
  assert.is(await codeOf(cat(context, { stderr: stdout })), "SP_CONFIG_INVALID");
});

streams(
  "of two guests that are given the same sink at once one has it, and the other's writes fail",
  async (context) => {
    const stdout = new WritableStream<Uint8Array>();
    const image = await wat(CAT);
    const boots = ["one", "two"].map((name) => context.fleet.boot(image, { name, stdin: "x", stdout }));
    const guests = await Promise.all(boots);
    for (const guest of guests) assert.is(endOf(await guest.exited), "code 0");
    assert.equal(guests.map(ending).sort(), [1, 100 + EPIPE]);
  },
);

streams("standard error is a stream of its own", async (context) => {
  const program = `import sys; print("out"); print("err", file=sys.stderr); sys.exit(3)`;
  const args = ["python", "-c", program];
  const guest = await context.fleet.boot(await python(), { name: "python", args, stdout: "pipe", stderr: "pipe" });
  assert.equal(await Promise.all([textOf(guest.stdout), textOf(guest.stderr)]), ["out\n", "err\n"]);
  assert.is(endOf(await guest.exited), "code 3");
});

streams.run();
