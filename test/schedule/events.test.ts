// Goal: an event starts when it is approved or its time has come and at no other moment, readers of a set see each change exactly
// once, and nothing is left standing. Method: events of guests on paper, under a clock that is moved by hand; a random life of many
// events is compared with a plain model that knows only lists.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EventHandle, EventType, Readiness } from "../../dist/index.js";
import { Bulletin } from "../support/bulletin.ts";
import { codeOf, share } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const MINUTE_MS = 60_000;
const TYPES: readonly EventType[] = ["Freeze", "Reboot", "Redeploy", "Preempt", "Terminate"];

/** What a handle's waiters have been told by now. */
async function readiness(handle: EventHandle): Promise<Readiness | "waiting"> {
  return Promise.race([handle.ready, new Promise<"waiting">((done) => setImmediate(() => done("waiting")))]);
}

const events = suite("scheduled events");

events("an event is listed from its announcement to its end, and its id stays", () => {
  const { events, told } = new Bulletin({ a: 3 });
  const handle = events.schedule({ type: "Freeze", resources: ["a_0"], noticeMs: 0, description: "why" });
  const { id } = handle.event;
  assert.match(id, /^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
  assert.equal(
    events.list().map((event) => [event.id, event.set, event.status]),
    [[id, "a", "Scheduled"]],
  );
  assert.ok(handle.start());
  assert.equal(
    events.list().map((event) => [event.id, event.status]),
    [[id, "Started"]],
  );
  assert.ok(handle.complete());
  assert.equal(events.list(), []);
  assert.is(handle.event.id, id);
  assert.equal(told, ["scheduled Freeze a_0", "started Freeze a_0", "completed Freeze a_0"]);
});

events("each step takes effect once, and only from the state before it", () => {
  const { events } = new Bulletin({ a: 1 });
  const steps = ["start", "complete", "cancel"] as const;
  const paths: Record<string, readonly (typeof steps)[number][]> = {
    Scheduled: [],
    Started: ["start"],
    completed: ["start", "complete"],
    canceled: ["cancel"],
  };
  const allowed = new Set(["Scheduled start", "Scheduled cancel", "Started complete"]);
  for (const [state, path] of Object.entries(paths)) {
    for (const step of steps) {
      const handle = events.schedule({ type: "Freeze", resources: ["a_0"], noticeMs: 0 });
      for (const each of path) assert.ok(handle[each]());
      const before = events.incarnation({ set: "a" });
      assert.is(handle[step](), allowed.has(`${state} ${step}`), `${step} when ${state}`);
      assert.is(events.incarnation({ set: "a" }) - before, allowed.has(`${state} ${step}`) ? 1 : 0);
      handle.complete();
      handle.cancel();
    }
  }
  assert.equal(events.list(), []);
});

for (const type of TYPES) {
  events(`${type}: nothing starts before NotBefore without approval`, async () => {
    const { events, clock } = new Bulletin({ a: 1 });
    const handle = events.schedule({ type, resources: ["a_0"] });
    await clock.pass(handle.event.notBefore.getTime() - clock.nowMs() - 1);
    assert.is(await readiness(handle), "waiting");
    assert.not.ok(handle.start());
    await clock.pass(1);
    assert.is(await readiness(handle), "due");
    assert.ok(handle.start());
    assert.is(clock.pending, 0);
  });
}

events("an approval allows the start at once, however often it is repeated", async () => {
  const { events, clock } = new Bulletin({ a: 2 });
  const handle = events.schedule({ type: "Freeze", resources: ["a_0"] });
  events.approve([handle.event.id.toLowerCase(), handle.event.id], { guest: "a_1" });
  events.approve([handle.event.id]);
  assert.is(await readiness(handle), "approved");
  assert.ok(handle.event.approved);
  assert.is(clock.pending, 0);
  assert.is(events.incarnation({ set: "a" }), 2);
  assert.ok(handle.start());
  events.approve([handle.event.id]);
  assert.ok(handle.complete());
  events.approve([handle.event.id], { guest: "a_0" });
});

events("an approval of events of which one is unknown approves none", async () => {
  const { events } = new Bulletin({ a: 1, b: 1 });
  const [a, b] = ["a_0", "b_0"].map((name) => events.schedule({ type: "Freeze", resources: [name] }));
  const foreign = [a!.event.id, b!.event.id];
  assert.is(await codeOf(() => events.approve(foreign, { guest: "a_0" })), "SP_EVENT_UNKNOWN");
  assert.is(await codeOf(() => events.approve([a!.event.id, crypto.randomUUID()])), "SP_EVENT_UNKNOWN");
  assert.is(await codeOf(() => events.approve([a!.event.id], { guest: "nobody" })), "SP_EVENT_UNKNOWN");
  assert.equal([await readiness(a!), await readiness(b!)], ["waiting", "waiting"]);
  events.approve(foreign);
  assert.equal([await readiness(a!), await readiness(b!)], ["approved", "approved"]);
  a!.cancel();
  assert.is(await codeOf(() => events.approve([a!.event.id], { guest: "b_0" })), "SP_EVENT_UNKNOWN");
});

events("ids of the last ten thousand events that are over are still known, older ones are not", async () => {
  const { events } = new Bulletin({ a: 1 });
  const ids: string[] = [];
  for (let count = 0; count < 10_001; count++) {
    const handle = events.schedule({ type: "Freeze", resources: ["a_0"] });
    ids.push(handle.event.id);
    handle.cancel();
  }
  events.approve(ids.slice(1));
  assert.is(await codeOf(() => events.approve(ids.slice(0, 1))), "SP_EVENT_UNKNOWN");
});

events("a withdrawn event says so to who waits, and can no longer start", async () => {
  const { events, clock } = new Bulletin({ a: 1 });
  const waiting = events.schedule({ type: "Freeze", resources: ["a_0"] });
  const approved = events.schedule({ type: "Freeze", resources: ["a_0"] });
  events.approve([approved.event.id]);
  assert.ok(waiting.cancel());
  assert.ok(approved.cancel());
  assert.is(await readiness(waiting), "withdrawn");
  assert.not.ok(approved.start());
  assert.is(clock.pending, 0);
});

events("a clock that is set does not start an event early, and starts a late one within a minute", async () => {
  const { events, clock } = new Bulletin({ a: 1 });
  const handle = events.schedule({ type: "Freeze", resources: ["a_0"] });
  clock.step(-60 * MINUTE_MS);
  await clock.pass(16 * MINUTE_MS);
  assert.is(await readiness(handle), "waiting");
  clock.step(60 * MINUTE_MS);
  await clock.pass(MINUTE_MS);
  assert.is(await readiness(handle), "due");
});

events("a guest that ends is taken out of its events, and the last one takes the event along", async () => {
  const bulletin = new Bulletin({ a: 11 });
  const { events, told } = bulletin;
  const some = events.schedule({ type: "Freeze", resources: ["a_0", "a_5", "a_10"], noticeMs: 0 });
  const other = events.schedule({ type: "Reboot", resources: ["a_1"] });
  bulletin.end("a_5");
  assert.equal(some.event.resources, ["a_0", "a_10"]);
  assert.is(events.incarnation({ set: "a" }), 4);
  some.start();
  bulletin.end("a_0");
  bulletin.end("a_10");
  assert.not.ok(some.complete());
  bulletin.end("a_1");
  assert.is(await readiness(other), "withdrawn");
  assert.equal(events.list(), []);
  assert.equal(told.slice(2), ["started Freeze a_0 a_10", "completed Freeze a_10", "canceled Reboot a_1"]);
  assert.is(events.incarnation({ set: "a" }), 8);
});

events("every change is one step of the incarnation of its set and of the fleet's, and of no other set's", () => {
  const { events } = new Bulletin({ a: 2, b: 1 });
  const seen: string[] = [];
  events.addEventListener("changed", ({ detail }) => seen.push(`${detail.set} ${detail.incarnation}`));
  const a = events.schedule({ type: "Freeze", resources: ["a_0"], noticeMs: 0 });
  const b = events.schedule({ type: "Freeze", resources: ["b_0"], noticeMs: 0 });
  a.start();
  events.approve([b.event.id]);
  b.cancel();
  a.complete();
  assert.equal(seen, ["a 2", "b 2", "a 3", "b 3", "a 4"]);
  assert.equal(
    [{}, { set: "a" }, { guest: "a_1" }, { set: "b" }, { set: "c" }].map((scope) => events.incarnation(scope)),
    [6, 4, 4, 3, 1],
  );
});

events("incarnations begin where they are told to, and none is served that was not reserved", () => {
  let reserved = 0;
  const incarnations = { first: 5000, reserve: (upTo: number) => (reserved = upTo) };
  const { events } = new Bulletin({ a: 1 }, { incarnations });
  assert.is(events.document().DocumentIncarnation, 5000);
  let unreserved = 0;
  events.addEventListener("changed", () => {
    if (events.incarnation() > reserved) unreserved += 1;
  });
  for (let count = 0; count < 3000; count++) {
    events.schedule({ type: "Freeze", resources: ["a_0"] }).cancel();
  }
  assert.is(unreserved, 0);
  assert.is(events.incarnation(), 11_000);
  assert.is(reserved, 11_000);
});

events("listeners hear of changes in their order, even of those that listeners make", () => {
  const { events } = new Bulletin({ a: 1 });
  const heard: string[] = [];
  const handle = events.schedule({ type: "Freeze", resources: ["a_0"], noticeMs: 0 });
  events.addEventListener("started", () => handle.complete());
  events.addEventListener("completed", () => events.schedule({ type: "Reboot", resources: ["a_0"] }));
  for (const type of ["scheduled", "started", "completed"] as const) {
    events.addEventListener(type, ({ detail }) => heard.push(`${type} ${detail.type} ${detail.status}`));
  }
  handle.start();
  assert.equal(heard, ["started Freeze Started", "completed Freeze Started", "scheduled Reboot Scheduled"]);
});

events("users' events are approved by policy if the fleet says so, the platform's are not", async () => {
  const { events } = new Bulletin({ a: 1 }, { approvals: { userRaised: true } });
  const user = events.schedule({ type: "Reboot", resources: ["a_0"] });
  const platform = events.schedule({ type: "Freeze", resources: ["a_0"], source: "Platform" });
  assert.equal([await readiness(user), await readiness(platform)], ["approved", "waiting"]);
});

events("events of a set that is down as a whole are approved by policy, also if it goes down later", async () => {
  const down = new Set(["a_0"]);
  const isDown = (guest: string): boolean => down.has(guest);
  const { events, clock } = new Bulletin({ a: 2 }, { isDown });
  const handle = events.schedule({ type: "Freeze", resources: ["a_0"] });
  await clock.pass(MINUTE_MS);
  assert.is(await readiness(handle), "waiting");
  down.add("a_1");
  await clock.pass(MINUTE_MS);
  assert.is(await readiness(handle), "approved");
  const strict = new Bulletin({ a: 1 }, { isDown, approvals: { allSetDown: false } });
  assert.is(await readiness(strict.events.schedule({ type: "Freeze", resources: ["a_0"] })), "waiting");
});

events("notice is the fleet's figure for the type, rounded up to what readers see", async () => {
  const { events, clock } = new Bulletin({ a: 1 }, { noticeMs: { Freeze: 1500 } });
  await clock.pass(1);
  const noticeOf = (request: object): number => {
    const handle = events.schedule({ type: "Freeze", resources: ["a_0"], ...request });
    return handle.event.notBefore.getTime() - clock.nowMs();
  };
  assert.is(noticeOf({}), 1999);
  assert.is(noticeOf({ type: "Preempt" }), 30_999);
  assert.is(noticeOf({ noticeMs: 999 }), 999);
  assert.is(noticeOf({ notBefore: new Date(clock.nowMs() + 5) }), 5);
});

events("a request that makes no sense is refused, and leaves nothing behind", async () => {
  const { events, clock } = new Bulletin({ a: 6, b: 1 });
  const wrong: readonly object[] = [
    { type: "Nap" },
    { type: "toString" },
    { resources: [] },
    { resources: "a_0" },
    { resources: ["a_0", "a_0"] },
    { resources: ["nobody"] },
    { resources: ["a_0", "a_1"] },
    { resources: ["a_0", "b_0"] },
    { noticeMs: -1 },
    { noticeMs: Number.NaN },
    { noticeMs: 1, notBefore: new Date() },
    { notBefore: new Date(Number.NaN) },
    { durationSeconds: 0.5 },
    { durationSeconds: -2 },
    { source: "Gremlin" },
  ];
  for (const request of wrong) {
    const made = (): unknown => events.schedule({ type: "Freeze", resources: ["a_0"], ...request });
    assert.is(await codeOf(made), "SP_CONFIG_INVALID", JSON.stringify(request));
  }
  assert.is(events.incarnation(), 1);
  assert.is(clock.pending, 0);
  events.schedule({ type: "Freeze", resources: ["a_0", "a_5"] });
  for (const noticeMs of [-1, { Freeze: -1 }, { Nap: 1 }] as never[]) {
    assert.is(await codeOf(() => new Bulletin({}, { noticeMs })), "SP_CONFIG_INVALID");
  }
});

events("many events in a random life are what a plain model says, at every step", async () => {
  const random = new Random(1);
  const bulletin = new Bulletin({ a: 7, b: 2, c: 1 });
  const { events, clock, guests, placements } = bulletin;
  interface Plain {
    readonly handle: EventHandle;
    readonly set: string;
    readonly type: EventType;
    readonly dueMs: number;
    names: string[];
    approved: boolean;
    ready: boolean;
    state: "Scheduled" | "Started" | "over";
  }
  const plain: Plain[] = [];
  const counts = new Map([...["a", "b", "c"].map((set) => [set, 1] as const), ["", 1]]);
  const change = ({ set }: { readonly set: string }): void => {
    for (const key of [set, ""]) counts.set(key, counts.get(key)! + 1);
  };
  const due = (one: Plain): boolean => clock.nowMs() >= one.dueMs;
  const open = (one: Plain): boolean => one.state === "Scheduled" && !one.approved && !due(one);
  const blocked = (one: Plain): boolean =>
    one.type === "Terminate" &&
    plain.some((other) => other !== one && other.set === one.set && other.type === "Terminate" && open(other));
  const mayStart = (one: Plain): boolean => one.state === "Scheduled" && (due(one) || (one.approved && !blocked(one)));

  for (let step = 0; step < share(20_000, 4000); step++) {
    const one = plain.length > 0 ? random.pick(plain) : undefined;
    const draw = random.below(100);
    if (draw < 20) {
      const names = [...guests];
      if (names.length === 0) break;
      const name = random.pick(names);
      const { set, updateDomain } = placements.of(name)!;
      const resources = names.filter(
        (each) => placements.of(each)!.set === set && placements.of(each)!.updateDomain === updateDomain,
      );
      const type = random.pick(TYPES);
      const handle = events.schedule({ type, resources });
      const dueMs = handle.event.notBefore.getTime();
      plain.push({ handle, set, type, dueMs, names: resources, approved: false, ready: false, state: "Scheduled" });
      change({ set });
    } else if (draw < 35) await clock.pass(random.below(5 * MINUTE_MS));
    else if (draw < 36 && guests.size > 2) {
      const name = random.pick([...guests]);
      for (const each of plain.filter(({ state, names }) => state !== "over" && names.includes(name))) {
        each.names = each.names.filter((other) => other !== name);
        if (each.names.length === 0) each.state = "over";
        change(each);
      }
      bulletin.end(name);
    } else if (one !== undefined && draw < 60) {
      events.approve([one.handle.event.id]);
      if (one.state === "Scheduled") one.approved = true;
    } else if (one !== undefined && draw < 80) {
      const expected = one.state === "Scheduled" && one.ready;
      assert.is(one.handle.start(), expected);
      if (expected) {
        one.state = "Started";
        change(one);
      }
    } else if (one !== undefined) {
      const [verb, from] = draw < 92 ? (["complete", "Started"] as const) : (["cancel", "Scheduled"] as const);
      const expected = one.state === from;
      assert.is(one.handle[verb](), expected);
      if (expected) {
        one.state = "over";
        change(one);
      }
    }
    for (const each of plain) each.ready ||= mayStart(each);
    for (const [set, count] of counts) {
      const scope = set === "" ? {} : { set };
      assert.is(events.incarnation(scope), count);
      assert.equal(
        events.list(scope).map(({ id, status, resources }) => [id, status, ...resources]),
        plain
          .filter((each) => each.state !== "over" && (set === "" || each.set === set))
          .map(({ handle, state, names }) => [handle.event.id, state, ...names]),
      );
    }
    if (step % 20 !== 0) continue;
    for (const each of plain) {
      if (each.state === "Scheduled") {
        assert.is((await readiness(each.handle)) !== "waiting", each.ready, `${each.type} at step ${step}`);
      }
    }
    // What is over plays no part any more.
    for (let at = plain.length - 1; at >= 0; at--)
      if (plain[at]!.state === "over" && random.oneIn(2)) plain.splice(at, 1);
  }
});

events.run();
