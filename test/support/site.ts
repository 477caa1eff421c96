/**
 * A server of files on loopback for pages of a browser: with the headers that isolate them, or without. TypeScript is served
 * without its types, so that a page runs the same test files as Node.
 */

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";

const PROJECT = new URL("../../", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript",
  ".wasm": "application/wasm",
};

/** For import maps: what Node's side imports, and what a page has in its place. */
export const LIBRARY_OF_PAGES = { "/dist/index.js": "/dist/browser/stillpoint.js" };

export interface Site extends AsyncDisposable {
  readonly url: URL;
}

export interface SiteOptions {
  /** The project unless told otherwise. */
  readonly root?: URL;
  readonly isolated?: boolean;
  /** Answers to paths that are no files: a page's HTML, or what is made of a request's body. */
  readonly answers?: Readonly<
    Record<string, string | ((body: string) => string | Uint8Array | Promise<string | Uint8Array>)>
  >;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return body;
}

export async function openSite({ root = PROJECT, isolated = true, answers = {} }: SiteOptions = {}): Promise<Site> {
  const fileOf = async (path: string): Promise<string | Uint8Array> => {
    const bytes = await readFile(new URL(`.${path}`, root));
    return extname(path) === ".ts" ? stripTypeScriptTypes(bytes.toString()) : bytes;
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    try {
      const answer = answers[pathname];
      const body =
        answer === undefined
          ? await fileOf(pathname)
          : typeof answer === "string"
            ? answer
            : await answer(await bodyOf(request));
      response.setHeader("Content-Type", TYPES[extname(pathname)] ?? "text/html; charset=utf-8");
      response.end(body);
    } catch (error) {
      response.statusCode = 404;
      response.end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
