// Goal: what a page downloads stays small. Method: the one file that pages and their Workers load, with the core in it and no guest,
// is compressed as servers do it; it asks for nothing else.

import { readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as library from "../../dist/index.js";

const BROWSER = new URL("../../dist/browser/", import.meta.url);

/** What the project has promised. */
const BROTLI_BYTES_MAX = 60_000;

const size = suite("size");

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

size("library and core are a small download for a page", () => {
  assert.equal(readdirSync(BROWSER).sort(), ["index.js", "stillpoint.js"]);
  const code = readFileSync(new URL("stillpoint.js", BROWSER));
  const brotli = brotliCompressSync(code).length;
  console.log(
    `# ${kilobytes(brotli)} by brotli, ${kilobytes(gzipSync(code).length)} by gzip, ${kilobytes(code.length)} unpacked`,
  );
  assert.ok(brotli < BROTLI_BYTES_MAX, `${brotli} bytes`);
  assert.not.match(code.toString(), /\bfetch\(/);
});

size("and export what the library does on Node", async () => {
  for (const file of ["index.js", "stillpoint.js"]) {
    const source = readFileSync(new URL(file, BROWSER), "utf8");
    for (const name of Object.keys(library)) assert.match(source, new RegExp(`\\b${name}\\b`), file);
  }
});

size.run();
