// Goal: clients that were written for the cloud's metadata service find what they know. Method: one test for each rule of the
// protocol that is documented (D) or was seen (F), and for each choice where neither is known (U); each begins with the section of
// the protocol's description and the rule. They speak HTTP to a server whose guests are names on paper and whose clock stands.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EventHandle, EventRequest, EventType } from "../../dist/index.js";
import { type Answer, approve, ask, PATH, raw, type Served, served, VERSION } from "../support/metadata.ts";

const GA = ["2017-08-01", "2017-11-01", "2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01"] as const;
const ALL = ["2017-03-01", ...GA] as const;
const TYPES: readonly EventType[] = ["Freeze", "Reboot", "Redeploy", "Preempt", "Terminate"];
const MINUTE_MS = 60_000;

const pathOf = (version: string): string => `/metadata/scheduledevents?api-version=${version}`;
const parsed = ({ body }: Answer): any => JSON.parse(body);

interface Context {
  service: Served;
  /** Where operators ask, the guest orders_0, and a guest of another set. */
  root: string;
  guest: string;
  other: string;
  schedule(request?: Partial<EventRequest>): EventHandle;
}

const protocol = suite<Context>("scheduled events over HTTP");

protocol.before.each(async (context) => {
  context.service = await served({ orders: 6, stock: 1 }, { limits: { requestsPerSecond: 1000 } });
  const { server, bulletin } = context.service;
  context.root = server.url();
  context.guest = server.url("orders_0");
  context.other = server.url("stock_0");
  context.schedule = (request = {}) =>
    bulletin.events.schedule({
      type: "Freeze",
      resources: ["orders_0", "orders_5"],
      notBefore: new Date(Date.UTC(2026, 2, 3, 9, 15)),
      description: "Runtime is being replaced.",
      source: "Platform",
      durationSeconds: 1,
      ...request,
    });
});
protocol.after.each(async ({ service }) => service[Symbol.asyncDispose]());

// ---- §1 Endpoint and request rules ----

protocol(
  "§1 path: /metadata/scheduledevents answers to anybody on the machine, without authentication",
  async ({ guest }) => {
    assert.is((await ask(guest)).status, 200);
  },
);

protocol("§1 path spelling: case does not matter", async ({ guest }) => {
  for (const path of ["/metadata/scheduledEvents", "/Metadata/ScheduledEvents", "/METADATA/SCHEDULEDEVENTS/"]) {
    assert.is((await ask(guest, `${path}?api-version=${VERSION}`)).status, 200, path);
  }
});

protocol("§1 methods: GET reads, POST approves, anything else is 405", async ({ guest }) => {
  for (const method of ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]) {
    const answer = await ask(guest, PATH, { method });
    assert.is(answer.status, 405, method);
    assert.is(answer.headers.allow, "GET, POST");
  }
});

protocol("§1 version: required on every call, and latest is none", async ({ guest }) => {
  for (const method of ["GET", "POST"]) {
    for (const query of [
      "",
      "?api-version=",
      "?api-version=latest",
      "?api-version=2020-07-02",
      "?API-VERSION=2020-07-01",
    ]) {
      assert.is((await ask(guest, `/metadata/scheduledevents${query}`, { method })).status, 400, query);
    }
  }
});

protocol("§1 query: a parameter name that appears twice makes the request invalid", async ({ guest }) => {
  for (const query of [`api-version=${VERSION}`, "a=1&a=2", `api%2Dversion=${VERSION}`]) {
    assert.is((await ask(guest, `${PATH}&${query}`)).status, 400, query);
  }
  assert.is((await ask(guest, `${PATH}&a=1&b=2`)).status, 200);
});

protocol("§1 header: Metadata is required on GET and POST, in any case", async ({ guest, schedule }) => {
  const { id } = schedule().event;
  for (const headers of [{ metadata: "true" }, { METADATA: "True" }, { Metadata: "TRUE" }] as Record<
    string,
    string
  >[]) {
    assert.is((await ask(guest, PATH, { headers })).status, 200);
    assert.is((await approve(guest, [id], { headers })).status, 200);
  }
  for (const headers of [{}, { Metadata: "" }, { Metadata: "1" }, { Metadata: "true, true" }] as Record<
    string,
    string
  >[]) {
    assert.is((await ask(guest, PATH, { headers })).status, 400);
    assert.is((await approve(guest, [id], { headers })).status, 400);
  }
});

protocol("§1 proxies: a request with X-Forwarded-For is refused", async ({ guest, schedule }) => {
  const { id } = schedule().event;
  const headers = { Metadata: "true", "X-Forwarded-For": "" };
  assert.is((await ask(guest, PATH, { headers })).status, 400);
  assert.is((await approve(guest, [id], { headers: { ...headers, "x-forwarded-for": "10.0.0.1" } })).status, 400);
});

protocol("§1 body type: POST is JSON whatever Content-Type says", async ({ guest, schedule }) => {
  for (const type of ["application/json", "application/x-www-form-urlencoded", "text/plain", undefined]) {
    const handle = schedule();
    const headers = { Metadata: "true", ...(type === undefined ? {} : { "Content-Type": type }) };
    assert.is((await approve(guest, [handle.event.id], { headers })).status, 200);
    assert.is(await handle.ready, "approved");
  }
});

protocol("§1 response type: application/json", async ({ guest }) => {
  assert.match((await ask(guest)).headers["content-type"]!, /^application\/json(;|$)/);
});

protocol("§1 request target: the absolute form is accepted, whatever host it names", async ({ service }) => {
  for (const origin of ["http://169.254.169.254", "HTTP://example.org:80", "http://[::1]:1", "https://localhost"]) {
    assert.is((await ask(service.server.url(), `${origin}${PATH}`)).status, 200, origin);
    assert.is((await ask(service.server.url(), `${origin}/guests/orders_0${PATH}`)).status, 200, origin);
  }
});

protocol("§1 rate: above about 5 requests per second a guest gets 429, and nobody else does", async () => {
  const service = await served({ orders: 2 });
  const { server } = service;
  const own = await server.listen({ guest: "orders_0" });
  const from = performance.now();
  const paths = Array.from({ length: 60 }, (_, index) => ask(index % 2 === 0 ? own.url : server.url("orders_0")));
  const answers = await Promise.all(paths);
  const good = answers.filter(({ status }) => status === 200).length;
  const limited = answers.filter(({ status }) => status === 429).length;
  assert.is(good + limited, 60);
  assert.ok(good >= 5 && good <= 6 + 5 * ((performance.now() - from) / 1000), `${good} were answered`);
  assert.is((await ask(server.url("orders_1"))).status, 200);
  const operators = await Promise.all(Array.from({ length: 60 }, () => ask(server.url())));
  assert.ok(operators.every(({ status }) => status === 200));
  await service[Symbol.asyncDispose]();
});

protocol("§1 instance: every primitive is a string, and what does not apply is empty", async ({ guest }) => {
  for (const version of ["2017-08-01", "2019-06-01", "2019-08-01", "2021-02-01", "2021-12-13", "2025-04-07"]) {
    const { compute } = parsed(await ask(guest, `/metadata/instance?api-version=${version}`));
    assert.is(compute.name, "orders_0");
    assert.is(compute.platformUpdateDomain, "0");
    assert.is(compute.platformFaultDomain, "0");
    assert.is(compute.placementGroupId, "orders");
    assert.match(compute.vmId, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.is(compute.zone, "");
    for (const value of Object.values(compute)) assert.type(value, "string");
  }
});

protocol("§1 instance: each guest has its own name, domains and id, and the id stays", async ({ service }) => {
  const path = "/metadata/instance?api-version=2021-02-01";
  const of = async (name: string): Promise<any> => parsed(await ask(service.server.url(name), path)).compute;
  const [one, again, five] = [await of("orders_1"), await of("orders_1"), await of("orders_5")];
  assert.equal(one, again);
  assert.equal([one.name, one.platformUpdateDomain, one.platformFaultDomain], ["orders_1", "1", "1"]);
  assert.equal([five.name, five.platformUpdateDomain, five.platformFaultDomain], ["orders_5", "0", "2"]);
  assert.is.not(one.vmId, five.vmId);
  assert.is((await ask(service.server.url(), path)).status, 404, "operators are no guest");
});

protocol("§1 instance: a leaf needs format=text, otherwise 400", async ({ guest }) => {
  const leaf = "/metadata/instance/compute/name?api-version=2021-02-01";
  const answer = await ask(guest, `${leaf}&format=text`);
  assert.equal([answer.status, answer.body], [200, "orders_0"]);
  assert.match(answer.headers["content-type"]!, /^text\/plain/);
  assert.is((await ask(guest, leaf)).status, 400);
  assert.is((await ask(guest, `${leaf}&format=json`)).status, 400);
  assert.is(parsed(await ask(guest, "/metadata/instance/Compute?api-version=2021-02-01")).name, "orders_0");
  assert.is((await ask(guest, "/metadata/instance?api-version=2021-02-01&format=text")).status, 400);
  assert.is((await ask(guest, "/metadata/instance/compute/nothing?api-version=2021-02-01&format=text")).status, 404);
  assert.is((await ask(guest, "/metadata/instance/compute/name/more?api-version=2021-02-01&format=text")).status, 404);
});

protocol("§1 versions: the only call that needs no version", async ({ guest, root }) => {
  const { apiVersions } = parsed(await ask(guest, "/metadata/versions"));
  for (const version of [...ALL, "2025-04-07"]) assert.ok(apiVersions.includes(version), version);
  assert.is((await ask(root, "/metadata/versions")).status, 200);
  assert.is((await ask(guest, "/metadata/instance")).status, 400);
  assert.is((await ask(guest, "/metadata/versions", { headers: {} })).status, 400);
});

// ---- §2 API versions ----

const BASE = ["EventId", "EventStatus", "EventType", "ResourceType", "Resources", "NotBefore"];
const MEMBERS: Readonly<Record<(typeof ALL)[number], readonly string[]>> = {
  "2017-03-01": BASE,
  "2017-08-01": BASE,
  "2017-11-01": BASE,
  "2019-01-01": BASE,
  "2019-04-01": [...BASE, "Description"],
  "2019-08-01": [...BASE, "Description", "EventSource"],
  "2020-07-01": [...BASE, "Description", "EventSource", "DurationInSeconds"],
};

for (const version of ALL) {
  protocol(`§2 members: ${version} has exactly its own, scheduled and started`, async ({ guest, schedule }) => {
    const handle = schedule({ noticeMs: 0, notBefore: undefined as never });
    for (const status of ["Scheduled", "Started"]) {
      const [event, ...others] = parsed(await ask(guest, pathOf(version))).Events;
      assert.equal(others, []);
      assert.equal(Object.keys(event).sort(), [...MEMBERS[version]].sort());
      assert.is(event.EventStatus, status);
      handle.start();
    }
  });
}

protocol("§2 2017-03-01: names of resources carry a leading _", async ({ guest, schedule }) => {
  schedule();
  assert.equal(parsed(await ask(guest, pathOf("2017-03-01"))).Events[0].Resources, ["_orders_0", "_orders_5"]);
});

protocol(
  "§2 2017-03-01: the header is not enforced on every call: reading does without",
  async ({ guest, schedule }) => {
    const { id } = schedule().event;
    assert.is((await ask(guest, pathOf("2017-03-01"), { headers: {} })).status, 200);
    const body = JSON.stringify({ StartRequests: [{ EventId: id }] });
    assert.is((await ask(guest, pathOf("2017-03-01"), { method: "POST", body, headers: {} })).status, 400);
    const headers = { Metadata: "true" };
    assert.is((await ask(guest, pathOf("2017-03-01"), { method: "POST", body, headers })).status, 200);
  },
);

protocol(
  "§2 2017-08-01: the leading _ is gone, and the header is enforced on every call",
  async ({ guest, schedule }) => {
    schedule();
    for (const version of GA) {
      assert.equal(parsed(await ask(guest, pathOf(version))).Events[0].Resources, ["orders_0", "orders_5"]);
      assert.is((await ask(guest, pathOf(version), { headers: {} })).status, 400);
    }
  },
);

protocol("§2 types: one that a version does not know is left out of its document", async ({ guest, schedule }) => {
  for (const type of TYPES) schedule({ type });
  const known: Readonly<Record<(typeof ALL)[number], readonly EventType[]>> = {
    "2017-03-01": TYPES.slice(0, 3),
    "2017-08-01": TYPES.slice(0, 3),
    "2017-11-01": TYPES.slice(0, 4),
    "2019-01-01": TYPES,
    "2019-04-01": TYPES,
    "2019-08-01": TYPES,
    "2020-07-01": TYPES,
  };
  for (const version of ALL) {
    const events: readonly any[] = parsed(await ask(guest, pathOf(version))).Events;
    assert.equal(
      events.map(({ EventType }) => EventType),
      known[version],
      version,
    );
  }
});

protocol("§2 side by side: one version reads what another approves", async ({ guest, schedule }) => {
  for (const [index, version] of ALL.entries()) {
    const handle = schedule({ type: "Terminate" });
    const reader = ALL.at(-1 - index)!;
    await ask(guest, pathOf(reader));
    const body = JSON.stringify({ StartRequests: [{ EventId: handle.event.id }] });
    assert.is((await ask(guest, pathOf(version), { method: "POST", body })).status, 200);
    assert.is(await handle.ready, "approved");
    handle.cancel();
  }
});

protocol("§2 2024-07-09: not offered", async ({ guest }) => {
  assert.is((await ask(guest, pathOf("2024-07-09"))).status, 404);
});

// ---- §3 The document ----

protocol("§3 nothing planned: Events is an empty array", async ({ guest }) => {
  assert.equal(parsed(await ask(guest)), { DocumentIncarnation: 1, Events: [] });
});

protocol("§3 document: a life reads as the examples do, member by member", async ({ guest, schedule }) => {
  const handle = schedule();
  const { id } = handle.event;
  const event = {
    EventId: id,
    EventStatus: "Scheduled",
    EventType: "Freeze",
    ResourceType: "VirtualMachine",
    Resources: ["orders_0", "orders_5"],
    NotBefore: "Tue, 03 Mar 2026 09:15:00 GMT",
    Description: "Runtime is being replaced.",
    EventSource: "Platform",
    DurationInSeconds: 1,
  };
  assert.is((await ask(guest)).body, JSON.stringify({ DocumentIncarnation: 2, Events: [event] }));
  await approve(guest, [id]);
  handle.start();
  const started = { ...event, EventStatus: "Started", NotBefore: "" };
  assert.is((await ask(guest)).body, JSON.stringify({ DocumentIncarnation: 3, Events: [started] }));
  handle.complete();
  assert.is((await ask(guest)).body, JSON.stringify({ DocumentIncarnation: 4, Events: [] }));
});

protocol("§3 EventId: a GUID in upper case, the same for the event's whole life", async ({ guest, schedule }) => {
  const handle = schedule({ noticeMs: 0, notBefore: undefined as never });
  const [before] = parsed(await ask(guest)).Events;
  assert.match(before.EventId, /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
  handle.start();
  assert.is(parsed(await ask(guest)).Events[0].EventId, before.EventId);
});

protocol(
  "§3 EventType, EventSource, Description, DurationInSeconds: as they were given",
  async ({ guest, schedule }) => {
    for (const type of TYPES) {
      for (const source of ["Platform", "User"] as const) {
        for (const durationSeconds of [-1, 0, 7]) {
          const handle = schedule({ type, source, durationSeconds, description: `"${type}" \u2028 é` });
          const [event] = parsed(await ask(guest)).Events;
          assert.is(event.EventType, type);
          assert.is(event.EventSource, source);
          assert.is(event.DurationInSeconds, durationSeconds);
          assert.is(event.Description, `"${type}" \u2028 é`);
          handle.cancel();
        }
      }
    }
    const handle = schedule({ description: "" });
    assert.is(parsed(await ask(guest)).Events[0].Description, "");
    handle.cancel();
  },
);

protocol("§3 NotBefore: RFC 1123 in GMT with a two-digit day, empty once started", async ({ guest, schedule }) => {
  const handle = schedule({ notBefore: new Date(Date.UTC(2026, 10, 8, 7, 6, 5)) });
  assert.is(parsed(await ask(guest)).Events[0].NotBefore, "Sun, 08 Nov 2026 07:06:05 GMT");
  await approve(guest, [handle.event.id]);
  handle.start();
  assert.is(parsed(await ask(guest)).Events[0].NotBefore, "");
});

protocol(
  "§3 incarnation: changes with every change, and equal numbers are equal content",
  async ({ guest, schedule, service }) => {
    const seen = new Map<number, string>();
    const look = async (): Promise<void> => {
      for (const name of ["orders_0", "orders_3"]) {
        const { body } = await ask(service.server.url(name));
        const { DocumentIncarnation } = JSON.parse(body);
        assert.is(seen.get(DocumentIncarnation) ?? body, body);
        seen.set(DocumentIncarnation, body);
      }
    };
    await look();
    const handle = schedule();
    await look();
    service.bulletin.end("orders_5");
    await look();
    await approve(guest, [handle.event.id]);
    await look();
    handle.start();
    await look();
    handle.complete();
    await look();
    schedule({ resources: ["orders_1"] }).cancel();
    await look();
    assert.equal([...seen.keys()], [1, 2, 3, 4, 5, 7], "the approval changed nothing; who polls slowly sees a jump");
  },
);

protocol("§3 incarnation: one for all versions", async ({ guest, schedule }) => {
  schedule({ type: "Terminate" });
  for (const version of ALL) assert.is(parsed(await ask(guest, pathOf(version))).DocumentIncarnation, 2);
});

protocol(
  "§3 ETag: the incarnation, and a matching If-None-Match on GET is an empty 304",
  async ({ guest, schedule }) => {
    assert.is((await ask(guest)).headers.etag, '"1"');
    schedule();
    const statusFor = async (match: string): Promise<number> => {
      const answer = await ask(guest, PATH, { headers: { Metadata: "true", "If-None-Match": match } });
      assert.is(answer.headers.etag, '"2"');
      if (answer.status === 304) assert.is(answer.body, "");
      return answer.status;
    };
    for (const match of ['"2"', 'W/"2"', '"1", "2"', "*"]) assert.is(await statusFor(match), 304, match);
    for (const match of ['"1"', "0", "null", "", "2", '"22"', '"2']) assert.is(await statusFor(match), 200, match);
  },
);

protocol("§3 ETag: POST ignores If-None-Match", async ({ guest, schedule }) => {
  const handle = schedule();
  const headers = { Metadata: "true", "If-None-Match": '"2"' };
  assert.is((await approve(guest, [handle.event.id], { headers })).status, 200);
  assert.is(await handle.ready, "approved");
});

// ---- §4 Approving ----

protocol("§4 several at once: every entry of StartRequests names one event", async ({ guest, schedule }) => {
  const handles = [schedule(), schedule({ resources: ["orders_1"] }), schedule({ type: "Reboot" })];
  const answer = await approve(
    guest,
    handles.map(({ event }) => event.id),
  );
  assert.is(answer.status, 200);
  for (const handle of handles) assert.is(await handle.ready, "approved");
});

protocol("§4 extra members: accepted and ignored", async ({ guest, schedule }) => {
  for (const DocumentIncarnation of ["5", 5, null]) {
    const handle = schedule();
    const body = JSON.stringify({ DocumentIncarnation, StartRequests: [{ EventId: handle.event.id, Note: {} }] });
    assert.is((await ask(guest, PATH, { method: "POST", body })).status, 200);
    assert.is(await handle.ready, "approved");
  }
});

protocol("§4 effect: the event may start before NotBefore, and need not at once", async ({ guest, schedule }) => {
  const handle = schedule();
  assert.not.ok(handle.start());
  await approve(guest, [handle.event.id]);
  assert.is(parsed(await ask(guest)).Events[0].EventStatus, "Scheduled");
  assert.ok(handle.start());
});

protocol("§4 reach: one approval counts for all resources", async ({ service, schedule }) => {
  const handle = schedule();
  await approve(service.server.url("orders_5"), [handle.event.id]);
  assert.ok(handle.start());
});

protocol("§4 who may: any guest that sees the event, also one that is not in it", async ({ service, schedule }) => {
  const handle = schedule();
  assert.is((await approve(service.server.url("orders_3"), [handle.event.id])).status, 200);
  assert.is(await handle.ready, "approved");
});

protocol("§4 who may: one that does not see it may not; operators may", async ({ root, other, schedule }) => {
  const handle = schedule();
  assert.is((await approve(other, [handle.event.id])).status, 400);
  assert.not.ok(handle.event.approved);
  assert.is((await approve(root, [handle.event.id])).status, 200);
  assert.is(await handle.ready, "approved");
});

protocol(
  "§4 without approval: counts as approved when NotBefore passes, user restarts included",
  async ({ service, schedule }) => {
    const { clock } = service.bulletin;
    const handle = schedule({ type: "Reboot", source: "User" });
    await clock.pass(15 * MINUTE_MS - 1);
    assert.not.ok(handle.start());
    await clock.pass(1);
    assert.is(await handle.ready, "due");
    assert.ok(handle.start());
  },
);

protocol(
  "§4 success: 200 with an empty body, also if the event was approved before by anyone",
  async ({ service, schedule }) => {
    const { id } = schedule().event;
    for (const name of ["orders_0", "orders_0", "orders_4"]) {
      const answer = await approve(service.server.url(name), [id]);
      assert.equal([answer.status, answer.body], [200, ""]);
    }
  },
);

protocol("§4 repeats: approving at every poll while the event is Started gets 200", async ({ guest, schedule }) => {
  const handle = schedule();
  for (let poll = 0; poll < 4; poll++) {
    assert.is((await approve(guest, [handle.event.id])).status, 200);
    handle.start();
    assert.is(handle.event.status, "Started");
  }
});

protocol("§4 ids: compared without regard to case", async ({ guest, schedule }) => {
  const handle = schedule();
  assert.is((await approve(guest, [handle.event.id.toLowerCase()])).status, 200);
  assert.is(await handle.ready, "approved");
});

protocol("§4 malformed payload: 400", async ({ guest, schedule }) => {
  const { id } = schedule().event;
  const bodies = [
    "",
    "{",
    "null",
    "[]",
    "7",
    '"StartRequests"',
    "{}",
    '{"StartRequests":null}',
    `{"StartRequests":{"EventId":"${id}"}}`,
    `{"StartRequests":["${id}"]}`,
    '{"StartRequests":[{}]}',
    '{"StartRequests":[null]}',
    '{"StartRequests":[{"EventId":1}]}',
    `{"StartRequests":[{"EventId":["${id}"]}]}`,
    `{"startRequests":[{"EventId":"${id}"}]}`,
    `StartRequests=${id}`,
    Buffer.from(`{"StartRequests":[{"EventId":"${id}\xff"}]}`, "latin1"),
  ];
  for (const body of bodies) {
    const answer = await ask(guest, PATH, { method: "POST", body });
    assert.is(answer.status, 400, `${body}`);
    assert.match(parsed(answer).error, /^Bad request/);
  }
  assert.not.ok(parsed(await ask(guest)).Events[0].EventStatus !== "Scheduled");
});

protocol("§4 an id that was never issued: 400, and no other in the list is approved", async ({ guest, schedule }) => {
  const handle = schedule();
  assert.is((await approve(guest, [handle.event.id, "5B0D6C1E-7A43-4D0B-9E52-1F6A0C3B9D77"])).status, 400);
  assert.not.ok(handle.event.approved);
});

protocol("§4 an id that was issued and is gone: 200", async ({ guest, other, schedule }) => {
  const handle = schedule();
  handle.cancel();
  assert.is((await approve(guest, [handle.event.id])).status, 200);
  assert.is((await approve(other, [handle.event.id])).status, 400, "who never saw it does not know it");
});

// ---- §5 Errors ----

protocol("§5 400, header missing: the body that readers know", async ({ guest }) => {
  const answer = await ask(guest, PATH, { headers: {} });
  assert.equal(
    [answer.status, answer.body],
    [400, '{"error":"Bad request: . Required metadata header not specified"}'],
  );
});

protocol("§5 400, version: says so, and names the newest three", async ({ guest }) => {
  const newest = {
    "/metadata/scheduledevents": GA.slice(-3),
    "/metadata/instance": ["2024-03-15", "2024-07-17", "2025-04-07"],
  };
  for (const [path, versions] of Object.entries(newest)) {
    for (const query of ["", "?api-version=latest"]) {
      const answer = await ask(guest, path + query);
      assert.is(answer.status, 400);
      const { error, ...rest } = parsed(answer);
      assert.ok(error.startsWith("Bad request. api-version is invalid or was not specified in the request."));
      assert.equal(rest, { "newest-versions": [...versions].reverse() });
    }
  }
});

protocol("§5 400, other: an error that begins with Bad request", async ({ guest }) => {
  const answers = [
    await ask(guest, PATH, { headers: { Metadata: "true", "X-Forwarded-For": "1.2.3.4" } }),
    await ask(guest, PATH, { headers: { Metadata: "true", Origin: "http://example.org" } }),
    await ask(guest, `${PATH}&a=1&a=1`),
  ];
  for (const answer of answers) {
    assert.is(answer.status, 400);
    assert.match(parsed(answer).error, /^Bad request\. /);
  }
});

protocol("§5 404: what does not exist", async ({ guest, root, service }) => {
  for (const path of [
    "/",
    "/metadata",
    "/metadata/",
    "/metadata/scheduledevents/more",
    "/metadata/identity",
    "/guests",
  ]) {
    const answer = await ask(root, `${path}?api-version=${VERSION}`);
    assert.equal([answer.status, answer.body], [404, '{"error":"Not found"}'], path);
    assert.is((await ask(guest, `${path}?api-version=${VERSION}`)).status, 404, path);
  }
  assert.is((await ask(service.server.url("nobody"))).status, 404);
});

protocol("§5 405: a method that is not supported here", async ({ guest }) => {
  for (const path of ["/metadata/instance?api-version=2021-02-01", "/metadata/versions"]) {
    assert.is((await ask(guest, path, { method: "POST" })).status, 405);
  }
});

protocol("§5 410: a guest that has a listener and is not there: come again", async ({ service }) => {
  const { server, bulletin } = service;
  const own = await server.listen({ guest: "late_0" });
  assert.is((await ask(own.url)).status, 410);
  bulletin.placements.place("late_0", { set: "late" });
  assert.is((await ask(own.url)).status, 200);
});

protocol("§5 500: a fault of ours is told as such, and the next request is answered", async ({ service, guest }) => {
  const { events } = service.bulletin;
  const { incarnation } = events;
  const warnings: Error[] = [];
  const hear = (warning: Error): void => void warnings.push(warning);
  process.on("warning", hear);
  events.incarnation = () => {
    throw new Error("a fault for the sake of the test");
  };
  assert.is((await ask(guest)).status, 500);
  events.incarnation = incarnation;
  assert.is((await ask(guest)).status, 200);
  process.off("warning", hear);
  assert.equal(
    warnings.map(({ message }) => message),
    ["a fault for the sake of the test"],
  );
});

// ---- §6 Switching on and off: what is not imitated ----

protocol(
  "§6 on, first answer: there is no switch; the first GET is answered with all there is",
  async ({ guest, schedule }) => {
    schedule();
    assert.is(parsed(await ask(guest)).Events.length, 1);
  },
);

protocol(
  "§6 off: days without a call change nothing, and the incarnation goes on",
  async ({ guest, schedule, service }) => {
    schedule().cancel();
    assert.is(parsed(await ask(guest)).DocumentIncarnation, 3);
    await service.bulletin.clock.pass(3 * 24 * 60 * MINUTE_MS);
    assert.is(parsed(await ask(guest)).DocumentIncarnation, 3);
  },
);

// ---- §7 Life of an event ----

protocol(
  "§7 none → Started: hardware that failed gives no notice; readers see Started first",
  async ({ guest, schedule }) => {
    const handle = schedule({ type: "Reboot", noticeMs: 0, notBefore: undefined as never });
    handle.start();
    const [event] = parsed(await ask(guest)).Events;
    assert.equal([event.EventType, event.EventStatus, event.NotBefore], ["Reboot", "Started", ""]);
  },
);

protocol("§7 Scheduled → removed: withdrawn, and never starts", async ({ guest, schedule }) => {
  const handle = schedule();
  await approve(guest, [handle.event.id]);
  handle.cancel();
  assert.not.ok(handle.start());
  assert.equal(parsed(await ask(guest)), { DocumentIncarnation: 3, Events: [] });
});

protocol(
  "§7 reader's loop: new ids mean prepare and vanished ids recover, whatever was missed between",
  async ({ guest, schedule }) => {
    const known = new Set<string>();
    const log: string[] = [];
    const poll = async (): Promise<void> => {
      const ids = new Set<string>(parsed(await ask(guest)).Events.map(({ EventId }: any) => EventId));
      for (const id of ids) if (!known.has(id)) log.push(`prepare ${id}`);
      for (const id of known) if (!ids.has(id)) log.push(`recover ${id}`);
      known.clear();
      for (const id of ids) known.add(id);
    };
    await poll();
    const [one, two] = [schedule(), schedule({ resources: ["orders_1"], noticeMs: 0, notBefore: undefined as never })];
    await poll();
    two.start();
    two.complete();
    const three = schedule();
    three.cancel();
    await poll();
    one.cancel();
    await poll();
    const ids = [one.event.id, two.event.id];
    assert.equal(log, [`prepare ${ids[0]}`, `prepare ${ids[1]}`, `recover ${ids[1]}`, `recover ${ids[0]}`]);
  },
);

// ---- §8 Notice ----

const LEAST_MS: Readonly<Record<EventType, number>> = {
  Freeze: 15 * MINUTE_MS,
  Reboot: 15 * MINUTE_MS,
  Redeploy: 10 * MINUTE_MS,
  Preempt: 30_000,
  Terminate: 5 * MINUTE_MS,
};

for (const type of TYPES) {
  protocol(`§8 smallest notice: ${type}, as readers see it`, async ({ guest, schedule, service }) => {
    await service.bulletin.clock.pass(123);
    schedule({ type, notBefore: undefined as never });
    const { NotBefore } = parsed(await ask(guest)).Events[0];
    const noticeMs = Date.parse(NotBefore) - service.bulletin.clock.nowMs();
    assert.ok(noticeMs >= LEAST_MS[type] && noticeMs < LEAST_MS[type] + 1000, `${noticeMs}`);
  });
}

protocol(
  "§8 Terminate: an approved end waits for another's that is not, or for its time",
  async ({ guest, schedule, service }) => {
    const [a, b] = ["orders_0", "orders_1"].map((name) => schedule({ type: "Terminate", resources: [name] }));
    await approve(guest, [a!.event.id]);
    assert.not.ok(a!.start());
    await approve(guest, [b!.event.id]);
    assert.is(await a!.ready, "approved");
    assert.ok(a!.start() && b!.start());
    const [c, d] = [10, 5].map((minutes) => {
      const noticeMs = minutes * MINUTE_MS;
      return schedule({
        type: "Terminate",
        resources: [`orders_${minutes / 5}`],
        noticeMs,
        notBefore: undefined as never,
      });
    });
    await approve(guest, [c!.event.id]);
    await service.bulletin.clock.pass(5 * MINUTE_MS);
    assert.equal([await c!.ready, await d!.ready], ["approved", "due"]);
  },
);

protocol("§8 Terminate: other types wait for nobody, and nobody in another set waits", async ({ root, schedule }) => {
  schedule({ type: "Terminate" });
  const handles = [
    schedule({ type: "Reboot", resources: ["orders_1"] }),
    schedule({ type: "Terminate", resources: ["stock_0"] }),
  ];
  await approve(
    root,
    handles.map(({ event }) => event.id),
  );
  for (const handle of handles) assert.ok(handle.start());
});

protocol("§8 Terminate: NotBefore cannot be changed once the event exists", ({ schedule }) => {
  const handle = schedule({ type: "Terminate" });
  const { notBefore } = handle.event;
  assert.throws(() => Object.assign(handle.event, { notBefore: new Date(0) }));
  assert.is(handle.event.notBefore, notBefore);
});

// ---- §9 Who sees what ----

protocol("§9 set: every member gets the same document, and no other set does", async ({ service, other, schedule }) => {
  schedule();
  const bodies = await Promise.all(
    Array.from({ length: 6 }, async (_, index) => (await ask(service.server.url(`orders_${index}`))).body),
  );
  assert.is(new Set(bodies).size, 1);
  assert.is(JSON.parse(bodies[0]!).Events.length, 1);
  assert.equal(parsed(await ask(other)), { DocumentIncarnation: 1, Events: [] });
});

protocol(
  "§9 set: another set's document is another, also while both have the same incarnation",
  async ({ guest, other, schedule }) => {
    schedule();
    schedule({ resources: ["stock_0"] });
    for (const [base, name] of [
      [guest, "orders_0"],
      [other, "stock_0"],
      [guest, "orders_0"],
    ] as const) {
      const { DocumentIncarnation, Events } = parsed(await ask(base));
      assert.equal([DocumentIncarnation, Events.length, Events[0].Resources[0]], [2, 1, name]);
    }
  },
);

protocol("§9 standalone: a guest without a set sees itself", async ({ service, guest, schedule }) => {
  service.bulletin.placements.place("alone");
  schedule({ resources: ["alone"] });
  assert.equal(parsed(await ask(service.server.url("alone"))).Events[0].Resources, ["alone"]);
  assert.equal(parsed(await ask(guest)).Events, []);
});

protocol("§9 update domains: one event names guests of one at most", ({ schedule }) => {
  assert.throws(() => schedule({ resources: ["orders_0", "orders_1"] }), /update domains 0 and 1/);
});

protocol("§9 operators: see every set, with an incarnation of its own", async ({ root, schedule }) => {
  schedule();
  schedule({ resources: ["stock_0"] });
  const { DocumentIncarnation, Events } = parsed(await ask(root));
  assert.is(DocumentIncarnation, 3);
  assert.equal(
    Events.map(({ Resources }: any) => Resources),
    [["orders_0", "orders_5"], ["stock_0"]],
  );
  assert.is((await ask(root)).headers.etag, '"3"');
});

// ---- §10 Availability sets ----

protocol("§10 automatic approval: users' restarts and redeploys, by policy", async () => {
  await using service = await served({ orders: 1 }, { approvals: { userRaised: true } });
  for (const type of ["Reboot", "Redeploy"] as const) {
    const handle = service.bulletin.events.schedule({ type, resources: ["orders_0"] });
    assert.is(await handle.ready, "approved");
  }
});

protocol("§10 automatic approval: anything while all guests of the set are down, by default", async () => {
  await using service = await served({ orders: 2 }, { isDown: () => true });
  assert.is(await service.bulletin.events.schedule({ type: "Freeze", resources: ["orders_0"] }).ready, "approved");
});

// ---- who is asking ----

protocol("identity: a guest's own listener knows no other guest, and no operator", async ({ service, schedule }) => {
  const own = await service.server.listen({ guest: "stock_0" });
  schedule();
  assert.equal(parsed(await ask(own.url)).Events, []);
  const { id } = schedule().event;
  assert.is((await approve(own.url, [id])).status, 400);
  assert.is((await ask(`${own.url}/guests/orders_0`)).status, 404);
  await own.close();
  await own.close();
  assert.is(await ask(own.url).catch(({ code }) => code), "ECONNREFUSED");
});

protocol("identity: a guest may have a unix socket of its own", async ({ service }) => {
  const socketPath = `${process.env.TMPDIR ?? "/tmp"}/stillpoint-${process.pid}.sock`;
  const own = await service.server.listen({ guest: "orders_1", socketPath });
  const path = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";
  assert.is((await ask(own.url, path, { socketPath })).body, "orders_1");
  await own.close();
  assert.is(await ask(own.url, path, { socketPath }).catch(({ code }) => code), "ENOENT");
});

protocol("identity: names are percent-encoded in paths, whatever they are", async ({ service }) => {
  const path = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";
  for (const name of ["a b", "metadata", "guests", "ü/../x", "%2f", "?", "#", "__proto__", "a\u0000b"]) {
    service.bulletin.placements.place(name);
    assert.is((await ask(service.server.url(name), path)).body, name);
  }
  for (const name of [".", ".."]) assert.throws(() => service.server.url(name), /a listener of its own/);
});

protocol("identity: HTTP/1.0 and a request without a host are answered", async ({ service }) => {
  const request = `GET ${PATH} HTTP/1.0\r\nMetadata: true\r\n\r\n`;
  assert.match(await raw(service.server.port, request), /^HTTP\/1\.1 200 OK\r\n/);
});

protocol.run();
