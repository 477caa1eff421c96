// Goal: what the metadata service tells is what is true of guests that run. Method: real guests, of which one is handed over, one ends
// by itself, one crashes and one comes back under its old name, while clients ask for them.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type MetadataServer, serveMetadata } from "../../dist/node.js";
import { clerk, kernels, module, reached, wat } from "../support/guests.ts";
import { type Answer, approve, ask } from "../support/metadata.ts";

const NAME = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";
const EMPTY = module("export default () => ({ imports: {} })");
const CLERK_SERVICES = module("export default () => ({ imports: { env: { ask: (n) => n } } })");

/** A command that ends when its input does. */
const READER = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))`;

interface Context {
  fleet: Fleet;
  server: MetadataServer;
}

const parsed = ({ body }: Answer): any => JSON.parse(body);

const fleets = suite<Context>("the metadata service of a fleet");

fleets.before.each(async (context) => {
  context.fleet = await Fleet.open();
  context.server = await serveMetadata(context.fleet, { limits: { requestsPerSecond: 1000 } });
});
fleets.after.each(async ({ fleet, server }) => {
  await server.close();
  await fleet[Symbol.asyncDispose]();
});

fleets(
  "each guest learns its own name and domains, and nobody learns of one that is not there",
  async ({ fleet, server }) => {
    const image = await kernels();
    const names = ["a", "b", "c"];
    await Promise.all(names.map((name) => fleet.boot(image, { name, set: "trio" })));
    for (const name of names) {
      const { compute } = parsed(await ask(server.url(name), "/metadata/instance?api-version=2021-02-01"));
      const { updateDomain, faultDomain } = fleet.placement(name)!;
      assert.equal(
        [compute.name, compute.placementGroupId, compute.platformUpdateDomain, compute.platformFaultDomain],
        [name, "trio", `${updateDomain}`, `${faultDomain}`],
      );
    }
    assert.is((await ask(server.url("d"), NAME)).status, 404);
  },
);

fleets(
  "an approval over HTTP lets a handover begin, and the guest goes on with its memory",
  async ({ fleet, server }) => {
    const guest = await fleet.boot(await clerk(), { name: "clerk", services: CLERK_SERVICES });
    assert.is(await guest.call("bump"), 1);
    const handle = fleet.events.schedule({
      type: "Freeze",
      resources: ["clerk"],
      source: "Platform",
      durationSeconds: 0,
    });
    const [{ EventId }] = parsed(await ask(server.url("clerk"))).Events;
    assert.is((await approve(server.url("clerk"), [EventId])).status, 200);
    assert.is(await handle.ready, "approved");
    handle.start();
    assert.is(parsed(await ask(server.url("clerk"))).Events[0].EventStatus, "Started");
    await guest.handover({ services: CLERK_SERVICES });
    handle.complete();
    assert.equal(parsed(await ask(server.url("clerk"))), { DocumentIncarnation: 4, Events: [] });
    assert.is(await guest.call("bump"), 2);
  },
);

fleets("a frozen guest can be asked about, and its event approved by others of its set", async ({ fleet, server }) => {
  const image = await kernels();
  const [a] = await Promise.all(["a", "b"].map((name) => fleet.boot(image, { name, set: "pair" })));
  await a!.freeze();
  const handle = fleet.events.schedule({ type: "Freeze", resources: ["a"] });
  assert.is((await ask(server.url("a"), NAME)).body, "a");
  assert.is((await approve(server.url("b"), [handle.event.id])).status, 200);
  assert.is(await handle.ready, "approved");
  await a!.resume();
});

fleets("a guest that ends, by itself or by a crash, takes its events along", async ({ fleet, server }) => {
  let input: ReadableStreamDefaultController | undefined;
  const stdin = new ReadableStream({
    start: (controller) => {
      input = controller;
    },
  });
  const short = await fleet.boot(await wat(READER), { name: "short", stdin });
  const crash = await fleet.boot(await clerk(), { name: "crash", services: CLERK_SERVICES });
  const handles = ["short", "crash"].map((name) => fleet.events.schedule({ type: "Reboot", resources: [name] }));
  assert.is(parsed(await ask(server.url())).Events.length, 2);
  input!.close();
  await crash.call("crash").catch(() => {});
  await Promise.all([short.exited, crash.exited]);
  for (const handle of handles) assert.is(await handle.ready, "withdrawn");
  assert.equal(parsed(await ask(server.url())), { DocumentIncarnation: 5, Events: [] });
  assert.is((await ask(server.url("short"))).status, 404);
});

fleets(
  "a guest that comes back under its name finds its listener, and an incarnation that has gone on",
  async ({ fleet, server }) => {
    const image = await kernels();
    await using own = await server.listen({ guest: "a" });
    assert.is((await ask(own.url)).status, 410);
    const first = await fleet.boot(image, { name: "a" });
    fleet.events.schedule({ type: "Terminate", resources: ["a"] });
    assert.is(parsed(await ask(own.url)).DocumentIncarnation, 2);
    await first.terminate();
    assert.is((await ask(own.url)).status, 410);
    await fleet.boot(image, { name: "a", services: EMPTY });
    assert.equal(parsed(await ask(own.url)), { DocumentIncarnation: 3, Events: [] });
  },
);

fleets("clients are answered while a guest spins", async ({ fleet, server }) => {
  const guest = await fleet.boot(await clerk(), { name: "busy", services: CLERK_SERVICES });
  const spinning = guest.call("spin").catch(() => "ended");
  await reached(guest, "running");
  for (let count = 0; count < 100; count++) assert.is((await ask(server.url("busy"))).status, 200);
  await guest.terminate();
  assert.is(await spinning, "ended");
});

fleets("a fleet that is closed leaves no event standing", async ({ fleet, server }) => {
  await fleet.boot(await kernels(), { name: "a" });
  fleet.events.schedule({ type: "Freeze", resources: ["a"] });
  await fleet[Symbol.asyncDispose]();
  assert.equal(parsed(await ask(server.url())).Events, []);
});

fleets.run();
