/** In the place of test/support/assemble.ts, whose assemblers run on the other side. */

import { bytesOf } from "./bytes.ts";

export function assemble(text: string): Uint8Array<ArrayBuffer> | undefined {
  return bytesOf("POST", "/assemble", text);
}
