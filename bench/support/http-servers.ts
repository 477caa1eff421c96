/**
 * A process with two HTTP servers: the metadata service, and a bare one of `node:http` that answers every request with the same bytes,
 * head and body. Started by bench/events.ts with the number of guests in the event; tells the ports, and ends with its parent.
 */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serveMetadata } from "../../dist/node.js";
import { Bulletin } from "../../test/support/bulletin.ts";
import { PATH } from "../../test/support/metadata.ts";

export interface Ports {
  readonly metadata: number;
  readonly bare: number;
}

process.on("disconnect", () => process.exit(0));

const { events, placements } = new Bulletin({ orders: 0 });
const names = ["orders_0", "orders_1"];
for (const name of names) placements.place(name, { set: "orders", updateDomain: 0 });
events.schedule({ type: "Freeze", resources: names, description: "Runtime is being replaced.", durationSeconds: 1 });
// Connections outlive the turns of others.
const IDLE_MS = 3_600_000;
const limits = { requestsPerSecond: Number.MAX_SAFE_INTEGER, idleMs: IDLE_MS };
const server = await serveMetadata({ events, placement: (name) => placements.of(name) }, { limits });

const sample = await fetch(server.url() + PATH, { headers: { Metadata: "true" } });
const body = Buffer.from(await sample.arrayBuffer());
const head = ["Content-Type", "Content-Length", "ETag"].flatMap((name) => [name, sample.headers.get(name)!]);
const bare = createServer((_request, response) => {
  response.writeHead(200, head);
  response.end(body);
});
bare.keepAliveTimeout = IDLE_MS;
await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
process.send?.({ metadata: server.port, bare: (bare.address() as AddressInfo).port } satisfies Ports);
