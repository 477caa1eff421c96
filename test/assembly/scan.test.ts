// Goal: two hashes of a page are equal if and only if the page is. Method: every single-bit change of a page, seeded larger
// ones, words exchanged; equal pages at different addresses; the last page of a 4 GiB memory.

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../support/random.ts";

const PAGE_BYTES = 4096;
const CHANGES = process.env.SP_FULL === "1" ? 1_000_000 : 50_000;

/** Signed, as a 64-bit number comes out of wasm; only equality matters. */
type HashPage = (ptr: number, bytes: number) => bigint;

const module = new WebAssembly.Module(readFileSync(new URL("../../dist/scan.wasm", import.meta.url)));

function scanOn(pages: number): { bytes: Uint8Array; hashPage: HashPage } {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const { hashPage } = new WebAssembly.Instance(module, { env: { memory } }).exports;
  return { bytes: new Uint8Array(memory.buffer), hashPage: hashPage as HashPage };
}

function fill(bytes: Uint8Array, random: Random): void {
  for (let index = 0; index < bytes.length; index++) bytes[index] = random.u32();
}

const scan = suite("scan");

for (const content of ["zero", "random"]) {
  scan(`each of the single-bit changes of a page of ${content} bytes has a hash of its own`, () => {
    const { bytes, hashPage } = scanOn(1);
    const page = bytes.subarray(0, PAGE_BYTES);
    if (content === "random") fill(page, new Random());
    const hashes = new Set([hashPage(0, PAGE_BYTES)]);
    for (let bit = 0; bit < PAGE_BYTES * 8; bit++) {
      page[bit >> 3]! ^= 1 << (bit & 7);
      hashes.add(hashPage(0, PAGE_BYTES));
      page[bit >> 3]! ^= 1 << (bit & 7);
    }
    assert.is(hashes.size, PAGE_BYTES * 8 + 1);
  });
}

scan("no change of two bits, one in each of two words near each other, is taken back by the second", () => {
  const random = new Random(4);
  const { bytes, hashPage } = scanOn(1);
  const page = bytes.subarray(0, PAGE_BYTES);
  fill(page, random);
  const before = hashPage(0, PAGE_BYTES);
  const word = PAGE_BYTES / 2;
  for (let first = 0; first < 64; first++) {
    page[word + (first >> 3)]! ^= 1 << (first & 7);
    for (let second = 64; second < 64 * 9; second++) {
      page[word + (second >> 3)]! ^= 1 << (second & 7);
      assert.is.not(hashPage(0, PAGE_BYTES), before, `bits ${first} and ${second}`);
      page[word + (second >> 3)]! ^= 1 << (second & 7);
    }
    page[word + (first >> 3)]! ^= 1 << (first & 7);
  }
});

scan("changes of words, and words that change places, change the hash", () => {
  const random = new Random(1);
  const { bytes, hashPage } = scanOn(1);
  const words = new BigUint64Array(bytes.buffer, 0, PAGE_BYTES / 8);
  fill(bytes.subarray(0, PAGE_BYTES), random);
  let before = hashPage(0, PAGE_BYTES);
  for (let change = 0; change < CHANGES; change++) {
    const at = random.below(words.length);
    const other = random.below(words.length);
    const old = [...words];
    if (random.oneIn(2)) [words[at], words[other]] = [words[other]!, words[at]!];
    else words[at] = BigInt(random.u32());
    const after = hashPage(0, PAGE_BYTES);
    const same = old.every((word, index) => word === words[index]);
    assert.is(after === before, same, `words ${at} and ${other}`);
    before = after;
  }
});

scan("equal pages have equal hashes wherever they lie, whatever lies around them", () => {
  const random = new Random(2);
  const { bytes, hashPage } = scanOn(16);
  fill(bytes, random);
  const page = bytes.slice(0, PAGE_BYTES);
  const hash = hashPage(0, PAGE_BYTES);
  for (let index = 0; index < 16 * 16; index++) {
    bytes.set(page, index * PAGE_BYTES);
    assert.is(hashPage(index * PAGE_BYTES, PAGE_BYTES), hash);
  }
});

scan("a hash covers all of its page and nothing else, up to 64 KiB", () => {
  const { bytes, hashPage } = scanOn(2);
  for (let pageBytes = PAGE_BYTES; pageBytes <= 65536; pageBytes *= 2) {
    const hash = hashPage(0, pageBytes);
    bytes[pageBytes] = 1;
    assert.is(hashPage(0, pageBytes), hash);
    bytes[pageBytes] = 0;
    bytes[pageBytes - 1] = 1;
    assert.is.not(hashPage(0, pageBytes), hash);
    bytes[pageBytes - 1] = 0;
  }
});

scan("the last page of a memory of 4 GiB is hashed to its last byte", () => {
  const { bytes, hashPage } = scanOn(65536);
  const ptr = 2 ** 32 - PAGE_BYTES;
  const clean = hashPage(ptr, PAGE_BYTES);
  assert.is(clean, hashPage(0, PAGE_BYTES));
  for (const at of [ptr, 2 ** 32 - 1]) {
    bytes[at] = 1;
    assert.is.not(hashPage(ptr, PAGE_BYTES), clean);
    bytes[at] = 0;
  }
});

scan("hashing writes nothing", () => {
  const { bytes, hashPage } = scanOn(1);
  fill(bytes, new Random(3));
  const before = bytes.slice();
  hashPage(0, 65536);
  assert.equal(bytes, before);
});

scan.run();
