/** The HTTP around the control API: requests in, answers out, and nothing of what they mean. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Answer } from "./api.ts";
import { fieldsOf, type Log } from "./log.ts";
import { ApiError, statusOf, wireError, wireText } from "./wire.ts";

const BODY_BYTES_MAX = 1 << 20;
const JSON_TYPE = "application/json";

export type Api = (method: string, path: string, body: Readonly<Record<string, unknown>>) => Promise<Answer>;

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new ApiError(413, "too-large", `a body has at most ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new ApiError(400, "SP_CONFIG_INVALID", "the body is no JSON");
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw new ApiError(400, "SP_CONFIG_INVALID", "the body must be an object");
}

export function pathOf({ url = "" }: IncomingMessage): string {
  return URL.parse(url, "http://localhost")?.pathname ?? "";
}

async function write(response: ServerResponse, answer: Answer): Promise<void> {
  if ("lines" in answer) {
    response.writeHead(200, { "Content-Type": "application/x-ndjson" });
    for await (const line of answer.lines) {
      if (response.destroyed) return;
      response.write(`${line}\n`);
    }
    response.end();
  } else if ("text" in answer) {
    response.writeHead(200, { "Content-Type": answer.contentType }).end(answer.text);
  } else {
    response.writeHead(answer.status ?? 200, { "Content-Type": JSON_TYPE }).end(`${wireText(answer.json)}\n`);
  }
}

/** Answers with what went wrong. */
export function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, log: Log): void {
  const status = error instanceof URIError ? 400 : statusOf(error);
  if (status === 500)
    log.error("a request failed", { request: `${request.method} ${request.url}`, ...fieldsOf(error) });
  if (response.headersSent) return void response.destroy();
  // What is refused unread, such as a body that is too large, leaves a connection of no use.
  const close = !request.complete;
  response.writeHead(status, { "Content-Type": JSON_TYPE, ...(close && { Connection: "close" }) });
  response.end(`${JSON.stringify({ error: wireError(error) })}\n`);
}

export async function answerApi(request: IncomingMessage, response: ServerResponse, api: Api, log: Log): Promise<void> {
  response.on("error", () => undefined);
  try {
    await write(response, await api(request.method ?? "", pathOf(request), await bodyOf(request)));
  } catch (error) {
    refuse(request, response, error, log);
  }
}

/** A server that does not listen yet. */
export function controlServer(api: Api, log: Log): Server {
  return createServer((request, response) => void answerApi(request, response, api, log));
}

/** Only what is there to be read by anybody: for Prometheus, on a port. */
export function metricsServer(api: Api, log: Log): Server {
  return createServer((request, response) => {
    if (pathOf(request) === "/metrics" && request.method === "GET") return void answerApi(request, response, api, log);
    response.writeHead(404, { "Content-Type": JSON_TYPE }).end('{"error":{"code":"not-found"}}\n');
  });
}
