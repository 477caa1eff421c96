/** A server of the project's files on loopback, as a page of the browser needs them: with the headers that isolate it, or without. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";

const ROOT = new URL("../../", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

export interface Site extends AsyncDisposable {
  readonly url: URL;
}

/** Serves files under `root` (the project unless told otherwise), and `pages` by their path. */
export async function openSite({
  root = ROOT,
  isolated = true,
  pages = {},
}: {
  root?: URL;
  isolated?: boolean;
  pages?: Readonly<Record<string, string>>;
} = {}): Promise<Site> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    try {
      const body = pages[pathname] ?? (await readFile(new URL(`.${pathname}`, root)));
      response.setHeader("Content-Type", TYPES[extname(pathname)] ?? "text/html");
      response.end(body);
    } catch {
      response.statusCode = 404;
      response.end();
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
