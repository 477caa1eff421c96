// Goal: what is announced reaches a guest whole and at once, as files and by import, and its approval comes back; a guest that
// takes no part sees nothing of it. Method: a reader that races with a writer; CPython and small modules in a real fleet.

import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hostNotices, NoticeBoard } from "../../dist/guest/notices.js";
import { type BootOptions, Fleet, type Guest } from "../../dist/index.js";
import { EFBIG } from "../../dist/wasi/errno.js";
import { Fault } from "../../dist/wasi/fault.js";
import { codeOf, endOf, python, share, sleep, textOf, wat } from "../support/guests.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.slice());
const bytes = (of: string): Uint8Array => new TextEncoder().encode(of);

const boards = suite("a notice board");

const READER = `
  import { parentPort, workerData } from "node:worker_threads";
  const { NoticeBoard } = await import(workerData.module);
  const board = new NoticeBoard(workerData.memory);
  parentPort.postMessage("ready");
  let reads = 0, last = 0, editions = 0;
  for (;;) {
    const { bytes, publishedNs } = board.read();
    const number = Number(publishedNs);
    // Edition n is n times the byte n.
    if (bytes.length !== number % 5000 || bytes.some((byte) => byte !== number % 251)) throw new Error("torn: " + number);
    if (number < last) throw new Error("back from " + last + " to " + number);
    if (number > last) editions++;
    last = number;
    reads++;
    if (number === workerData.end) break;
  }
  parentPort.postMessage({ reads, editions });`;

boards("is never read torn, nor backwards, however fast it is written", async () => {
  const board = new NoticeBoard();
  const end = share(400_000, 40_000);
  const workerData = {
    module: new URL("../../dist/guest/notices.js", import.meta.url).href,
    memory: board.memory,
    end,
  };
  const reader = new Worker(READER, { eval: true, workerData });
  const next = <T>(): Promise<T> =>
    new Promise((resolve, reject) => void reader.once("message", resolve).once("error", reject));
  await next();
  const done = next<{ reads: number; editions: number }>();
  // It may throw before anybody waits for it.
  done.catch(() => undefined);
  for (let number = 1; number <= end; number++) {
    board.publish(new Uint8Array(number % 5000).fill(number % 251), BigInt(number));
    if (number % 1000 === 0) await sleep(1);
  }
  const { reads, editions } = await done;
  await reader.terminate();
  assert.ok(reads > 100 && editions > 10, `${reads} reads of ${editions} editions`);
});

boards("says of a document that is too long that it is, and recovers", () => {
  const board = new NoticeBoard();
  assert.is(board.read().bytes.length, 0);
  board.publish(new Uint8Array(2 ** 24 + 1), 1n);
  assert.throws(
    () => board.read(),
    (error: unknown) => error instanceof Fault && error.errno === EFBIG,
  );
  board.publish(bytes("short"), 2n);
  assert.is(text(board.read().bytes), "short");
});

boards("sends each approval once, and none for what is not announced", () => {
  const ids = ["A", "B", "C"].map((letter) => `${letter.repeat(8)}-0000-0000-0000-000000000000`);
  const [a, b, c] = ids as [string, string, string];
  const board = new NoticeBoard();
  const announce = (...of: string[]): void =>
    board.publish(bytes(JSON.stringify({ Events: of.map((EventId) => ({ EventId })) })), 0n);
  const sent: string[] = [];
  const notices = hostNotices(board.memory, (of) => sent.push(...of));
  announce(a, b);
  notices.approve([a.toLowerCase(), c, a]);
  notices.approve([a]);
  assert.equal(sent, [a]);
  announce(b, c);
  notices.approve([a, b, c]);
  assert.equal(sent, [a, b, c]);
});

boards.run();

const noticed = suite("a guest that is told");

/** Waits for something that a guest brings about. */
async function until(what: string, met: () => boolean): Promise<void> {
  const limit = performance.now() + 20_000;
  while (!met()) {
    if (performance.now() > limit) throw new Error(`never: ${what}`);
    await sleep(2);
  }
}

async function withFleet(work: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = await Fleet.open();
  try {
    await work(fleet);
  } finally {
    await fleet[Symbol.asyncDispose]();
  }
}

const boot = async (fleet: Fleet, source: string, options: Partial<BootOptions> = {}): Promise<Guest> =>
  fleet.boot(await python(), { name: "clerk", args: ["python", "-c", source], stdout: "pipe", ...options });

const WATCH = `
import json, time
def document():
    with open("/run/stillpoint/scheduledevents") as file:
        return json.load(file)
def watch(until):
    while not until(document()):
        time.sleep(0.002)
`;

noticed("reads of its own event, approves it, and sees it start and end, across handovers", () =>
  withFleet(async (fleet) => {
    let output = "";
    let goOn!: () => void;
    const stdin = new ReadableStream<Uint8Array>({
      start: (controller) => {
        goOn = () => controller.enqueue(bytes("\n"));
      },
    });
    const guest = await boot(
      fleet,
      `${WATCH}
before = open("/run/stillpoint/scheduledevents")
print(document()["Events"], flush=True)
watch(lambda it: it["Events"])
event, = document()["Events"]
print(event["EventStatus"], event["EventType"], event["Resources"], event["Description"], flush=True)
request = open("/run/stillpoint/startrequests", "w")
request.write(event["EventId"][:11]); request.flush()
print("half", flush=True)
input()
request.write(event["EventId"][11:] + "\\n"); request.flush()
watch(lambda it: it["Events"][0]["EventStatus"] == "Started")
print("started", document()["DocumentIncarnation"], flush=True)
watch(lambda it: not it["Events"])
print("over", document()["DocumentIncarnation"], json.load(before), flush=True)`,
      { set: "desk", stdin, stdout: new WritableStream({ write: (chunk) => void (output += text(chunk)) }) },
    );
    /** As soon as it has got so far, it is moved. */
    const moved = async (words: string): Promise<void> => {
      await until(words, () => output.includes(words));
      await guest.handover();
    };
    await moved("[]");
    const event = fleet.events.schedule({ type: "Freeze", resources: ["clerk"], description: "new host" });
    await moved("half");
    assert.not(event.event.approved, "half an id approves nothing");
    goOn();
    assert.is(await event.ready, "approved");
    event.start();
    await moved("started");
    event.complete();
    assert.is(endOf(await guest.exited), "code 0");
    assert.equal(output.trimEnd().split("\n"), [
      "[]",
      "Scheduled Freeze ['clerk'] new host",
      "half",
      "started 3",
      "over 4 {'DocumentIncarnation': 1, 'Events': []}",
    ]);
  }),
);

noticed("finds the document changed before anybody else hears of it", () =>
  withFleet(async (fleet) => {
    const answer = `(module (import "stillpoint" "events_read" (func $read (param i32 i32) (result i32)))
      (memory (export "memory") 1) (func (export "read") (param i32 i32) (result i32) (call $read (local.get 0) (local.get 1))))`;
    const guest = await fleet.boot(await wat(answer), { name: "clerk" });
    let told = "";
    const read = async (): Promise<string> => {
      const length = await guest.call<number>("read", [0, 4096]);
      await guest.freeze();
      const document = text(guest.read({ ptr: 0, bytes: length }));
      await guest.resume();
      return document;
    };
    fleet.events.addEventListener("scheduled", ({ detail }) => {
      told = detail.id;
    });
    const event = fleet.events.schedule({ type: "Reboot", resources: ["clerk"] });
    assert.is(told, event.event.id);
    assert.equal(JSON.parse(await read()), fleet.events.document(undefined, { guest: "clerk" }));
    event.cancel();
    assert.equal(JSON.parse(await read()), { DocumentIncarnation: 3, Events: [] });
  }),
);

noticed("approves by import, in all forms, and gets a number for what is wrong", () =>
  withFleet(async (fleet) => {
    const module = `(module (import "stillpoint" "events_approve" (func $approve (param i32 i32) (result i32)))
      (import "stillpoint" "events_read" (func $read (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "approve") (param i32 i32) (result i32) (call $approve (local.get 0) (local.get 1)))
      (func (export "read") (param i32 i32) (result i32) (call $read (local.get 0) (local.get 1))))`;
    const guest = await fleet.boot(await wat(module), { name: "clerk" });
    const approve = async (request: string): Promise<number> => {
      await guest.freeze();
      guest.write({ ptr: 1000, data: bytes(request) });
      await guest.resume();
      return guest.call<number>("approve", [1000, request.length]);
    };
    const [EFAULT, EFBIG, EINVAL] = [21, 22, 28];
    for (const form of [(id: string) => id, (id: string) => JSON.stringify({ StartRequests: [{ EventId: id }] })]) {
      const event = fleet.events.schedule({ type: "Freeze", resources: ["clerk"] });
      assert.is(await approve(form(event.event.id)), 0);
      assert.is(await event.ready, "approved");
      event.cancel();
      assert.is(await approve(form(event.event.id)), 0, "the event is gone, which is nobody's fault");
    }
    assert.is(await approve(crypto.randomUUID()), 0);
    assert.is(await approve("nonsense"), -EINVAL);
    assert.is(await guest.call("approve", [65_000, 1000]), -EFAULT);
    assert.is(await guest.call("approve", [0, 65_537]), -EFBIG);
    assert.is(await guest.call("read", [65_530, 100]), -EFAULT);
    const length = await guest.call<number>("read", [0, 0]);
    assert.is(await guest.call("read", [0, 10]), length, "a length, however little was copied");
  }),
);

noticed("approves for its own set alone", () =>
  withFleet(async (fleet) => {
    const source = `${WATCH}
import sys
with open("/run/stillpoint/startrequests", "w") as file: file.write(sys.argv[1])
watch(lambda it: it["Events"])
print(len(document()["Events"]), flush=True)`;
    const other = await boot(fleet, "import time; time.sleep(100)", { name: "other", set: "there" });
    const foreign = fleet.events.schedule({ type: "Freeze", resources: ["other"] });
    const guest = await boot(fleet, "", {
      set: "here",
      args: ["python", "-c", source, foreign.event.id],
    });
    const output = textOf(guest.stdout);
    const own = fleet.events.schedule({ type: "Freeze", resources: ["clerk"] });
    assert.is(endOf(await guest.exited), "code 0");
    assert.is(await output, "1\n");
    assert.not(foreign.event.approved);
    assert.is(await own.ready, "withdrawn", "the guest has gone, and its event with it");
    foreign.cancel();
    await other.terminate();
  }),
);

noticed("is one of a set, or asks; others see nothing of it", () =>
  withFleet(async (fleet) => {
    const source = "import os; print(os.path.exists('/run/stillpoint'))";
    for (const [options, expected] of [
      [{}, "False\n"],
      [{ set: "desk" }, "True\n"],
      [{ set: "desk", preopens: { "/": {}, "/run": { mine: "" } } }, "True\n"],
    ] as const) {
      const guest = await boot(fleet, source, options);
      assert.is(await textOf(guest.stdout), expected);
      await guest.exited;
    }
  }),
);

noticed("cannot have a directory of its own where notices are", () =>
  withFleet(async (fleet) => {
    const preopens = { "/run/stillpoint/": {} };
    assert.is(await codeOf(boot(fleet, "", { set: "desk", preopens })), "SP_CONFIG_INVALID");
    assert.is(fleet.guests.size, 0);
    const guest = await boot(fleet, "print(1)", { preopens });
    assert.is(await textOf(guest.stdout), "1\n", "without a set the place is free");
    await guest.exited;
  }),
);

noticed.run();
