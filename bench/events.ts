/**
 * What does it cost to ask what is planned?
 *
 * The metadata service and a bare `node:http` server that sends the same bytes run in one process of their own, and are asked for the
 * document over 16 connections that stay open; each has its turns in rounds. The time is that of a batch of requests, divided. The
 * request is a usual one, the document names two guests. What the service does beyond the bare server: it reads the target, finds
 * out who asks, counts it, checks headers and version, and finds the document for the version and set.
 *
 * The document is kept until something changes. What making it costs is asked apart: an event is announced or withdrawn in a fleet of
 * 10 000 guests in 20 update domains that are all announced, and the document is made anew, for all versions of the protocol.
 *
 * It would change with: the number of connections (with one alone the network's round trip is most of it), other loads on the
 * same two cores (the asker has one of them).
 */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { EVENT_VERSIONS } from "../dist/schedule/document.js";
import { ScheduledEvents } from "../dist/schedule/events.js";
import { Placements } from "../dist/schedule/placement.js";
import { VirtualClock } from "../test/support/clock.ts";
import { PATH } from "../test/support/metadata.ts";
import { HttpLoad } from "./support/http-load.ts";
import type { Ports } from "./support/http-servers.ts";
import { noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Question, Run } from "./support/question.ts";
import { type Candidate, type Measured, measureRounds, ratio } from "./support/rounds.ts";

const CONNECTIONS = 16;
const GUESTS = 10_000;
const DOMAINS = 20;
/** The bar is 0.7 of the bare server's requests per second. */
const SLOWER_MAX = 1 / 0.7;

const OPERATORS = "the service, as operators ask";
const GUEST = "the service, as a guest asks";
const FLOOR = "floor: a bare server, the same bytes";
const AGAIN = `${FLOOR}, again`;

async function requests({ full, random, progress }: Run): Promise<ReadonlyMap<string, Measured>> {
  const child = fork(fileURLToPath(new URL("./support/http-servers.ts", import.meta.url)));
  try {
    const { metadata, bare } = await new Promise<Ports>((resolve, reject) => {
      child.once("message", (ports) => resolve(ports as Ports));
      child.once("exit", () => reject(new Error("the servers did not start")));
    });
    const batch = full ? 2000 : 400;
    const candidate = async (name: string, port: number, path: string): Promise<Candidate & { close(): void }> => {
      const load = await HttpLoad.open(port, path, { connections: CONNECTIONS });
      return { name, measure: async () => (await load.ask(batch)) / batch, close: () => load.close() };
    };
    const candidates = await Promise.all([
      candidate(OPERATORS, metadata, PATH),
      candidate(GUEST, metadata, `/guests/orders_0${PATH}`),
      candidate(FLOOR, bare, PATH),
      candidate(AGAIN, bare, PATH),
    ]);
    const measured = await measureRounds(candidates, {
      rounds: full ? 15 : 5,
      iterations: full ? 5 : 3,
      warmups: full ? 10 : 5,
      random,
      progress,
    });
    for (const one of candidates) one.close();
    return measured;
  } finally {
    child.disconnect();
  }
}

/** Times of making the document of a large fleet, ms, by version. */
function documents({ full }: Run): ReadonlyMap<string, readonly number[]> {
  const placements = new Placements({ updateDomainCount: DOMAINS });
  const names = Array.from({ length: GUESTS }, (_, index) => `orders_${index}`);
  for (const name of names) placements.place(name, { set: "orders" });
  const events = new ScheduledEvents({ clock: new VirtualClock(), placements });
  for (let domain = 0; domain < DOMAINS; domain++) {
    const resources = names.filter((name) => placements.of(name)!.updateDomain === domain);
    events.schedule({ type: "Freeze", resources, description: "Runtime is being replaced." });
  }
  const times = new Map(EVENT_VERSIONS.map((version) => [version, [] as number[]] as const));
  for (let round = 0; round < (full ? 100 : 10); round++) {
    const more = events.schedule({ type: "Freeze", resources: ["orders_0"] });
    for (const [version, own] of times) {
      const from = performance.now();
      const bytes = Buffer.byteLength(JSON.stringify(events.document(version, { set: "orders" })));
      own.push(performance.now() - from);
      if (bytes < GUESTS * "orders_0".length) throw new Error(`a document of ${bytes} bytes cannot name all guests`);
    }
    more.cancel();
  }
  return times;
}

async function ask(run: Run): Promise<Answer> {
  const measured = await requests(run);
  const made = documents(run);
  const floor = measured.get(FLOOR)!;
  const all = [...made.values()].flat();
  return {
    tables: [
      {
        title: `Requests for the document over ${CONNECTIONS} connections`,
        columns: [
          { key: "name", title: "asked" },
          { key: "perSecond", title: "requests per second, p50", digits: 0, moreIsBetter: true },
          { key: "p99", title: "slowest batch in 100, per second", digits: 0, moreIsBetter: true },
          { key: "share", title: "of the floor", digits: 2, moreIsBetter: true },
          { key: "samples", title: "batches" },
        ],
        rows: [OPERATORS, GUEST, FLOOR, AGAIN].map((name) => {
          const own = measured.get(name)!;
          return {
            name,
            perSecond: 1000 / quantile(own.samples, 0.5),
            p99: 1000 / quantile(own.samples, 0.99),
            share: 1 / ratio(own, floor),
            samples: own.samples.length,
          };
        }),
      },
      {
        title: `Making the document of ${GUESTS} resources in ${DOMAINS} events anew, ms`,
        columns: [
          { key: "version", title: "version" },
          { key: "p50", title: "p50", digits: 2 },
          { key: "p99", title: "p99", digits: 2 },
          { key: "max", title: "max", digits: 2 },
          { key: "samples", title: "samples" },
        ],
        rows: [...made].map(([version, times]) => ({
          version,
          p50: quantile(times, 0.5),
          p99: quantile(times, 0.99),
          max: quantile(times, 1),
          samples: times.length,
        })),
      },
    ],
    figures: [
      {
        name: "time of a request, the slower of both ways, against a bare server",
        value: Math.max(...[GUEST, OPERATORS].map((name) => ratio(measured.get(name)!, floor))),
        unit: "x",
        atMost: SLOWER_MAX,
        noise: noiseOf(ratio(measured.get(AGAIN)!, floor)),
      },
      { name: `document of ${GUESTS} resources, p99`, value: quantile(all, 0.99), unit: "ms", atMost: 50 },
    ],
    notes: ["The bar for requests is 0.7 of the bare server's per second, which is 1.43 times its time."],
  };
}

export const question: Question = { chapter: "growth", title: "What does it cost to ask what is planned?", ask };
