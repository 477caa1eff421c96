/** A metadata server over a fleet on paper, and callers that send exactly what they are told to. */

import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { type MetadataOptions, type MetadataServer, serveMetadata } from "../../dist/node.js";
import type { EventsOptions } from "../../dist/schedule/events.js";
import { Bulletin } from "./bulletin.ts";

export const VERSION = "2020-07-01";
export const PATH: string = `/metadata/scheduledevents?api-version=${VERSION}`;

export interface Served extends AsyncDisposable {
  readonly bulletin: Bulletin;
  readonly server: MetadataServer;
}

export async function served(
  sets: Readonly<Record<string, number>>,
  { limits, ...options }: Partial<EventsOptions> & Pick<MetadataOptions, "limits"> = {},
): Promise<Served> {
  const bulletin = new Bulletin(sets, options);
  const server = await serveMetadata(bulletin, limits === undefined ? {} : { limits });
  return { bulletin, server, [Symbol.asyncDispose]: () => server.close() };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly socketPath?: string;
}

/** Asks with the header that callers send, unless others are given. The path goes out as it stands here. */
export function ask(base: string, path: string = PATH, question: Question = {}): Promise<Answer> {
  const { method = "GET", headers = { Metadata: "true" }, body, socketPath } = question;
  const { hostname, port, pathname } = new URL(base);
  const prefix = pathname === "/" ? "" : pathname;
  return new Promise((resolve, reject) => {
    const at = socketPath === undefined ? { hostname, port } : { socketPath };
    const sent = request({ ...at, path: path.startsWith("/") ? prefix + path : path, method, headers, agent: false });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body: text }));
    });
    sent.end(body);
  });
}

export function approve(base: string, ids: readonly string[], question: Question = {}): Promise<Answer> {
  const body = JSON.stringify({ StartRequests: ids.map((EventId) => ({ EventId })) });
  return ask(base, PATH, { method: "POST", body, ...question });
}

/** Sends these bytes and answers what comes back until the server closes. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.setEncoding("latin1").on("data", (chunk) => (text += chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}
