// Goal: `stillpoint serve` runs what its file says, is controlled by its socket alone, tells its guests everything in time, and leaves
// nothing untold when it ends or is killed. Method: the built command as a child process, asked by the other commands and by curl.

import { execFile } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PYTHON_WASM, stillpoint } from "../support/command.ts";
import { fleetDirectory, Served } from "../support/served.ts";

const GUESTS = [
  { name: "orders", count: 3, set: "orders", module: "clerk.wasm", services: "v1.mjs" },
  { name: "tracked", module: "clerk.wasm", services: "v1.mjs", track: "marks" },
];
const FLEET = {
  updateDomainCount: 3,
  recoveryMs: 0,
  noticeMs: 0,
  shutdown: { noticeMs: 0, drainMs: 0 },
  guests: GUESTS,
};

/** Asks the control API itself. */
async function ask(
  served: Served,
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; body: any }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: served.socket, method, path }, async (response) => {
      const answer = await text(response);
      resolve({
        status: response.statusCode!,
        body: answer.startsWith("{") || answer.startsWith("[") ? JSON.parse(answer) : answer,
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const call = async (served: Served, guest: string, name: string): Promise<unknown> => {
  const { body } = await ask(served, "POST", `/v1/guests/${guest}/calls`, JSON.stringify({ function: name }));
  return body.result ?? body.error.code;
};

const serving = suite<{ served: Served }>("serve");
serving.before(async (context) => {
  context.served = await Served.start(fleetDirectory(), { ...FLEET, metrics: {} });
});
serving.after(async ({ served }) => {
  await served.end();
});

serving("is controlled by a socket that is its owner's alone", ({ served }) => {
  const { mode } = statSync(served.socket);
  assert.is((mode & 0o777).toString(8), "600");
  assert.is(served.socket, join(served.directory, "stillpoint.sock"));
});

serving("lists its guests in their places", async ({ served }) => {
  const guests = await served.json("ps");
  assert.equal(
    guests.map(({ name, state, set, updateDomain }: any) => [name, state, set, updateDomain]),
    [
      ["orders_0", "idle", "orders", 0],
      ["orders_1", "idle", "orders", 1],
      ["orders_2", "idle", "orders", 2],
      ["tracked", "idle", "tracked", 0],
    ],
  );
  const { stdout } = await served.command("ps");
  assert.match(
    stdout.toString(),
    /^GUEST +STATE +SET +UD +FD +MEMORY +SERVICES\norders_0 +idle +orders +0 +0 +64\.0 KiB +v1\.mjs\n/,
  );
});

serving("freezes and resumes, and refuses what is not there", async ({ served }) => {
  assert.match(
    (await served.command("freeze", "orders_0", "tracked")).stdout.toString(),
    /^orders_0: frozen \(idle\) in .*\ntracked: frozen/,
  );
  assert.is((await served.json("freeze", "orders_0")).how, "idle");
  assert.is((await served.json("ps")).find(({ name }: any) => name === "orders_0").state, "frozen");
  assert.match((await served.command("resume", "orders_0")).stdout.toString(), /still held 1 times/);
  assert.match(
    (await served.command("resume", "orders_0", "tracked")).stdout.toString(),
    /goes on after .*\ntracked: goes on/,
  );
  for (const [args, message] of [
    [["resume", "orders_0"], /SP_GUEST_STATE/],
    [["freeze", "nobody"], /SP_GUEST_UNKNOWN: there is no guest nobody/],
    [["cancel", "nothing"], /SP_WAVE_UNKNOWN/],
    [["approve", "nothing"], /SP_EVENT_UNKNOWN/],
    [["update", "--set", "nowhere"], /SP_CONFIG_INVALID: there is no set "nowhere"/],
  ] as const) {
    const { status, stderr, stdout } = await served.command(...args);
    assert.match(stderr, message);
    assert.is(status, 4, args.join(" "));
    assert.is(stdout.length, 0);
  }
});

serving("plans and updates domain by domain, calls served all the while", async ({ served }) => {
  const v2 = join(served.directory, "v2.mjs");
  const plan = await served.json("plan", "--services", v2);
  assert.ok(plan.possible);
  assert.equal(
    plan.domains.map(({ guests }: any) => guests.map(({ guest }: any) => guest).sort()),
    [["orders_0", "tracked"], ["orders_1"], ["orders_2"]],
  );
  let counted = 0;
  let calling = true;
  const caller = (async () => {
    while (calling) assert.is(await call(served, "orders_1", "bump"), ++counted);
  })();
  const { status, stdout, stderr } = await served.command("update", "--services", v2);
  calling = false;
  await caller;
  assert.is(status, 0, stderr);
  assert.match(
    stdout.toString(),
    /^planned: 4 guests in 3 update domains\n(.*\n)+ +orders_1: updated, stood still for (.*\n)+completed\n$/,
  );
  assert.ok(counted > 0, "calls were made");
  for (const guest of ["orders_0", "orders_1", "orders_2", "tracked"])
    assert.is(await call(served, guest, "version"), 2);
});

serving("says of a wave that stopped that it did, and that guests run what they ran", async ({ served }) => {
  const { status, stdout, stderr } = await served.command("update", "--services", join(served.directory, "sick.mjs"));
  assert.is(status, 5);
  assert.match(stderr, /^stillpoint: the wave was stopped: .*not healthy/);
  assert.match(stdout.toString(), /rolledBack/);
  for (const { services } of await served.json("ps")) assert.match(services, /v2\.mjs$/);
  const waves = await served.json("waves");
  assert.equal(
    waves.map(({ state, report }: any) => [state, report.outcome]),
    [
      ["ended", "completed"],
      ["ended", "stopped"],
    ],
  );
  assert.match((await served.command("waves")).stdout.toString(), /freeze +sick\.mjs +ended +– +stopped\n$/);
});

serving("has a wave wait for approval, and approves it or cancels it", async ({ served }) => {
  const options = ["--services", join(served.directory, "v1.mjs"), "--set", "orders", "--notice", "600000", "--detach"];
  const { wave } = await served.json("update", ...options);
  assert.is((await served.json("events")).Events.length, 3);
  assert.match((await served.command("events")).stdout.toString(), /Freeze +Scheduled +.*GMT +orders_0\n/);
  assert.is((await served.json("approve", "--all")).Events.length <= 3, true);
  while ((await served.json("waves")).at(-1).state !== "ended") await sleep(20);
  assert.is((await served.json("waves")).at(-1).report.outcome, "completed");
  assert.is((await served.json("waves")).at(-1).wave, wave);
  assert.is(await call(served, "orders_2", "version"), 1);

  const second = await served.json("update", ...options);
  assert.is((await served.command("cancel", second.wave)).status, 0);
  while ((await served.json("waves")).at(-1).state !== "ended") await sleep(20);
  assert.is((await served.json("waves")).at(-1).report.outcome, "canceled");
  assert.equal((await served.json("events")).Events, []);
});

serving("answers nonsense with the reason, and goes on", async ({ served }) => {
  const cases: [method: string, path: string, body: string | undefined, status: number, code: string][] = [
    ["GET", "/", undefined, 404, "not-found"],
    ["GET", "/v1/guests/../../etc/passwd", undefined, 404, "not-found"],
    ["GET", "//", undefined, 404, "not-found"],
    ["DELETE", "/v1/guests", undefined, 405, "method-not-allowed"],
    ["POST", "/v1/waves", "{", 400, "SP_CONFIG_INVALID"],
    ["POST", "/v1/waves", "[]", 400, "SP_CONFIG_INVALID"],
    ["POST", "/v1/waves", '{"kind":"explode"}', 400, "SP_CONFIG_INVALID"],
    ["POST", "/v1/waves", '{"services":5}', 400, "SP_CONFIG_INVALID"],
    ["POST", "/v1/waves", '{"module":"/nowhere.wasm"}', 400, "failed"],
    ["POST", "/v1/events", '{"type":"Freeze","resources":["nobody"]}', 400, "SP_CONFIG_INVALID"],
    ["POST", "/v1/events", '{"type":"Party","resources":["orders_0"]}', 400, "SP_CONFIG_INVALID"],
    ["POST", "/v1/guests/orders_0/calls", '{"function":"nothing"}', 404, "SP_EXPORT_MISSING"],
    ["POST", "/v1/guests/orders_0/calls", '{"function":5}', 400, "SP_CONFIG_INVALID"],
    ["POST", "/v1/guests/%zz/freeze", undefined, 400, "failed"],
    ["POST", "/v1/waves", "x".repeat(1 << 21), 413, "too-large"],
  ];
  for (const [method, path, body, status, code] of cases) {
    const answer = await ask(served, method, path, body);
    assert.is(answer.status, status, `${method} ${path} ${body?.slice(0, 40)}: ${JSON.stringify(answer.body)}`);
    assert.is(answer.body.error.code, code, path);
  }
  assert.is((await ask(served, "GET", "/v1/status")).body.pid, served.child.pid);
});

serving("counts for Prometheus", async ({ served }) => {
  const metrics = await (await fetch(served.said("serving")!.metrics as string)).text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1]);
  assert.is(value('stillpoint_guests\\{state="idle"\\}'), 4);
  assert.is(value('stillpoint_waves_total\\{kind="freeze",outcome="completed"\\}'), 2);
  assert.is(value('stillpoint_waves_total\\{kind="freeze",outcome="stopped"\\}'), 1);
  assert.is(value('stillpoint_wave_guests_total\\{outcome="updated"\\}'), 7);
  assert.ok(value('stillpoint_pause_seconds_count\\{by="freeze"\\}') >= 2);
  assert.is(value('stillpoint_pause_seconds_count\\{by="handover"\\}'), 7);
  assert.ok(value('stillpoint_call_seconds_count\\{function="bump",outcome="result"\\}') > 0);
  assert.ok(value('stillpoint_guest_dirty_pages\\{guest="tracked"\\}') >= 0);
  assert.is(value('stillpoint_events\\{status="Scheduled"\\}'), 0);
  const other = await fetch(new URL("/v1/guests", served.said("serving")!.metrics as string));
  assert.is(other.status, 404, "nothing but metrics is there for everybody");
});

serving("is looked at by top, which needs a terminal", async ({ served }) => {
  const { status, stderr } = await served.command("top");
  assert.is(status, 2);
  assert.match(stderr, /needs a terminal/);
  const sight = await served.json("top");
  assert.is(sight.guests.length, 4);
  assert.ok(sight.pauses.some(({ by, count }: any) => by === "handover" && count === 7));
});

serving("starts guests again where that is asked for, and only there", async ({ served }) => {
  const before = await Promise.all(["orders_1", "tracked"].map((guest) => call(served, guest, "bump")));
  assert.ok((before[0] as number) > 1);
  const { status, stdout, stderr } = await served.command("update", "--kind", "reboot", "--set", "orders");
  assert.is(status, 0, stderr);
  assert.match(stdout.toString(), /orders_2: updated/);
  assert.is(await call(served, "orders_1", "bump"), 1, "its memory is a new one");
  assert.is(await call(served, "tracked", "bump"), (before[1] as number) + 1);
  assert.is((await served.json("ps")).filter(({ state }: any) => state === "idle").length, 4);
});

serving("refuses a second one at the same socket", async ({ served }) => {
  const { status, stderr } = await stillpoint(["serve", join(served.directory, "fleet.json")]);
  assert.is(status, 1);
  assert.match(stderr, /another stillpoint serve is running at .*stillpoint\.sock\n$/);
  assert.is((await served.json("ps")).length, 4, "the first one goes on");
});

serving.run();

const life = suite("serve: the life of an event");

life("is played by five lines of curl, with the right incarnation at each step", async () => {
  const solo = { name: "solo", module: "clerk.wasm", services: "v1.mjs", metadata: { socket: "solo.sock" } };
  const served = await Served.start(fleetDirectory(), { ...FLEET, noticeMs: 600_000, guests: [...GUESTS, solo] });
  const run = promisify(execFile);
  const sh = async (line: string): Promise<string> => {
    const script = `URL='${served.metadata}/metadata/scheduledevents?api-version=2020-07-01'; SOCK='${served.socket}'; ${line}`;
    return (await run("/bin/sh", ["-c", script])).stdout;
  };
  const read = (answer: string): [incarnation: number, status: string | undefined] => {
    const { DocumentIncarnation, Events } = JSON.parse(answer);
    return [DocumentIncarnation, Events[0]?.EventStatus];
  };
  const GET = 'curl -s -H Metadata:true "$URL"';
  assert.equal(read(await sh(GET)), [1, undefined]);
  const announced = await sh(
    `curl -s --unix-socket "$SOCK" http://localhost/v1/events -d '{"type":"Freeze","resources":["orders_0"]}'`,
  );
  assert.equal(read(announced), [2, "Scheduled"]);
  assert.equal(read(await sh(GET)), [2, "Scheduled"]);
  const id = JSON.parse(announced).Events[0].EventId;
  await sh(`curl -sf -H Metadata:true "$URL" -d '{"StartRequests":[{"EventId":"${id}"}]}'`);
  assert.equal(read(await sh(GET)), [3, "Started"]);
  assert.equal(read(await sh(`curl -s --unix-socket "$SOCK" -X DELETE http://localhost/v1/events/${id}`)), [
    4,
    undefined,
  ]);
  assert.equal(read(await sh(GET)), [4, undefined]);

  const name = "http://localhost/metadata/instance/compute/name?api-version=2021-02-01&format=text";
  const own = join(served.directory, "solo.sock");
  assert.is(await sh(`curl -s -H Metadata:true --unix-socket '${own}' '${name}'`), "solo", "a listener of its own");
  assert.is(await served.end(), 0);
  assert.not(existsSync(own));
});

life.run();

const ends = suite("serve: its end");

const WAITS = `
import json, sys, time
print("on", flush=True)
while True:
    with open("/run/stillpoint/scheduledevents") as file:
        events = json.load(file)["Events"]
    if any(event["EventType"] == "Terminate" and event["EventStatus"] == "Scheduled" for event in events):
        with open("/run/stillpoint/startrequests", "w") as file: file.write(events[0]["EventId"])
    if any(event["EventStatus"] == "Started" for event in events):
        print("saved", flush=True)
        sys.exit(7)
    time.sleep(0.01)`;

ends("is announced, waited for, and clean", async () => {
  const guests = [{ name: "python", set: "desk", module: PYTHON_WASM, args: ["-c", WAITS] }, ...GUESTS];
  // Nobody would wait for ten minutes: the guest approves.
  const shutdown = { noticeMs: 600_000, drainMs: 20_000 };
  const served = await Served.start(fleetDirectory(), {
    ...FLEET,
    shutdown,
    approvals: {},
    guests: guests.slice(0, 1),
  });
  await served.until(() => served.output.includes("on\n"));
  assert.is(await served.end(), 0);
  assert.is(served.output, "on\nsaved\n");
  assert.is(served.said("exited")?.exitCode, 7);
  assert.is(served.log.at(-1)?.message, "ended");
  assert.not(existsSync(served.socket), "its socket is gone");
  const { status, stderr } = await served.command("ps");
  assert.is(status, 3);
  assert.match(stderr, /^stillpoint: no stillpoint serve is running at .*\n$/);
});

ends("comes at once with the second signal", async () => {
  const served = await Served.start(fleetDirectory(), { ...FLEET, shutdown: { noticeMs: 0, drainMs: 600_000 } });
  void call(served, "orders_0", "spin").catch(() => undefined);
  while ((await served.json("ps"))[0].state !== "running") await sleep(20);
  served.child.kill("SIGTERM");
  await served.until(() => served.said("ending") !== undefined);
  assert.is((await ask(served, "POST", "/v1/waves", "{}")).body.error.code, "SP_CLOSING");
  assert.is(await served.end("SIGTERM"), 143);
});

ends("by a kill in the middle of a wave is told of by the next one, which starts clean", async () => {
  const directory = fleetDirectory();
  const configuration = { ...FLEET, journal: "journal" };
  const first = await Served.start(directory, configuration);
  assert.is((await first.command("update", "--services", join(directory, "v2.mjs"))).status, 0);
  const busy = writeSecond(directory, configuration);
  assert.match((await stillpoint(["serve", busy])).stderr, /SP_JOURNAL_LOCKED/, "one journal, one writer");
  const before = (await first.json("events")).DocumentIncarnation;
  const { wave } = await first.json("update", "--services", join(directory, "slow.mjs"), "--detach");
  // One domain is committed, the next one is under way.
  for (;;) {
    const { state, updateDomain } = (await ask(first, "GET", "/v1/waves")).body.at(-1);
    if (state === "impact" && updateDomain === 1) break;
    await sleep(5);
  }
  assert.is(await first.end("SIGKILL"), "SIGKILL");
  assert.ok(existsSync(first.socket), "a dead process leaves its socket behind");

  const second = await Served.start(directory, configuration);
  const told = second.said("a wave was interrupted by the end of its process");
  assert.is(told?.wave, wave);
  assert.equal([told?.committed, told?.underWay, told?.memoryLost], [[0], 1, true]);
  assert.is((await ask(second, "GET", "/v1/status")).body.interrupted[0].wave, wave);
  assert.equal(
    await Promise.all(["orders_0", "orders_1", "orders_2", "tracked"].map((guest) => call(second, guest, "version"))),
    [4, 2, 2, 4],
    "each runs what its update domain was committed to",
  );
  const document = await second.json("events");
  assert.equal(document.Events, []);
  assert.ok(document.DocumentIncarnation > before, "above any that was served");
  assert.equal(await second.json("waves"), []);
  assert.is(await second.end(), 0);
});

/** The same fleet at another socket. */
function writeSecond(directory: string, configuration: object): string {
  const file = join(directory, "second.json");
  writeFileSync(file, JSON.stringify({ ...configuration, socket: "second.sock" }));
  return file;
}

ends.run();

const bad = suite("serve: a bad configuration");

bad("is refused with the line of what is wrong", async () => {
  const directory = fleetDirectory();
  const file = join(directory, "bad.json");
  const guest = '{ "name": "a", "module": "clerk.wasm", "services": "v1.mjs" }';
  const cases: [text: string, message: RegExp][] = [
    ["{\n  nonsense\n}", /bad\.json:2:3: /],
    ['{\n  "guests": [', /bad\.json:\d:\d+: /],
    ["[]", /bad\.json:1:1: it must be object/],
    ["{}", /bad\.json:1:1: "guests" is missing/],
    ['{\n  "guests": [],\n  "gusts": 1\n}', /bad\.json:3:3: there is no "gusts" here/],
    [`{ "guests": [\n  { "name": "a" }\n] }`, /bad\.json:2:3: "module" is missing/],
    ['{\n  "guests": [],\n  "updateDomainCount": 21\n}', /bad\.json:3:24: it must be <= 20/],
    ['{ "guests": [],\n  "noticeMs": { "Freeze": -1 } }', /bad\.json:2:27: it must be >= 0/],
    [`{ "guests": [\n  ${guest.replace('"a"', '"../a"')}\n] }`, /bad\.json:2:13: it must match pattern/],
    [
      `{ "guests": [\n  ${guest.replace("}", ', "track": "all" }')}\n] }`,
      /bad\.json:2:\d+: it must be equal to one of .*marks/,
    ],
    [`{ "guests": [\n  ${guest},\n  ${guest}\n] }`, /bad\.json:3:13: there are two guests a\n/],
    [
      `{ "guests": [\n  ${guest.replace("}", ', "updateDomain": 7 }')}\n] }`,
      /bad\.json:2:\d+: the fleet has 5 update domains/,
    ],
    [
      `{ "guests": [\n  ${guest.replace("}", ', "count": 2, "metadata": {} }')}\n] }`,
      /bad\.json:2:\d+: several guests cannot share/,
    ],
    [
      `{ "guests": [\n  ${guest.replace("clerk", "nowhere")}\n] }`,
      /bad\.json:2:\d+: cannot read .*nowhere\.wasm: no such file/,
    ],
    [`{ "guests": [\n  ${guest.replace("clerk.wasm", "v1.mjs")}\n] }`, /bad\.json:2:\d+: .*\(at byte 0\)/],
    [`{ "guests": [\n  ${guest.replace("v1", "nowhere")}\n] }`, /bad\.json:2:13: a cannot be booted: .*nowhere\.mjs/],
  ];
  for (const [text, message] of cases) {
    writeFileSync(file, text);
    const { status, stdout, stderr } = await stillpoint(["serve", file]);
    const [last = ""] = stderr.trimEnd().split("\n").slice(-1);
    assert.match(last, /^stillpoint: /);
    assert.match(`${last}\n`, message, text);
    assert.is(status, 1, text);
    assert.is(stdout.length, 0);
    assert.not(existsSync(join(directory, "stillpoint.sock")), "nothing is left behind");
  }
  assert.match(
    (await stillpoint(["serve", join(directory, "none.json")])).stderr,
    /cannot read .*none\.json: no such file/,
  );
  writeFileSync(join(directory, "taken"), "somebody's");
  writeFileSync(file, `{ "socket": "taken", "guests": [] }`);
  assert.match((await stillpoint(["serve", file])).stderr, /cannot listen at .*taken: it is a file/);
  assert.ok(existsSync(join(directory, "taken")));
});

bad.run();
