/**
 * `stillpoint serve`: a process that runs a fleet as a file says, tells its guests what is going to happen to them, and is controlled by a
 * unix socket.
 *
 *   configuration ─▶ control socket taken ─▶ fleet (journal) ─▶ metadata service ─▶ guests booted ─▶ "serving"
 *   SIGTERM, SIGINT ─▶ nothing new ─▶ farewell ─▶ sockets closed ─▶ 0;  once more: at once, 128 and the signal's number
 *
 * The socket comes first, because it is what keeps a second process from the same fleet.
 */

import { once } from "node:events";
import { rm } from "node:fs/promises";
import type { AddressInfo, Server } from "node:net";
import { Fleet, type MetadataServer, serveMetadata } from "../../node.ts";
import { CommandError, SIGNAL_STATUS } from "../exit-status.ts";
import { createApi } from "./api.ts";
import { type Configuration, readConfiguration } from "./configuration.ts";
import { controlServer, metricsServer } from "./control-server.ts";
import { dashboardServer, readToken } from "./dashboard.ts";
import { farewell } from "./farewell.ts";
import { Feed } from "./feed.ts";
import { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { RaisedEvents } from "./raised-events.ts";
import { Residences } from "./residences.ts";
import { listenAt } from "./unix-socket.ts";
import { WaveBook } from "./wave-book.ts";
import { ApiError, wireText } from "./wire.ts";

type Api = ReturnType<typeof createApi>;

/** Resolves with the first signal to end; the second one ends the process on the spot. */
function endAsked(): Promise<string> {
  return new Promise((resolve) => {
    for (const [signal, status] of Object.entries(SIGNAL_STATUS)) {
      process.once(signal, () => {
        resolve(signal);
        process.once(signal, () => process.exit(status));
      });
    }
  });
}

async function listenTcp(server: Server, { host = "127.0.0.1", port = 0 }: { host?: string; port?: number }) {
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (error) {
    throw new CommandError(`cannot listen on ${host}:${port}: ${(error as Error).message}`);
  }
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

async function listenForGuests(metadata: MetadataServer, { guests }: Configuration, log: Log): Promise<void> {
  for (const { boot, metadata: place, error } of guests) {
    if (place === undefined) continue;
    try {
      const { url, socketPath } = await metadata.listen({ guest: boot.name, ...place });
      log.info("metadata for one guest", { guest: boot.name, url, ...(socketPath !== undefined && { socketPath }) });
    } catch (cause) {
      throw error("metadata", (cause as Error).message);
    }
  }
}

/** What an earlier process was in the middle of. */
function tellInterrupted(fleet: Fleet, log: Log): void {
  for (const { startedAt, ...wave } of fleet.interrupted) {
    log.warn("a wave was interrupted by the end of its process", { ...wave, startedAt: startedAt.toISOString() });
  }
}

/** Serves the fleet until a signal has ended it. */
export async function serve(file: string): Promise<void> {
  const configuration = await readConfiguration(file);
  const log = new Log();
  // Whoever read what guests print has gone. They go on.
  process.stdout.on("error", () => undefined);
  const startedAt = new Date().toISOString();
  const asked = endAsked();
  let api: Api | undefined;
  let closing = false;
  const answer: Api = (...request) => {
    if (api === undefined) throw new ApiError(503, "SP_BOOTING", "this fleet is being booted");
    return api(...request);
  };
  await using stack = new AsyncDisposableStack();
  const control = controlServer(async (...request) => answer(...request), log);
  await listenAt(control, configuration.socket);
  stack.defer(async () => {
    control.close();
    control.closeAllConnections();
    await rm(configuration.socket, { force: true });
  });

  const fleet = stack.use(await Fleet.open(configuration.fleet));
  tellInterrupted(fleet, log);
  const residences = stack.adopt(new Residences(fleet, log), (all) => all.close());
  const metrics = stack.adopt(new Metrics(fleet, { tracked: (guest) => residences.tracked(guest) }), (all) =>
    all.close(),
  );
  const waves = new WaveBook(fleet, log, metrics);
  const events = new RaisedEvents(fleet, log);
  const metadata = stack.use(await serveMetadata(fleet, configuration.metadata));
  await listenForGuests(metadata, configuration, log);
  await residences.boot(configuration.guests);

  const status = () => ({
    pid: process.pid,
    startedAt,
    metadata: metadata.url(),
    guests: fleet.guests.size,
    interrupted: fleet.interrupted,
  });
  api = createApi({ fleet, residences, waves, events, metrics, status, closing: () => closing });
  let metricsUrl: string | undefined;
  if (configuration.metrics !== undefined) {
    const server = stack.adopt(metricsServer(answer, log), (one) => void one.close().closeAllConnections());
    metricsUrl = `${await listenTcp(server, configuration.metrics)}/metrics`;
  }
  let dashboardUrl: string | undefined;
  if (configuration.dashboard !== undefined) {
    const { tokenFile, ...address } = configuration.dashboard;
    const { host = "127.0.0.1" } = address;
    const token = tokenFile && (await readToken(tokenFile));
    const shown = () =>
      wireText({
        guests: residences.list(),
        waves: waves.list(),
        document: fleet.events.document(),
        control: token !== undefined,
      });
    const feed = stack.adopt(new Feed(shown), (one) => one.close());
    const server = stack.adopt(
      await dashboardServer({ host, token, feed, api: answer, log }),
      (one) => void one.close().closeAllConnections(),
    );
    dashboardUrl = await listenTcp(server, address);
  }
  log.info("serving", {
    socket: configuration.socket,
    metadata: metadata.url(),
    ...(metricsUrl && { metrics: metricsUrl }),
    ...(dashboardUrl && { dashboard: dashboardUrl }),
    guests: fleet.guests.size,
  });

  const signal = await asked;
  closing = true;
  log.info("ending", { signal, ...configuration.shutdown });
  await farewell(fleet, configuration.shutdown, log);
  log.info("ended");
}
