/**
 * The dashboard of a fleet: the page that the package brings, what it shows, and the control API for whoever has the token.
 *
 *   GET / and its files   the page, built from demo/page/
 *   GET /feed             what it shows: feed.ts
 *   anything under /v1    the control API (api.ts), with `Authorization: Bearer TOKEN`; for nobody where the file names no token
 *
 * It listens on loopback unless the file says otherwise. A page of another site may make a browser ask here: such a request has no
 * token, since nothing but the header counts; no answer allows another origin to read it; and a name of somebody else's that was
 * made to point here is refused.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../exit-status.ts";
import { type Api, answerApi, pathOf, refuse } from "./control-server.ts";
import type { Feed } from "./feed.ts";
import type { Log } from "./log.ts";
import { ApiError } from "./wire.ts";

/** Where the build puts the page. */
const FILES = new URL("../../dashboard/", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
};

/** Of the page: nothing but what is served here. */
const HEADERS = {
  "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
} as const;

const LOOPBACK: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

const CONNECTIONS_MAX = 256;
const HEADER_BYTES_MAX = 8192;
/** For a request to arrive, from the beginning of its connection. */
const REQUEST_MS = 3000;
const LOOK_MS = 1000;

const TOKEN_LENGTH_MIN = 16;

/** @throws {CommandError} */
export async function readToken(file: string): Promise<string> {
  let token: string;
  try {
    token = (await readFile(file, "utf8")).trim();
  } catch (error) {
    throw new CommandError(`cannot read the dashboard's token: ${(error as Error).message}`);
  }
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= TOKEN_LENGTH_MIN) return token;
  throw new CommandError(`${file}: a token has at least ${TOKEN_LENGTH_MIN} characters of ASCII, and no spaces`);
}

interface PageFile {
  readonly body: Buffer;
  readonly type: string;
}

/** All files of the page, by path: what is not among them cannot be asked for. */
async function readFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const names = await readdir(FILES, { recursive: true }).catch(() => {
    throw new CommandError("this build of stillpoint has no dashboard: `npm run build` makes it");
  });
  const served = names.filter((name) => extname(name) in TYPES);
  const files = await Promise.all(
    served.map(async (name) => {
      const body = await readFile(join(fileURLToPath(FILES), name));
      return [`/${name.replaceAll("\\", "/")}`, { body, type: TYPES[extname(name)]! }] as const;
    }),
  );
  return new Map(files);
}

export interface DashboardOptions {
  /** What it is told to listen on. */
  readonly host: string;
  readonly token: string | undefined;
  readonly feed: Feed;
  readonly api: Api;
  readonly log: Log;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** A server that does not listen yet. */
export async function dashboardServer({ host, token, feed, api, log }: DashboardOptions): Promise<Server> {
  const files = await readFiles();
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`);
  const names = LOOPBACK.includes(host) ? LOOPBACK : undefined;

  const check = ({ headers }: IncomingMessage): void => {
    if (expected === undefined) {
      throw new ApiError(403, "read-only", "this dashboard only shows: the configuration has no dashboard.tokenFile");
    }
    // Digests are of one length, and are compared in one time.
    if (!timingSafeEqual(digest(headers.authorization ?? ""), expected)) {
      throw new ApiError(401, "unauthorized", "this needs the dashboard's token, as Authorization: Bearer TOKEN");
    }
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = URL.parse(`http://${request.headers.host ?? ""}`)?.hostname ?? "";
    if (names?.includes(asked) === false) {
      throw new ApiError(403, "host-unknown", "this dashboard is on loopback, and is asked for by a name of it");
    }
    const path = pathOf(request);
    if (path.startsWith("/v1/")) {
      check(request);
      return answerApi(request, response, api, log);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw new ApiError(405, "method-not-allowed", `${path} can be read`);
    }
    if (path === "/feed" && request.method === "GET") {
      if (feed.full) throw new ApiError(503, "too-many", "too many dashboards are open");
      return feed.serve(response, Number(request.headers["last-event-id"] ?? Number.POSITIVE_INFINITY));
    }
    const file = files.get(path === "/" ? "/dashboard.html" : path);
    if (file === undefined) throw new ApiError(404, "not-found", `there is no ${path}`);
    response.writeHead(200, { ...HEADERS, "Content-Type": file.type, "Content-Length": file.body.length });
    response.end(request.method === "HEAD" ? undefined : file.body);
  };

  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: LOOK_MS,
    },
    (request, response) => {
      response.on("error", () => undefined);
      answer(request, response).catch((error) => refuse(request, response, error, log));
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}
