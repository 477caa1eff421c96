/** The body of a request, as long as it is small. */

import type { IncomingMessage } from "node:http";

/** Never rejects. Stops keeping what it reads once it is too much; a caller that stops sending is ended by the server's time limit. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array | "too large" | "gone"> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return Promise.resolve("too large");
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    request.on("data", (chunk: Uint8Array) => {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) return void chunks.push(chunk);
      chunks.length = 0;
      request.pause();
      resolve("too large");
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    // Also after the end, when it comes too late to matter.
    request.on("error", () => resolve("gone"));
    request.on("close", () => resolve("gone"));
  });
}
