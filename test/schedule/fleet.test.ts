// Goal: a fleet owns what it boots: names are unique while their guests live, and when the fleet ends so does everything in
// it, boots under way included. Method: end fleets at every moment of a boot, and count threads and descriptors afterwards.

import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest } from "../../dist/index.js";
import { asking, clerk, codeOf, endOf, kernels, python, reached, share, sleep } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const SERVICES = asking("return n;");

const threads = (): number => readdirSync("/proc/self/task").length;
const descriptors = (): number => readdirSync("/proc/self/fd").length;

/** Threads and descriptors go a moment after their Worker. */
async function settled(count: () => number, most: number): Promise<number> {
  for (let wait = 0; wait < 300 && count() > most; wait++) await sleep(10);
  return count();
}

const fleets = suite("fleet");

fleets("guests are found by name while they live", async () => {
  const fleet = await Fleet.open();
  const [a, b] = await Promise.all(["a", "b"].map(async (name) => fleet.boot(await kernels(), { name })));
  assert.equal([...fleet.guests.keys()].sort(), ["a", "b"]);
  assert.is(fleet.guests.get("a"), a);
  await a!.terminate();
  assert.equal([...fleet.guests.keys()], ["b"]);
  await fleet[Symbol.asyncDispose]();
  assert.is(fleet.guests.size, 0);
  assert.is(b!.state, "exited");
});

fleets("a name is taken from the first moment of a boot to the end of its guest", async () => {
  const fleet = await Fleet.open();
  const image = await clerk();
  const boots = Array.from({ length: 3 }, () => fleet.boot(image, { name: "one", services: SERVICES }));
  assert.equal((await Promise.all(boots.map(codeOf))).sort(), ["SP_NAME_TAKEN", "SP_NAME_TAKEN", "nothing was thrown"]);
  const first = fleet.guests.get("one")!;
  assert.is(await codeOf(fleet.boot(image, { name: "one", services: SERVICES })), "SP_NAME_TAKEN");
  await first.terminate();
  const second = await fleet.boot(image, { name: "one", services: SERVICES });
  assert.is.not(second, first);
  await fleet[Symbol.asyncDispose]();
});

fleets("a guest that exits by itself leaves the fleet", async () => {
  const fleet = await Fleet.open();
  const guest = await fleet.boot(await python(), { name: "short", args: ["python", "-c", "raise SystemExit(5)"] });
  assert.is(endOf(await guest.exited), "code 5");
  assert.is(fleet.guests.size, 0);
  await fleet[Symbol.asyncDispose]();
});

fleets("a closed fleet boots nothing, and closing again changes nothing", async () => {
  const fleet = await Fleet.open();
  await fleet[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
  assert.is(await codeOf(fleet.boot(await clerk(), { name: "late" })), "SP_CONFIG_INVALID");
});

fleets("a fleet that is closed in the middle of a boot leaves no thread", async () => {
  const image = await clerk();
  const random = new Random(41);
  await (await Fleet.open())[Symbol.asyncDispose]();
  const before = await settled(threads, threads());
  for (let round = 0; round < share(60, 20); round++) {
    const fleet = await Fleet.open();
    // Tracking takes the image's twin, which is prepared and compiled first: the earliest moments of a boot.
    const track = random.oneIn(4) ? "marks" : "none";
    const boots = ["a", "b"].map((name) => codeOf(fleet.boot(image, { name, services: SERVICES, track })));
    if (random.oneIn(2)) await sleep(random.below(60));
    else for (let turn = random.below(4); turn > 0; turn--) await Promise.resolve();
    let underWay = boots.length;
    for (const boot of boots) void boot.then(() => underWay--);
    await fleet[Symbol.asyncDispose]();
    await sleep(0);
    assert.is(underWay, 0, "closing waits for what was under way");
    for (const code of await Promise.all(boots))
      assert.ok(["nothing was thrown", "SP_HOST_LOST", "SP_GUEST_STATE"].includes(code), code);
    assert.is(fleet.guests.size, 0);
  }
  assert.ok((await settled(threads, before)) <= before, `${threads() - before} threads are left`);
});

fleets("a boot given up by its signal at any moment leaves no guest, no name and no thread", async () => {
  const fleet = await Fleet.open();
  const image = await clerk();
  const random = new Random(42);
  await sleep(50);
  const before = threads();
  for (let round = 0; round < share(60, 20); round++) {
    const controller = new AbortController();
    const track = random.oneIn(4) ? "marks" : "none";
    const booting = fleet.boot(image, { name: "given up", services: SERVICES, track, signal: controller.signal });
    const outcome = booting.catch((error: unknown) => error);
    if (random.oneIn(4)) await Promise.resolve();
    else await sleep(random.below(50));
    controller.abort("given up");
    const guest = await outcome;
    // Too late: the guest has booted, and the signal no longer concerns it.
    if (guest !== "given up") await (guest as Guest).terminate();
    assert.is(fleet.guests.size, 0);
  }
  assert.ok((await settled(threads, before)) <= before, `${threads() - before} threads are left`);
  await fleet[Symbol.asyncDispose]();
});

fleets("a fleet ends with its signal", async () => {
  const controller = new AbortController();
  const fleet = await Fleet.open({ signal: controller.signal });
  const guest = await fleet.boot(await clerk(), { name: "guest", services: SERVICES });
  const call = codeOf(guest.call("spin"));
  await reached(guest, "running");
  controller.abort();
  assert.is(endOf(await guest.exited), "SP_HOST_LOST");
  assert.is(await call, "SP_HOST_LOST");
  assert.is(await codeOf(fleet.boot(await clerk(), { name: "late" })), "SP_CONFIG_INVALID");
});

fleets("a signal that was given up before, or while the fleet opens, opens none", async () => {
  const reason = { code: "given" };
  assert.is(await codeOf(Fleet.open({ signal: AbortSignal.abort(reason) })), "given");
  const controller = new AbortController();
  const opening = codeOf(Fleet.open({ signal: controller.signal }));
  controller.abort(reason);
  assert.is(await opening, "given");
});

fleets("guests that come and go leave no thread and no descriptor behind", async () => {
  const fleet = await Fleet.open();
  const image = await kernels();
  const here = new URL(".", import.meta.url).pathname;
  const before = { threads: 0, descriptors: 0 };
  for (let round = 0; round < 30; round++) {
    if (round === 3) Object.assign(before, { threads: threads(), descriptors: descriptors() });
    const names = ["a", "b", "c"];
    const boots = names.map((name) => fleet.boot(image, { name, preopens: { "/": here }, stdout: "pipe" }));
    const guests = await Promise.all(boots);
    assert.is(await guests[0]!.call("fib", [10]), 55);
    void codeOf(guests[1]!.call("spin"));
    if (round % 2 === 0) await guests[2]!.freeze();
    await Promise.all(guests.map((guest) => guest.terminate()));
  }
  assert.ok(
    (await settled(threads, before.threads)) <= before.threads,
    `${threads()} threads, ${before.threads} before`,
  );
  assert.ok((await settled(descriptors, before.descriptors)) <= before.descriptors, `${descriptors()} descriptors`);
  await fleet[Symbol.asyncDispose]();
});

fleets.run();
