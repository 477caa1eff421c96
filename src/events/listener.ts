/**
 * One listening socket, and what keeps a hostile caller from being everybody's trouble.
 *
 * Headers are small and have little time, and so have bodies; a connection that asks nothing is closed. When there are more connections
 * than allowed, the one that has been silent for longest is dropped, not the newest refused: whoever opens thousands and holds
 * them takes them from itself, and a caller that connects and asks is served.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { invalid } from "../checks.ts";
import { FAILED, type Reply } from "./reply.ts";

export interface ConnectionLimits {
  readonly headerBytesMax: number;
  readonly connectionsMax: number;
  /** For a whole request to arrive, from its first byte; for the first one of a connection, from there. */
  readonly requestMs: number;
  /** Between requests. */
  readonly idleMs: number;
}

export type Place = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export type Answer = (request: IncomingMessage) => Reply | Promise<Reply | undefined>;

/** How often connections are looked at, which is how late one may be ended. */
const LOOK_MS = 1000;

function write(response: ServerResponse, { status, body, contentType, headers, close = false }: Reply): void {
  response.writeHead(status, {
    ...(contentType === undefined ? {} : { "Content-Type": contentType }),
    ...(status === 304 ? {} : { "Content-Length": Buffer.byteLength(body) }),
    ...headers,
    ...(close ? { Connection: "close" } : {}),
  });
  response.end(body);
}

export class Listener {
  readonly #server: Server;
  /** Longest silent first. */
  readonly #connections = new Set<Socket>();

  private constructor(limits: ConnectionLimits, answer: Answer) {
    this.#server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.requestMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(LOOK_MS, limits.requestMs),
    });
    // A caller that takes no answers is as silent as one that asks nothing.
    this.#server.timeout = limits.idleMs;
    // Headers beyond a count would be left out silently, and one of them may forbid what another allows. Their bytes are limited.
    this.#server.maxHeadersCount = 0;
    this.#server.on("connection", (socket) => {
      this.#connections.add(socket);
      socket.on("close", () => this.#connections.delete(socket));
      const [oldest] = this.#connections;
      if (oldest === undefined || this.#connections.size <= limits.connectionsMax) return;
      // It closes later than the next connection may come, which must not find it here.
      this.#connections.delete(oldest);
      oldest.destroy();
    });
    this.#server.on("request", (request, response) => {
      if (this.#connections.delete(request.socket)) this.#connections.add(request.socket);
      void this.#serve(request, response, answer);
    });
  }

  /** @throws {StillpointError} SP_CONFIG_INVALID: it cannot listen there */
  static async open(place: Place, limits: ConnectionLimits, answer: Answer): Promise<Listener> {
    const listener = new Listener(limits, answer);
    const server = listener.#server;
    await new Promise<void>((resolve, reject) => {
      const where = "host" in place ? `${place.host}:${place.port}` : place.socketPath;
      server.on("error", (cause) => {
        reject(invalid(`cannot listen on ${where}: ${cause.message}`, { cause }));
      });
      if ("host" in place) server.listen({ host: place.host, port: place.port }, resolve);
      else server.listen({ path: place.socketPath }, resolve);
    });
    return listener;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
    try {
      const reply = answer(request);
      const ready = reply instanceof Promise ? await reply : reply;
      if (ready !== undefined) write(response, ready);
    } catch (error) {
      // The caller can do nothing about it and others are served all the same; whoever runs the process should know.
      process.emitWarning(error instanceof Error ? error : String(error));
      write(response, FAILED);
    }
  }

  /** Of a unix socket, 0. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? (address as AddressInfo).port : 0;
  }

  /** Answers nothing any more. Whoever is in the middle of a request is cut off. Again: resolves when it is done. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
