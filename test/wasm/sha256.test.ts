// Goal: the digest in an image is SHA-256. Method: against the platform's own, at every length around the edges of a block
// and for megabytes.
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sha256 } from "../../dist/wasm/sha256.js";

const digests = suite("sha256");

const reference = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

digests("equals the platform's at every length up to three blocks", () => {
  for (let length = 0; length <= 192; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 167 + length) & 0xff);
    assert.is(sha256(bytes), reference(bytes));
  }
});

digests("equals the platform's for megabytes, also at an odd place in a buffer", () => {
  const bytes = Uint8Array.from({ length: 3_000_001 }, (_, i) => (i ^ (i >>> 8)) & 0xff);
  assert.is(sha256(bytes), reference(bytes));
  assert.is(sha256(bytes.subarray(13, 1_000_000)), reference(bytes.subarray(13, 1_000_000)));
});

digests.run();
