/**
 * Scheduled events over HTTP, for clients that were written for the cloud's instance metadata service.
 *
 * Who is asking is known by where it asks: a guest has a listener of its own (a port, or a unix socket), or a path on the common one,
 * `/guests/NAME/metadata/…`. At the root of the common listener stand the operators, who see the fleet and whose approval is the
 * platform's. A path is an address and no wall: who can reach the common listener can be anybody there. Only a listener of its own
 * keeps a guest to itself.
 *
 * Listens on the loopback interface unless it is told otherwise. The original's habit of switching itself off is not imitated: the first
 * answer is as quick as any, and there is one after days of silence.
 */

import { checkCount, invalid } from "../checks.ts";
import { Endpoint, type MetadataSource } from "./endpoint.ts";
import { type ConnectionLimits, Listener, type Place } from "./listener.ts";

export interface MetadataLimits {
  /** Of each guest; operators have no such limit. Default 5, as in the original. */
  readonly requestsPerSecond?: number;
  /** Default 64 KiB. */
  readonly bodyBytesMax?: number;
  /** Default 8 KiB. */
  readonly headerBytesMax?: number;
  /** Of each listener; beyond it, the connection that has been silent for longest is closed. Default 256. */
  readonly connectionsMax?: number;
  /** For a request to arrive. Default 10 s. */
  readonly requestMs?: number;
  /** For which a connection may ask nothing. Default 30 s. */
  readonly idleMs?: number;
}

export interface MetadataOptions {
  /** Default "127.0.0.1". */
  readonly host?: string;
  /** Default 0: any that is free. */
  readonly port?: number;
  readonly limits?: MetadataLimits;
}

/** Where a guest's own listener is: on a port, or at a path in the file system. */
export interface ListenOptions {
  readonly guest: string;
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string;
}

/** A guest's own listener. */
export interface MetadataListener extends AsyncDisposable {
  readonly guest: string;
  /** What stands before `/metadata/…`; of a unix socket, `http://localhost`. */
  readonly url: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  close(): Promise<void>;
}

export interface MetadataServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `HOST:PORT`. */
  readonly address: string;
  /**
   * What stands before `/metadata/…` on the common listener: for operators, or for a guest.
   *
   * @throws {StillpointError} SP_CONFIG_INVALID for a name that cannot stand in a path (`.` and `..`)
   */
  url(guest?: string): string;
  /**
   * Opens a listener for one guest, whether it is there yet or not; while it is not, callers are told to come again.
   *
   * @throws {StillpointError} SP_CONFIG_INVALID: it cannot listen there
   */
  listen(options: ListenOptions): Promise<MetadataListener>;
  /** Closes all listeners. */
  close(): Promise<void>;
}

const DEFAULTS: Required<MetadataLimits> = {
  requestsPerSecond: 5,
  bodyBytesMax: 64 * 1024,
  headerBytesMax: 8 * 1024,
  connectionsMax: 256,
  requestMs: 10_000,
  idleMs: 30_000,
};

const LOOPBACK = "127.0.0.1";

function checkPort(port: number): number {
  checkCount(port, "port", { max: 65_535 });
  return port;
}

function checkLimits(limits: MetadataLimits): Required<MetadataLimits> {
  const all = { ...DEFAULTS, ...limits };
  for (const [name, value] of Object.entries(all)) {
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw invalid(`${name} is ${value}; it must be a whole number, 1 or more`);
  }
  return all;
}

function addressOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Serves a fleet's scheduled events, and to each guest its own name and domains.
 *
 * The server keeps the process alive until it is closed. It outlives the fleet if nobody closes it, and then has nothing to tell.
 *
 * @throws {StillpointError} SP_CONFIG_INVALID: it cannot listen there
 */
export async function serveMetadata(
  fleet: MetadataSource,
  { host = LOOPBACK, port = 0, limits }: MetadataOptions = {},
): Promise<MetadataServer> {
  const checked = checkLimits(limits ?? {});
  const endpoint = new Endpoint(fleet, checked);
  const listeners = new Set<Listener>();
  const open = async (place: Place, own?: string): Promise<Listener> => {
    const listener = await Listener.open(place, checked satisfies ConnectionLimits, (request) =>
      endpoint.answer(request, own),
    );
    listeners.add(listener);
    return listener;
  };
  const common = await open({ host, port: checkPort(port) });
  const address = addressOf(host, common.port);
  let closed = false;
  const close = async (): Promise<void> => {
    closed = true;
    await Promise.all([...listeners].map((listener) => listener.close()));
  };

  const listen = async ({ guest, socketPath, ...at }: ListenOptions): Promise<MetadataListener> => {
    if (closed) throw invalid("the server is closed");
    if (typeof guest !== "string" || guest === "") throw invalid("a listener needs the name of its guest");
    if (socketPath !== undefined && (at.host ?? at.port) !== undefined) {
      throw invalid("a listener is on a port or at a path, not both");
    }
    const own = { host: at.host ?? LOOPBACK, port: checkPort(at.port ?? 0) };
    const listener = await open(socketPath === undefined ? own : { socketPath }, guest);
    const closeOwn = async (): Promise<void> => {
      listeners.delete(listener);
      await listener.close();
    };
    if (closed) {
      await closeOwn();
      throw invalid("the server is closed");
    }
    return {
      guest,
      url: socketPath === undefined ? `http://${addressOf(own.host, listener.port)}` : "http://localhost",
      port: listener.port,
      socketPath,
      close: closeOwn,
      [Symbol.asyncDispose]: closeOwn,
    };
  };

  return {
    host,
    port: common.port,
    address,
    url: (guest) => {
      if (guest === undefined) return `http://${address}`;
      if (guest === "." || guest === "..") throw invalid(`a guest named ${guest} needs a listener of its own`);
      return `http://${address}/guests/${encodeURIComponent(guest)}`;
    },
    listen,
    close,
    [Symbol.asyncDispose]: close,
  };
}
