/** In the place of node:fs: files of the project, as the site has them. */

import { bytesOf } from "./bytes.ts";

export function readFileSync(url: URL): Uint8Array<ArrayBuffer> {
  return bytesOf("GET", url);
}
