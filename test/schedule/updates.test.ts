// Goal: an update of guests in Workers keeps their memory or says beforehand that it cannot, and what fails at any of the three moments
// of health leaves every guest running what it ran. Method: services that say which version they are and are broken in every way,
// counts in guest memory that must go on.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type FleetOptions, type Guest, prepare, type Update, type WaveReport } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { scratch } from "../support/command.ts";
import { CLERK, clerk, codeOf, endOf, kernels, module, reached, share, sleep } from "../support/guests.ts";
import { version } from "../support/versions.ts";

const NOW = { noticeMs: 0, recoveryMs: 0 } as const;

/** A set of three clerks in three update domains, each with a count of its own in memory. */
async function clerks(options: FleetOptions = {}): Promise<Fleet> {
  const fleet = await Fleet.open({ updateDomainCount: 3, ...NOW, ...options });
  const image = await clerk();
  const names = ["a0", "a1", "a2"];
  await Promise.all(names.map((name) => fleet.boot(image, { name, set: "a", services: version(1) })));
  for (const [i, name] of names.entries()) {
    for (let bump = 0; bump <= i; bump++) await fleet.guests.get(name)!.call("bump");
  }
  return fleet;
}

const asked = async (fleet: Fleet, what: string): Promise<unknown[]> =>
  Promise.all([...fleet.guests.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map((guest) => guest.call(what)));

const outcomes = ({ guests }: WaveReport): string =>
  [...guests]
    .sort((a, b) => (a.guest < b.guest ? -1 : 1))
    .map(({ outcome }) => outcome)
    .join(" ");

/** Runs an update that goes wrong in the second of the three: the first stays, the second goes back, the third is not touched. */
async function goesBack(fleet: Fleet, update: Update): Promise<WaveReport> {
  const report = await fleet.update({ ...update, guests: ["a0", "a1", "a2"] }).result;
  assert.is(report.outcome, "stopped");
  assert.is(outcomes(report), "updated rolledBack untouched");
  assert.equal(await asked(fleet, "version"), [2, 1, 1]);
  assert.equal(await asked(fleet, "bump"), [2, 3, 4]);
  assert.equal(fleet.events.list(), []);
  return report;
}

const updates = suite("updates");

updates("new services come under all guests, domain by domain, memory and services' state kept", async () => {
  await using fleet = await clerks();
  await asked(fleet, "ask");
  const started: string[] = [];
  fleet.events.addEventListener("started", ({ detail }) => started.push(detail.resources.join()));
  const report = await fleet.update({ services: version(2) }).result;
  assert.is(report.outcome, "completed");
  assert.is(outcomes(report), "updated updated updated");
  assert.equal(started, ["a0", "a1", "a2"]);
  assert.equal(await asked(fleet, "version"), [2, 2, 2]);
  assert.equal(await asked(fleet, "bump"), [2, 3, 4]);
  assert.equal(await asked(fleet, "calls"), [1, 1, 1]);
  assert.ok(report.guests.every(({ blackoutMs, memoryLost }) => blackoutMs > 0 && !memoryLost));
});

updates(
  "a plan expects of a guest what was measured of it before, and tries new services once for an image",
  async () => {
    await using fleet = await clerks();
    const directory = scratch();
    const notes = join(directory, "notes");
    const services = module(`
    import { appendFileSync } from "node:fs";
    export default function attach(host) {
      appendFileSync(${JSON.stringify(notes)}, "attached " + host.guest + "\\n");
      return {
        imports: { env: { ask: () => 2 } },
        calls: { version: () => 2 },
        dispose(reason) { appendFileSync(${JSON.stringify(notes)}, reason + "\\n"); },
      };
    }`);
    const before = await fleet.plan({ services });
    assert.equal(
      before.domains.map(({ guests }) => guests[0]!.expectedBlackoutMs),
      [undefined, undefined, undefined],
    );
    assert.match(readFileSync(notes, "utf8"), /^attached a\d\nabandoned\n$/);
    await fleet.update({ services }).result;
    const after = await fleet.plan({});
    assert.ok(after.domains.every(({ guests }) => guests[0]!.expectedBlackoutMs! > 0));
  },
);

updates("services that do not load, or lack what a guest imports, are known before anything happens", async () => {
  await using fleet = await clerks();
  const bad: [URL, string][] = [
    [module("syntax error"), "SP_SERVICES_INVALID"],
    [module("export default () => ({ imports: { env: {} } })"), "SP_IMPORT_MISSING"],
    [new URL("file:///nowhere/services.js"), "SP_SERVICES_INVALID"],
  ];
  for (const [services, code] of bad) {
    const plan = await fleet.plan({ services });
    assert.not.ok(plan.possible);
    assert.equal(
      plan.ineligible.map((one) => one.code),
      [code, code, code],
      services.href,
    );
    assert.is(await codeOf(fleet.update({ services }).result), "SP_UPDATE_REFUSED");
    assert.is(await codeOf(fleet.update({ services, onIneligible: "reboot" }).result), "SP_UPDATE_REFUSED");
  }
  assert.equal(await asked(fleet, "version"), [1, 1, 1]);
  assert.equal(await asked(fleet, "bump"), [2, 3, 4]);
});

updates("attaching fails for one guest: the first moment of health", async () => {
  await using fleet = await clerks();
  const services = version(2, { guests: ["a1"], attach: `throw new Error("no");` });
  assert.is((await goesBack(fleet, { services })).reason?.code, "SP_HANDOVER_FAILED");
});

updates("attaching is late for one guest", async () => {
  await using fleet = await clerks();
  const report = await goesBack(fleet, { services: version(2, { guests: ["a1"], attachMs: 4000 }), budgetMs: 1500 });
  assert.is(report.reason?.code, "SP_HANDOVER_FAILED");
});

updates("services are not well before the first instruction: the second moment", async () => {
  for (const healthy of ["return false;", `throw new Error("no");`].slice(0, share(2, 1))) {
    await using fleet = await clerks();
    assert.is(
      (await goesBack(fleet, { services: version(2, { guests: ["a1"], healthy }) })).reason?.code,
      "SP_HANDOVER_FAILED",
    );
  }
});

updates("services are not well after the guest ran: the third moment, under an event of its own", async () => {
  for (const ill of [`throw new Error("no");`, "return false;"].slice(0, share(2, 1))) {
    await using fleet = await clerks();
    const told: string[] = [];
    for (const type of ["scheduled", "started", "completed", "canceled"] as const) {
      fleet.events.addEventListener(type, ({ detail }) => told.push(`${type} ${detail.resources}`));
    }
    const report = await goesBack(fleet, {
      services: version(2, { guests: ["a1"], healthy: `if (asked > 1) ${ill}` }),
    });
    assert.is(report.reason?.code, "SP_UPDATE_UNHEALTHY");
    assert.equal(told.slice(-6), [
      "started a1",
      "scheduled a1",
      "started a1",
      "completed a1",
      "completed a1",
      "canceled a2",
    ]);
    assert.is(report.guests.find(({ guest }) => guest === "a1")!.error?.code, "SP_UPDATE_UNHEALTHY");
  }
});

updates("the caller's check is given the guest on its new services, and may call it", async () => {
  await using fleet = await clerks();
  const health = async (guest: Guest): Promise<boolean> => {
    assert.is(await guest.call("version"), 2);
    return guest.name !== "a1";
  };
  await goesBack(fleet, { services: version(2), health });
});

updates("a guest stands still for longer than it may", async () => {
  await using fleet = await clerks();
  const restore = "if (state !== undefined) { const until = Date.now() + 900; while (Date.now() < until); }";
  // In the middle of its work: what restores an idle guest is done before it stands still.
  const turning = fleet.guests.get("a1")!.call("turns", [2_000_000_000]);
  const report = await goesBack(fleet, { services: version(2, { guests: ["a1"], restore }), maxImpactMs: 300 });
  assert.is(report.reason?.code, "SP_HANDOVER_FAILED");
  assert.ok(report.guests.find(({ guest }) => guest === "a1")!.blackoutMs >= 300, "what it took is told");
  assert.is(await turning, 2_000_000_000n);
});

updates("a guest cannot be frozen within its budget", async () => {
  await using fleet = await clerks();
  const busy = fleet.guests.get("a1")!.call("busy", [3500]);
  await reached(fleet.guests.get("a1")!, "running");
  const report = await goesBack(fleet, { services: version(2), budgetMs: 1500 });
  assert.is(report.reason?.code, "SP_HANDOVER_FAILED");
  assert.is(await busy, 1);
});

updates("a guest that an operator holds is moved, and left held", async () => {
  await using fleet = await clerks();
  const held = fleet.guests.get("a1")!;
  await held.freeze();
  const report = await fleet.update({ services: version(2) }).result;
  assert.is(report.outcome, "completed");
  assert.is(held.state, "frozen");
  const call = held.call("version");
  assert.is((await held.resume()).held, 0);
  assert.is(await call, 2);
  assert.is(await held.call("bump"), 3);
});

updates("a guest that is held is handed back held", async () => {
  await using fleet = await clerks();
  const held = fleet.guests.get("a1")!;
  await held.freeze();
  const services = version(2, { guests: ["a1"], healthy: "return asked < 2;" });
  const report = await fleet.update({ services }).result;
  assert.is(outcomes(report), "updated rolledBack untouched");
  assert.is(held.state, "frozen");
  await held.resume();
  assert.equal(await asked(fleet, "version"), [2, 1, 1]);
  assert.equal(await asked(fleet, "bump"), [2, 3, 4]);
});

updates("guests that end while it is their turn are left out, by their own will or not", async () => {
  for (const end of ["terminate", "crash", "die"]) {
    await using fleet = await clerks();
    const guest = fleet.guests.get("a1")!;
    const wave = fleet.update({ services: version(2, { guests: ["a1"], attachMs: 600 }) });
    for await (const progress of wave) {
      if (progress.type !== "state" || progress.to !== "impact" || progress.updateDomain !== 1) continue;
      await sleep(100);
      if (end === "terminate") await guest.terminate();
      else assert.is(await codeOf(guest.call(end)), end === "crash" ? "SP_GUEST_TRAP" : "SP_HOST_LOST");
      break;
    }
    const report = await wave.result;
    assert.is(report.outcome, "completed");
    assert.ok(["updated exited updated", "updated failed updated"].includes(outcomes(report)), outcomes(report));
    assert.equal(await asked(fleet, "version"), [2, 2]);
    assert.equal(fleet.events.list(), []);
    assert.is(fleet.placement("a1"), undefined);
  }
});

updates("a wave that is called off in the middle of an impact takes it back", async () => {
  await using fleet = await clerks();
  const wave = fleet.update({ services: version(2, { guests: ["a1"], attachMs: 700 }) });
  for await (const progress of wave) {
    if (progress.type === "state" && progress.to === "impact" && progress.updateDomain === 1) wave.cancel();
  }
  const report = await wave.result;
  assert.is(report.outcome, "canceled");
  assert.equal(await asked(fleet, "version"), [2, 1, 1]);
  assert.equal(await asked(fleet, "bump"), [2, 3, 4]);
});

updates("a fleet that is closed in the middle of a wave ends both", async () => {
  const fleet = await clerks();
  const wave = fleet.update({ services: version(2, { attachMs: 300 }) });
  for await (const progress of wave) if (progress.type === "state" && progress.to === "impact") break;
  await fleet[Symbol.asyncDispose]();
  assert.is((await wave.result).outcome, "canceled");
  assert.is(fleet.guests.size, 0);
  assert.is(await codeOf(() => void fleet.update({})), "SP_CONFIG_INVALID");
});

// ---- starting again ----

updates("a reboot starts a guest again in its place, with its options and a new memory", async () => {
  await using fleet = await clerks();
  const before = fleet.guests.get("a1")!;
  const place = fleet.placement("a1");
  const pending = codeOf(before.call("busy", [5000]));
  const report = await fleet.update({ kind: "reboot", services: version(2), guests: ["a1"] }).result;
  assert.is(report.outcome, "completed");
  assert.ok(report.guests[0]!.memoryLost);
  const after = fleet.guests.get("a1")!;
  assert.is.not(after, before);
  assert.is(fleet.placement("a1"), place);
  assert.equal(await asked(fleet, "bump"), [2, 1, 4]);
  assert.equal(await asked(fleet, "version"), [1, 2, 1]);
  assert.ok(["SP_HOST_LOST", "SP_GUEST_STATE"].includes(await pending), await pending);
  assert.is(await codeOf(before.call("bump")), "SP_GUEST_STATE");
});

updates("a reboot brings a new image; a freeze cannot", async () => {
  await using fleet = await clerks();
  const image = await prepare(assemble(CLERK.replace("(i32.const 1)))", "(i32.const 10)))"))!);
  assert.is(await codeOf(fleet.update({ image }).result), "SP_UPDATE_REFUSED");
  const report = await fleet.update({ image, onIneligible: "reboot" }).result;
  assert.is(report.outcome, "completed");
  assert.ok(report.guests.every(({ way, memoryLost }) => way === "reboot" && memoryLost));
  assert.equal(await asked(fleet, "bump"), [10, 10, 10]);
  assert.is(fleet.committed("a", 0)?.image, image.info.sha256);
});

updates("a guest that does not start again on what it was given is started as it was", async () => {
  await using fleet = await clerks();
  const services = version(2, { guests: ["a1"], healthy: "return false;" });
  const report = await fleet.update({ kind: "reboot", services }).result;
  assert.is(outcomes(report), "updated rolledBack untouched");
  assert.ok(report.guests.find(({ guest }) => guest === "a1")!.memoryLost);
  assert.equal(await asked(fleet, "version"), [2, 1, 1]);
  assert.equal(await asked(fleet, "bump"), [1, 1, 4]);
  assert.is(fleet.placement("a1")?.updateDomain, 1);
});

updates("a guest that is gone for good in a reboot leaves the fleet, and its name is free", async () => {
  await using fleet = await Fleet.open({ ...NOW });
  const image = await clerk();
  // Attaches once, and for a second time when it is tried.
  const directory = scratch();
  const notes = JSON.stringify(join(directory, "notes"));
  const once = module(`
    import { appendFileSync, readFileSync } from "node:fs";
    export default function attach(host) {
      appendFileSync(${notes}, "x");
      if (readFileSync(${notes}, "utf8").length > 1) throw new Error("only once");
      return { imports: { env: { ask: () => 1 } } };
    }`);
  await fleet.boot(image, { name: "a", services: once });
  const report = await fleet.update({ kind: "reboot", services: version(2, { healthy: "return false;" }) }).result;
  assert.is(outcomes(report), "failed");
  assert.is(report.outcome, "completed");
  assert.is(fleet.guests.size, 0);
  assert.is(fleet.placement("a"), undefined);
  assert.equal(fleet.events.list(), []);
  await fleet.boot(image, { name: "a", services: version(1) });
});

updates("guests with streams of the caller's cannot be started again, and are handed over all the same", async () => {
  await using fleet = await Fleet.open({ ...NOW });
  const written: string[] = [];
  const stdout = new WritableStream<Uint8Array>({
    write: (chunk) => void written.push(new TextDecoder().decode(chunk)),
  });
  await fleet.boot(await clerk(), { name: "a", services: version(1), stdout });
  await fleet.boot(await clerk(), { name: "b", services: version(1), stdin: new ReadableStream() });
  const plan = await fleet.plan({ kind: "reboot" });
  assert.equal(
    plan.ineligible.map(({ guest, code }) => `${guest} ${code}`),
    ["a SP_CONFIG_INVALID", "b SP_CONFIG_INVALID"],
  );
  assert.is(await codeOf(fleet.update({ kind: "reboot" }).result), "SP_UPDATE_REFUSED");
  assert.is((await fleet.update({ services: version(2) }).result).outcome, "completed");
});

updates("an image without capture is refused, or started again where that is asked for", async () => {
  await using fleet = await Fleet.open({ ...NOW });
  const image = await prepare(assemble(CLERK)!, { capture: false });
  await fleet.boot(image, { name: "fixed", services: version(1) });
  const movable = await fleet.boot(await clerk(), { name: "movable", services: version(1) });
  const plan = await fleet.plan({ services: version(2) });
  assert.equal(
    plan.ineligible.map(({ guest, code }) => `${guest} ${code}`),
    ["fixed SP_MODULE_UNSUPPORTED"],
  );
  assert.is(await codeOf(fleet.update({ services: version(2) }).result), "SP_UPDATE_REFUSED");
  const report = await fleet.update({ services: version(2), onIneligible: "reboot" }).result;
  assert.is(report.outcome, "completed");
  assert.equal(report.guests.map(({ guest, way, memoryLost }) => `${guest} ${way} ${memoryLost}`).sort(), [
    "fixed reboot true",
    "movable handover false",
  ]);
  assert.is(fleet.guests.get("movable"), movable);
  assert.equal(await asked(fleet, "version"), [2, 2]);
});

updates("a guest that had no services goes back to none", async () => {
  await using fleet = await Fleet.open({ ...NOW });
  const guest = await fleet.boot(await kernels(), { name: "plain" });
  const services = module("let n = 0; export default () => ({ imports: {}, healthy: () => ++n < 2 })");
  const report = await fleet.update({ services }).result;
  assert.is(outcomes(report), "rolledBack");
  assert.is(guest.services, undefined);
  assert.is(await guest.call("fib", [10]), 55);
});

// ---- what is remembered ----

updates("a guest that is booted without services gets those that its domain was brought to", async () => {
  await using fleet = await clerks();
  const two = version(2);
  await fleet.update({ services: two, guests: ["a0"] }).result;
  assert.is(fleet.committed("a", 0)?.services, two.href);
  assert.is(fleet.committed("a", 1), undefined);
  assert.is(fleet.nextUpdateDomain("a"), 0);
  const joined = await fleet.boot(await clerk(), { name: "a3", set: "a" });
  assert.is(fleet.placement("a3")?.updateDomain, 0);
  assert.is(await joined.call("version"), 2);
  const own = await fleet.boot(await clerk(), { name: "a4", set: "a", updateDomain: 0, services: version(9) });
  assert.is(await own.call("version"), 9);
});

updates("a fleet that opens after another on the same journal goes on from what was committed", async () => {
  const directory = scratch();
  const two = version(2);
  const first = await clerks({ journal: directory });
  assert.is(await codeOf(Fleet.open({ journal: directory })), "SP_JOURNAL_LOCKED");
  assert.is((await first.update({ services: two }).result).outcome, "completed");
  const served = first.events.incarnation({ set: "a" });
  assert.ok(served > 5);
  await first[Symbol.asyncDispose]();
  {
    await using second = await Fleet.open({ journal: directory, updateDomainCount: 3 });
    assert.equal(second.interrupted, []);
    const guest = await second.boot(await clerk(), { name: "a0", set: "a" });
    assert.is(await guest.call("version"), 2);
    assert.equal(second.events.document(undefined, { set: "a" }).Events, []);
    assert.ok(second.events.document().DocumentIncarnation > served);
    assert.ok(second.events.document(undefined, { guest: "a0" }).DocumentIncarnation > served);
  }
});

updates("a guest that exits while nobody takes its output does not hold the wave up", async () => {
  await using fleet = await clerks();
  const stdout = new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) });
  const image = await clerk();
  const services = version(1);
  const guest = await fleet.boot(image, { name: "stuffed", set: "a", updateDomain: 1, services, stdout });
  const wave = fleet.update({ services: version(2, { guests: ["stuffed"], attachMs: 500 }) });
  for await (const progress of wave) {
    if (progress.type !== "state" || progress.to !== "impact" || progress.updateDomain !== 1) continue;
    void codeOf(guest.call("crash"));
    break;
  }
  assert.is((await wave.result).outcome, "completed");
  await guest.terminate();
  assert.is(endOf(await guest.exited), "SP_GUEST_TRAP");
});

updates.run();
