// Goal: whatever is thrown at the service costs the thrower alone: others are answered throughout, what is too much or too slow is
// ended, and nothing outside the machine can reach it unless it was told so. Method: each attack runs against a server with short
// limits, and while it does a well-behaved guest asks, again and again; every one of its requests has to be answered.

import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type MetadataServer, serveMetadata } from "../../dist/node.js";
import { Bulletin } from "../support/bulletin.ts";
import { codeOf, share, sleep } from "../support/guests.ts";
import { ask, PATH, raw, type Served, served } from "../support/metadata.ts";
import { Random } from "../support/random.ts";

const GOOD = `GET ${PATH} HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n`;
const POST = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n`;
/** Long enough for a slow machine, short against a test's patience. */
const REQUEST_MS = 1500;
const CONNECTIONS = 64;

const LIMITS = {
  requestMs: REQUEST_MS,
  idleMs: REQUEST_MS,
  connectionsMax: CONNECTIONS,
  requestsPerSecond: 1_000_000,
};

/** Runs an attack while a guest that does everything right asks, again and again. */
async function whileOthersAsk<T>(server: MetadataServer, attack: () => Promise<T>): Promise<T> {
  let over = false;
  const others = (async () => {
    for (let answered = 0; !over; answered++) {
      assert.is((await ask(server.url("orders_1"))).status, 200, `after ${answered} good answers`);
      await sleep(5);
    }
  })();
  // Told below, when the attack is over.
  others.catch(() => {});
  try {
    return await attack();
  } finally {
    over = true;
    await others;
  }
}

interface Context {
  service: Served;
  port: number;
  meanwhile<T>(attack: () => Promise<T>): Promise<T>;
}

const hostile = suite<Context>("hostile HTTP");

hostile.before.each(async (context) => {
  context.service = await served({ orders: 2 }, { limits: LIMITS });
  const { server } = context.service;
  context.port = server.port;
  context.meanwhile = (attack) => whileOthersAsk(server, attack);
});
hostile.after.each(async ({ service }) => service[Symbol.asyncDispose]());

/** A connection that sends this and then holds still; resolves with all that came back, when the server has closed it. */
function held(port: number, bytes: string): { readonly socket: Socket; readonly closed: Promise<string> } {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk) => (text += chunk));
  socket.on("error", () => {});
  socket.write(bytes);
  return { socket, closed: new Promise((resolve) => socket.on("close", () => resolve(text))) };
}

/** Connections that the system holds at a port. What clients count says less: where the queue overflows, they believe they are connected. */
function established(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  return lines.map((line) => line.trim().split(/\s+/)).filter(([, at, , state]) => at === local && state === "01")
    .length;
}

const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d+) /.exec(text)?.[1] ?? 0);

hostile("bodies that are too large are refused, however they are sent", async ({ port, meanwhile }) => {
  await meanwhile(async () => {
    const declared = await raw(port, `${POST}Content-Length: 9000000000\r\n\r\n{`);
    assert.is(statusOf(declared), 413);
    const { socket, closed } = held(port, `${POST}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
    for (let sent = 0; sent < 64 && !socket.destroyed; sent++) {
      socket.write(chunk);
      await sleep(1);
    }
    assert.is(statusOf(await closed), 413);
  });
});

hostile("a body of the largest size is read, and one byte more is not", async ({ service }) => {
  const pad = (bytes: number): string => `{"StartRequests":[]${" ".repeat(bytes - 20)}}`;
  const statusFor = async (bytes: number, headers: Record<string, string>): Promise<number> => {
    const question = { method: "POST", body: pad(bytes), headers: { Metadata: "true", ...headers } };
    return (await ask(service.server.url(), PATH, question)).status;
  };
  for (const headers of [{}, { "Transfer-Encoding": "chunked" }] as Record<string, string>[]) {
    assert.is(await statusFor(65_536, headers), 200);
    assert.is(await statusFor(65_537, headers), 413);
  }
});

hostile("slow headers are ended", async ({ port, meanwhile }) => {
  await meanwhile(async () => {
    const { socket, closed } = held(port, "GET ");
    const drip = setInterval(() => socket.write("x"), 20);
    assert.is(statusOf(await closed), 408);
    clearInterval(drip);
  });
});

hostile("slow bodies are ended", async ({ port, meanwhile }) => {
  await meanwhile(async () => {
    const { socket, closed } = held(port, `${POST}Content-Length: 60000\r\n\r\n`);
    const drip = setInterval(() => socket.write(" "), 20);
    assert.is(statusOf(await closed), 408);
    clearInterval(drip);
  });
});

hostile("a body that nobody asked for is read for a while, and no longer", async ({ port, meanwhile }) => {
  await meanwhile(async () => {
    const { socket, closed } = held(port, `${GOOD}Transfer-Encoding: chunked\r\n\r\n`);
    const drip = setInterval(() => socket.write("1\r\nx\r\n"), 20);
    assert.is(statusOf(await closed), 200);
    clearInterval(drip);
  });
});

hostile("connections that ask nothing are closed", async ({ port, meanwhile }) => {
  await meanwhile(async () => {
    await Promise.all(Array.from({ length: 10 }, () => held(port, "").closed));
    await Promise.all(Array.from({ length: 10 }, () => held(port, `${GOOD}\r\n`).closed));
  });
});

hostile("floods of headers are refused", async ({ port, meanwhile }) => {
  await meanwhile(async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `X-${index}: y\r\n`).join("");
    assert.is(statusOf(await raw(port, `${GOOD}${many}\r\n`)), 431);
    assert.is(statusOf(await raw(port, `${GOOD}X: ${"y".repeat(100_000)}\r\n\r\n`)), 431);
    assert.is(statusOf(await raw(port, `GET /${"y".repeat(100_000)} HTTP/1.1\r\n\r\n`)), 431);
  });
});

hostile("no number of headers hides the one that forbids a request", async ({ port }) => {
  const many = Array.from({ length: 1500 }, () => "a:\r\n").join("");
  const answer = await raw(port, `${GOOD}${many}X-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n`);
  assert.is(statusOf(answer), 400);
  assert.match(answer, /X-Forwarded-For/);
});

hostile("thousands of connections that are held take nothing from others", async () => {
  // With time to hold them for longer than the test takes: it is their number that closes them.
  await using patient = await served({ orders: 2 }, { limits: { ...LIMITS, requestMs: 3_600_000, idleMs: 3_600_000 } });
  await whileOthersAsk(patient.server, async () => {
    const sockets: Socket[] = [];
    for (let index = 0; index < share(4000, 1200); index++) {
      sockets.push(held(patient.server.port, index % 2 === 0 ? "" : "GET /metadata/sch").socket);
      if (index % 50 === 0) await sleep(1);
    }
    const { port } = patient.server;
    let left = established(port);
    for (let wait = 0; wait < 600 && (left > CONNECTIONS || sockets.some(({ connecting }) => connecting)); wait++) {
      await sleep(100);
      left = established(port);
    }
    assert.ok(left > 0 && left <= CONNECTIONS, `${left} are open`);
    for (const socket of sockets) socket.destroy();
  });
});

hostile("a caller that takes no answers is not written to without end", async ({ service, port, meanwhile }) => {
  const { events, placements } = service.bulletin;
  const names = Array.from({ length: 5000 }, (_, index) => `large_${index}`);
  for (const name of names) placements.place(name, { set: "large", updateDomain: 0 });
  events.schedule({ type: "Freeze", resources: names });
  await meanwhile(async () => {
    const { rss } = process.memoryUsage();
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.pause();
    const closed = new Promise((resolve) => socket.on("close", resolve));
    // Each answer has about 70 KB; all of them would be more than this process may have.
    socket.write(`${GOOD}\r\n`.repeat(50_000));
    await closed;
    const grownMb = (process.memoryUsage().rss - rss) / 2 ** 20;
    assert.ok(grownMb < 400, `${grownMb} MB`);
  });
});

hostile("bytes that are no HTTP are refused, and cost the connection", async ({ port, meanwhile }) => {
  const random = new Random(1);
  await meanwhile(async () => {
    const samples = [
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\u0016\u0003\u0001\u0002\u0000\u0001",
      "GET\r\n\r\n",
      `${GOOD}Bad Header: x\r\n\r\n`,
      `${GOOD}X: a\u0000b\r\n\r\n`,
      `${POST}Content-Length: -1\r\n\r\n`,
      `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
      `${POST}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}`,
      `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n",
      ...Array.from({ length: share(200, 40) }, () =>
        String.fromCharCode(...Array.from({ length: 1 + random.below(300) }, () => random.below(256))),
      ),
    ];
    const answers = await Promise.all(samples.map((bytes) => raw(port, `${bytes}\r\n\r\n`)));
    for (const [index, answer] of answers.entries()) {
      assert.ok([0, 400, 404, 405, 408].includes(statusOf(answer)), `${JSON.stringify(samples[index])}: ${answer}`);
      assert.not.match(answer, /HTTP\/1\.1 2/);
    }
  });
});

hostile("hostile JSON is refused, and reaches nothing", async ({ service, meanwhile }) => {
  const { events } = service.bulletin;
  const handle = events.schedule({ type: "Freeze", resources: ["orders_0"] });
  const { id } = handle.event;
  await meanwhile(async () => {
    const bodies = [
      "[".repeat(30_000),
      `{"StartRequests":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
      `{"__proto__":{"StartRequests":[{"EventId":"${id}"}]}}`,
      `{"StartRequests":[{"__proto__":{"EventId":"${id}"}}]}`,
      `{"StartRequests":{"length":1,"0":{"EventId":"${id}"}}}`,
      `{"StartRequests":[{"EventId":"${id} "}]}`,
      `{"StartRequests":[{"EventId":"${id}\\u0000"}]}`,
      '{"StartRequests":[{"EventId":"__proto__"}]}',
      '{"StartRequests":[{"EventId":""}]}',
      `{"StartRequests":[{"EventId":"${"A".repeat(60_000)}"}]}`,
      `{"StartRequests":[${Array.from({ length: 3000 }, () => '{"EventId":"x"}').join(",")}]}`,
    ];
    for (const body of bodies) {
      const answer = await ask(service.server.url("orders_0"), PATH, { method: "POST", body });
      assert.is(answer.status, 400, body.slice(0, 80));
      assert.ok(answer.body.length < 300);
    }
  });
  assert.not.ok(handle.event.approved);
});

hostile("paths that are spelled to be mistaken for others name nothing", async ({ service, port, meanwhile }) => {
  service.bulletin.placements.place("..");
  const own = await service.server.listen({ guest: "orders_0" });
  const tricks = [
    "//metadata/scheduledevents",
    "/metadata//scheduledevents",
    "/./metadata/scheduledevents",
    "/metadata/../metadata/scheduledevents",
    "/guests/orders_0/../../metadata/scheduledevents",
    "/guests/orders_0/guests/orders_1/metadata/scheduledevents",
    "/guests/orders_0%2fmetadata/scheduledevents",
    "/guests//metadata/scheduledevents",
    "/guests/%/metadata/scheduledevents",
    "/guests/%ff/metadata/scheduledevents",
    "/guests/toString/metadata/scheduledevents",
    "/guests/__proto__/metadata/scheduledevents",
    "/%6detadata/scheduledevents",
    "/metadata%2fscheduledevents",
    "/metadata/scheduledevents%00",
    "/metadata/scheduledevents;x=1",
    "/metadata\\scheduledevents",
    "/metadata/instance/../scheduledevents",
    "/metadata/instance/__proto__",
    "/metadata/instance/compute/constructor",
    "/metadata/instance/network/interface/length",
    "*",
    "metadata/scheduledevents",
    "http:///metadata/scheduledevents/..",
    "ftp://127.0.0.1/metadata/scheduledevents",
    "file:///metadata/scheduledevents",
  ];
  await meanwhile(async () => {
    for (const at of [port, own.port]) {
      for (const path of tricks) {
        const request = `GET ${path}?api-version=2020-07-01&format=text HTTP/1.1\r\nHost: x\r\nMetadata: true\r\nConnection: close\r\n\r\n`;
        const status = statusOf(await raw(at, request));
        assert.ok([400, 404].includes(status), `${path}: ${status}`);
      }
    }
  });
});

hostile("wrong methods in their thousands are refused", async ({ service, meanwhile }) => {
  await meanwhile(async () => {
    for (let round = 0; round < share(100, 20); round++) {
      const methods = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? "DELETE" : "LOCK"));
      const answers = await Promise.all(methods.map((method) => ask(service.server.url(), PATH, { method })));
      for (const { status } of answers) assert.is(status, 405);
    }
  });
});

hostile("one guest that asks without pause leaves the others their share", async () => {
  await using service = await served({ orders: 2 });
  let over = false;
  const greedy = Promise.all(
    Array.from({ length: 20 }, async () => {
      let refused = 0;
      while (!over) if ((await ask(service.server.url("orders_0"))).status === 429) refused += 1;
      return refused;
    }),
  );
  for (let turn = 0; turn < 8; turn++) {
    assert.is((await ask(service.server.url("orders_1"))).status, 200);
    await sleep(210);
  }
  over = true;
  assert.ok((await greedy).reduce((sum, refused) => sum + refused) > 0);
});

hostile("pages in a browser cannot approve, nor read", async ({ service }) => {
  const { events } = service.bulletin;
  const { id } = events.schedule({ type: "Freeze", resources: ["orders_0"] }).event;
  const body = JSON.stringify({ StartRequests: [{ EventId: id }] });
  // What a page can send without asking first, and what it is told when it asks.
  const simple = { Origin: "http://evil.example", "Content-Type": "text/plain" };
  for (const version of ["2017-03-01", "2020-07-01"]) {
    const path = `/metadata/scheduledevents?api-version=${version}`;
    assert.is((await ask(service.server.url(), path, { method: "POST", body, headers: simple })).status, 400);
    const rebound = { ...simple, Metadata: "true" };
    assert.is((await ask(service.server.url(), path, { method: "POST", body, headers: rebound })).status, 400);
    const asking = { Origin: "http://evil.example", "Access-Control-Request-Headers": "metadata" };
    const answer = await ask(service.server.url(), path, { method: "OPTIONS", headers: asking });
    assert.is(answer.status, 405);
    assert.is(answer.headers["access-control-allow-origin"], undefined);
  }
  assert.not.ok(events.list()[0]!.approved);
});

hostile("nothing outside the loopback interface listens unless it is told to", async ({ service }) => {
  const own = await service.server.listen({ guest: "orders_0" });
  assert.is(service.server.host, "127.0.0.1");
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address);
  // Other addresses of the loopback network count as outside, too: somebody may route them.
  for (const host of [...addresses, "127.0.0.2"]) {
    for (const port of [service.server.port, own.port]) {
      const code = await new Promise((resolve) => {
        const socket = connect({ host, port });
        socket.on("connect", () => resolve("connected"));
        socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      });
      assert.is.not(code, "connected", `${host}:${port}`);
    }
  }
  await using wide = await serveMetadata(new Bulletin({ a: 1 }), { host: "127.0.0.2" });
  assert.is(wide.address, `127.0.0.2:${wide.port}`);
  assert.is((await ask(wide.url())).status, 200);
});

hostile("a port that is taken, and options that make no sense, are refused", async ({ service, port }) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.on("listening", resolve));
  const { port: foreign } = taken.address() as { port: number };
  const fleet = new Bulletin({ a: 1 });
  const wrong: (() => Promise<unknown>)[] = [
    () => serveMetadata(fleet, { port }),
    () => serveMetadata(fleet, { port: foreign }),
    () => serveMetadata(fleet, { port: -1 }),
    () => serveMetadata(fleet, { host: "256.0.0.1" }),
    () => serveMetadata(fleet, { limits: { connectionsMax: 0 } }),
    () => serveMetadata(fleet, { limits: { bodyBytesMax: Number.NaN } }),
    () => service.server.listen({ guest: "" }),
    () => service.server.listen({ guest: "a", port }),
    () => service.server.listen({ guest: "a", port: 1, socketPath: "/nowhere/x" }),
    () => service.server.listen({ guest: "a", socketPath: "/nowhere/x" }),
  ];
  for (const open of wrong) assert.is(await codeOf(open()), "SP_CONFIG_INVALID", `${open}`);
  taken.close();
});

hostile(
  "a closed server lets go of everything, callers in the middle of a request included",
  async ({ service, port }) => {
    const own = await service.server.listen({ guest: "orders_0" });
    const middle = [held(port, GOOD), held(own.port, `${POST}Content-Length: 5\r\n\r\n{`)];
    assert.is((await ask(service.server.url())).status, 200);
    await Promise.all([service.server.close(), service.server.close()]);
    for (const { closed } of middle) await closed;
    assert.is(await codeOf(ask(service.server.url())), "ECONNREFUSED");
    assert.is(await codeOf(service.server.listen({ guest: "orders_0" })), "SP_CONFIG_INVALID");
  },
);

hostile.run();
