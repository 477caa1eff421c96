// Goal: what a page downloads stays small. Method: the library, its Workers and the core are bundled and made small as a site would
// do it, each piece once, and compressed; no guest is in it.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const DIST = new URL("../../dist/", import.meta.url);
const ENTRIES = ["index", "guest/worker", "workshop"];

/** A little above what it is. */
const BROTLI_BYTES_MAX = 80_000;

const size = suite("size");

size("library and core are a small download for a page", async () => {
  const input = Object.fromEntries(ENTRIES.map((name) => [name, fileURLToPath(new URL(`${name}.js`, DIST))] as const));
  const bundle = await rolldown({ input, platform: "browser", external: [/platform\/node\.js$/] });
  const { output } = await bundle.generate({ minify: true });
  const pieces = [
    ...output.map((piece) => (piece.type === "chunk" ? Buffer.from(piece.code) : Buffer.from(piece.source))),
    ...["core.wasm", "scan.wasm"].map((name) => readFileSync(new URL(name, DIST))),
  ];
  const sum = (of: (piece: Buffer) => number): number => pieces.reduce((bytes, piece) => bytes + of(piece), 0);
  const brotli = sum((piece) => brotliCompressSync(piece).length);
  const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);
  console.log(
    `# ${pieces.length} files, ${kilobytes(sum((piece) => piece.length))} kB; ${kilobytes(sum((piece) => gzipSync(piece).length))} kB by gzip, ${kilobytes(brotli)} kB by brotli`,
  );
  // Less than half of it would mean that something was not found.
  assert.ok(brotli < BROTLI_BYTES_MAX && brotli > BROTLI_BYTES_MAX / 2, `${brotli} bytes`);
});

size.run();
