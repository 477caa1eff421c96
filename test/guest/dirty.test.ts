// Goal: no byte of guest memory changes without its page being dirty, or the 272 bytes before it. Method: copy all of memory at
// each clear, compare all of it at each sweep, over seeded runs of programs that write in every way there is: code of their
// own, WASI, services, the owner.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BootOptions, Fleet, prepare } from "../../dist/index.js";
import {
  asking,
  clerk,
  codeOf,
  endOf,
  kernels,
  python,
  quickjs,
  quickjsServices,
  reached,
  share,
  sleep,
  textOf,
  wat,
} from "../support/guests.ts";
import { kernelsWasm } from "../support/kernels.ts";
import { Random } from "../support/random.ts";
import { Witness } from "../support/witness.ts";

const dirty = suite<{ fleet: Fleet }>("dirty map");
dirty.before(async (context) => {
  context.fleet = await Fleet.open();
});
dirty.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

const MODES = ["marks", "scan"] as const;
const ROUNDS = share(60, 12);

for (const track of MODES) {
  dirty(`${track}: kernels, compared in the middle of their calls`, async ({ fleet }) => {
    const random = new Random(31);
    const guest = await fleet.boot(await kernels(), { name: `kernels ${track}`, track });
    const witness = new Witness(guest);
    await witness.compare();
    for (let round = 0; round < ROUNDS; round++) {
      const [name, ...args] = random.pick([
        ["matmul", 64 + random.below(64), 1 + random.below(4)],
        ["hash", random.below(400_000)],
        ["sort", random.below(100_000), random.u32()],
        ["copy", random.below(4000)],
        ["strings", random.below(800)],
      ] as const);
      const call = guest.call(name, args);
      await sleep(random.below(10));
      await witness.compare({ clear: !random.oneIn(4) });
      await call;
      await witness.compare();
    }
    witness.figure(`kernels, ${track}`);
    await guest.terminate();
  });

  dirty(`${track}: CPython, from its first byte to its last`, async ({ fleet }) => {
    const program = `
import hashlib, json, os, random, sys, time
random.seed(5)
kept = []
for round in range(40):
    kept.append(os.urandom(random.randrange(20000)))
    text = json.dumps({str(n): random.random() for n in range(2000)})
    kept = kept[-random.randrange(1, 12):]
    sys.stdin.readline()
    time.time_ns(), time.monotonic_ns()
    print(round, len(text), hashlib.sha1(text.encode()).hexdigest())
`;
    const stdin = "a line of its own\n".repeat(40);
    const options = { args: ["python", "-c", program], stdin, stdout: "pipe", track } as const;
    const guest = await fleet.boot(await python(), { name: `python ${track}`, ...options });
    const output = textOf(guest.stdout);
    const random = new Random(32);
    const witness = new Witness(guest);
    // Each comparison reads tens of megabytes byte by byte.
    const over = guest.exited.then(() => true);
    for (let round = 0; round < ROUNDS; round++) {
      try {
        await witness.compare();
      } catch (error) {
        if ((error as { code?: string }).code !== "SP_GUEST_STATE") throw error;
        break;
      }
      if (await Promise.race([over, sleep(random.below(60)).then(() => false)])) break;
    }
    assert.is(endOf(await guest.exited), "code 0");
    assert.is((await output).trim().split("\n").length, 40);
    assert.ok((await guest.dirty()).pages > 0, "the map can be read after the end");
    witness.figure(`CPython, ${track}`);
  });

  dirty(`${track}: QuickJS, whose services write its memory`, async ({ fleet }) => {
    const guest = await fleet.boot(await quickjs(), { name: `quickjs ${track}`, services: quickjsServices, track });
    const random = new Random(33);
    const witness = new Witness(guest);
    for (let round = 0; round < ROUNDS; round++) {
      const text = "x".repeat(random.below(30_000));
      const call = guest.call("evaluate", [`var kept = (globalThis.kept ?? []); kept.push("${text}"); kept.length`]);
      if (random.oneIn(2)) await call;
      await witness.compare({ clear: !random.oneIn(4) });
      assert.is(await call, String(round + 1));
    }
    witness.figure(`QuickJS, ${track}`);
    await guest.terminate();
  });

  dirty(`${track}: what the owner writes is dirty, and nothing else`, async ({ fleet }) => {
    const options = { name: `owner ${track}`, services: asking(""), track } as const;
    const guest = await fleet.boot(await clerk(), options);
    await guest.dirty({ clear: true });
    assert.equal((await guest.dirty()).runs, []);
    await guest.withFrozen(() => {
      guest.write({ ptr: 4095, data: Uint8Array.of(1, 2) });
      guest.write({ ptr: 131_071, data: Uint8Array.of(3) });
      guest.write({ ptr: 50_000, data: new Uint8Array(0) });
    });
    const report = await guest.dirty();
    assert.equal(report.runs, [
      [0, 2],
      [31, 1],
    ]);
    assert.equal([report.pages, report.pageBytes], [3, 4096]);
    await guest.terminate();
  });

  dirty(`${track}: memory that grows is clean until it is written`, async ({ fleet }) => {
    const guest = await fleet.boot(await clerk(), { name: `growing ${track}`, services: asking(""), track });
    await guest.dirty({ clear: true });
    assert.is(await guest.call("grow", [20]), 2);
    assert.is((await guest.dirty()).pages, 0);
    const last = 22 * 65536 - 1;
    await guest.call("store", [last, 9]);
    await guest.call("store", [2 * 65536, 9]);
    assert.equal((await guest.dirty({ clear: true })).runs, [
      [32, 1],
      [351, 1],
    ]);
    assert.equal((await guest.dirty()).runs, []);
    await guest.terminate();
  });

  dirty(`${track}: the epoch says since when, and only a clear moves it`, async ({ fleet }) => {
    const guest = await fleet.boot(await clerk(), { name: `epochs ${track}`, services: asking(""), track });
    assert.is((await guest.dirty()).epoch, 0, "since boot");
    const cleared = await guest.dirty({ clear: true });
    assert.is(cleared.epoch, 0);
    const { epoch } = await guest.dirty();
    assert.ok(epoch > 0);
    await guest.withFrozen(() => undefined);
    assert.is((await guest.dirty({ clear: true })).epoch, epoch);
    assert.ok((await guest.dirty()).epoch > epoch);
    await guest.terminate();
  });

  dirty(`${track}: larger pages`, async ({ fleet }) => {
    const image = await prepare(kernelsWasm(), { pageBytes: 65536 });
    const guest = await fleet.boot(image, { name: `large ${track}`, track });
    const witness = new Witness(guest);
    for (const call of [
      ["sort", 30_000, 3],
      ["copy", 500],
      ["hash", 20_000],
    ] as const) {
      const [name, ...args] = call;
      await guest.call(name, args);
      assert.is((await witness.compare()).pageBytes, 65536);
    }
    await guest.terminate();
  });
}

dirty("marks: what services write and tell of is dirty", async ({ fleet }) => {
  const marking = asking(`
    new Uint8Array(host.memory.buffer).fill(7, n, n + 10000);
    host.mark({ ptr: n, bytes: 10000 });
    return 0;`);
  const guest = await fleet.boot(await clerk(), { name: "marking", services: marking, track: "marks" });
  const random = new Random(34);
  const witness = new Witness(guest);
  for (let round = 0; round < 20; round++) {
    await guest.call("ask", [random.below(2 * 65536 - 10_000)]);
    await witness.compare();
  }
  await guest.terminate();
});

dirty(
  "marks: a store at the end of a page, and one far beyond its base, are within page and slack",
  async ({ fleet }) => {
    // Offsets of one group are merged into one mark; stores cross pages by up to 15 bytes.
    const stores = [0, 1, 7, 8, 240, 255, 256, 300, 511, 65528].map(
      (offset) => `(i64.store offset=${offset} (local.get 0) (i64.const -1))`,
    );
    const image = await wat(`(module (memory (export "memory") 4)
    (func (export "write") (param i32) ${stores.join(" ")})
    (func (export "vector") (param i32) (v128.store offset=255 (local.get 0) (i8x16.splat (i32.const 1))))
    (func (export "bulk") (param i32 i32) (memory.fill (local.get 0) (i32.const 5) (local.get 1))
      (memory.copy (i32.add (local.get 0) (i32.const 9000)) (local.get 0) (local.get 1))))`);
    const guest = await fleet.boot(image, { name: "edges", track: "marks" });
    const random = new Random(35);
    const witness = new Witness(guest);
    for (let round = 0; round < share(600, 150); round++) {
      const edge = random.below(40) * 4096 - random.below(320);
      const ptr = Math.max(0, edge);
      const [name, ...args] = random.pick([
        ["write", ptr],
        ["vector", ptr],
        ["bulk", ptr, random.below(9000)],
      ] as const);
      await guest.call(name, args);
      await witness.compare();
    }
    witness.figure("edges");
    await guest.terminate();
  },
);

dirty("a guest booted without tracking says so", async ({ fleet }) => {
  const guest = await fleet.boot(await clerk(), { name: "untracked", services: asking("") });
  assert.is(await codeOf(guest.dirty()), "SP_CONFIG_INVALID");
  assert.is(guest.state, "idle");
  await guest.terminate();
});

dirty("a sweep of a guest in motion freezes it for that time and resumes it", async ({ fleet }) => {
  const options: BootOptions = { name: "moving", services: asking(""), track: "marks" };
  const guest = await fleet.boot(await clerk(), options);
  void codeOf(guest.call("spin"));
  await reached(guest, "running");
  await guest.dirty({ clear: true });
  await sleep(20);
  assert.equal((await guest.dirty()).runs, [[0, 1]]);
  assert.is(guest.state, "running");
  await guest.terminate();
});

dirty.run();
