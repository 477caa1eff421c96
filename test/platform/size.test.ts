// Goal: what a page downloads stays small. Method: a page that uses all of the library is made small as a bundler does it, each
// Worker whole by itself, and compressed; no guest is in it. What only a trap makes it load is counted apart.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const DIST = new URL("../../dist/", import.meta.url);
const WORKERS = ["guest/worker", "workshop"];

/** All but prepareSync(), which a page has no use for: it would stand still. */
const PAGE = 'export { capabilities, Fleet, Image, prepare, StillpointError } from "./index.js";';

/** A little above what it is. */
const BROTLI_BYTES_MAX = 79_000;

const size = suite("size");

const file = (name: string): string => fileURLToPath(new URL(name, DIST));

/** The chunks of an entry, made small, by file name. */
async function bundled(entry: string, source?: string): Promise<ReadonlyMap<string, OutputChunk>> {
  const given = {
    name: "given",
    load: (id: string) => (id === entry ? source : undefined),
  };
  const bundle = await rolldown({
    input: entry,
    platform: "browser",
    external: [/platform\/node\.js$/],
    plugins: source === undefined ? [] : [{ ...given, resolveId: (id: string) => (id === entry ? id : undefined) }],
  });
  const { output } = await bundle.generate({ minify: true });
  return new Map(output.filter((piece) => piece.type === "chunk").map((chunk) => [chunk.fileName, chunk]));
}

/** What is loaded at once; the platform of browsers counts, since it always comes. */
function atOnce(chunks: ReadonlyMap<string, OutputChunk>): Set<OutputChunk> {
  const loaded = new Set<OutputChunk>();
  const load = (chunk: OutputChunk | undefined): void => {
    if (chunk === undefined || loaded.has(chunk)) return;
    loaded.add(chunk);
    for (const name of chunk.imports) load(chunks.get(name));
  };
  for (const chunk of chunks.values()) if (chunk.isEntry || chunk.name === "browser") load(chunk);
  return loaded;
}

const brotliOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((bytes, piece) => bytes + brotliCompressSync(piece).length, 0);
const gzipOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((bytes, piece) => bytes + gzipSync(piece).length, 0);
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
const code = (chunks: Iterable<OutputChunk>): Buffer[] => Array.from(chunks, (chunk) => Buffer.from(chunk.code));

size("library and core are a small download for a page", async () => {
  const page = await bundled(file("page.js"), PAGE);
  const pageAtOnce = atOnce(page);
  const parts: [string, Uint8Array[]][] = [["page", code(pageAtOnce)]];
  for (const name of WORKERS) {
    const chunks = await bundled(file(`${name}.js`));
    assert.is(atOnce(chunks).size, chunks.size, `${name} has a part that nothing loads`);
    parts.push([name, code(chunks.values())]);
  }
  parts.push(["core", ["core.wasm", "scan.wasm"].map((name) => readFileSync(file(name)))]);
  const all = parts.flatMap(([, pieces]) => pieces);
  const later = code([...page.values()].filter((chunk) => !pageAtOnce.has(chunk)));
  const brotli = brotliOf(all);
  console.log(
    `# ${kilobytes(brotli)} by brotli, ${kilobytes(gzipOf(all))} by gzip: ${parts.map(([name, pieces]) => `${name} ${kilobytes(brotliOf(pieces))}`).join(", ")}; when a guest traps ${kilobytes(brotliOf(later))} more`,
  );
  // Less than half of it would mean that something was not found.
  assert.ok(brotli < BROTLI_BYTES_MAX && brotli > BROTLI_BYTES_MAX / 2, `${brotli} bytes`);
  assert.ok(later.length > 0, "what maps the offsets of traps comes later");
});

size.run();
