// Goal: the dirty map's fast loops find exactly what was marked. Method: the same marks in a plain array, looked through page
// by page, after seeded marks at every alignment; and the edges: the last page of 4 GiB, more runs than the scratch area has.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DIRTY_MAP_BYTES, OFF_DIRTY_MAP, OFF_RUNS, RUNS_MAX } from "../../dist/abi.js";
import type { Core } from "../../dist/core/core.js";
import { type CoreOnLedger, coreOnLedger } from "../support/core.ts";
import { Random } from "../support/random.ts";

const ROUNDS = process.env.SP_FULL === "1" ? 20_000 : 2_000;
const MEMORY_BYTES = 2 ** 32;

type Run = readonly [first: number, count: number];

/** The dirty map as one would write it without a hurry. */
class PlainMap {
  readonly pages: Uint8Array;
  readonly pageBytes: number;

  constructor(pageShift: number) {
    this.pageBytes = 2 ** pageShift;
    this.pages = new Uint8Array(MEMORY_BYTES / this.pageBytes);
  }

  mark(ptr: number, bytes: number): void {
    const end = Math.min(ptr + bytes, MEMORY_BYTES);
    for (let page = Math.floor(ptr / this.pageBytes); page * this.pageBytes < end && bytes > 0; page++)
      this.pages[page] = 1;
  }

  runs(from: number, to: number): Run[] {
    const runs: [number, number][] = [];
    for (let page = from; page < to; page++) {
      if (this.pages[page] === 0) continue;
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[1] === page) last[1]++;
      else runs.push([page, 1]);
    }
    return runs;
  }
}

class CoreMap {
  readonly on: CoreOnLedger;
  readonly core: Core;
  readonly bytes: Uint8Array;

  constructor(pageShift: number) {
    this.on = coreOnLedger({ pageShift });
    this.core = this.on.attach(0);
    this.bytes = new Uint8Array(this.on.ledger.buffer);
  }

  sweep(from: number, to: number): Run[] {
    const count = this.core.sweep(from, to);
    const scratch = new Uint32Array(this.on.ledger.buffer, OFF_RUNS, count * 2);
    return Array.from({ length: count }, (_, index) => [scratch[index * 2]!, scratch[index * 2 + 1]!] as const);
  }

  /** All runs, by as many sweeps as it takes. */
  sweepAll(from: number, to: number): Run[] {
    const runs: Run[] = [];
    for (let next = from; ; ) {
      const some = this.sweep(next, to);
      runs.push(...some);
      if (some.length < RUNS_MAX) return runs;
      const [first, count] = some.at(-1)!;
      next = first + count;
    }
  }
}

/** Names the first run that differs; two long lists side by side would say less, and take minutes to print. */
function sameRuns(actual: readonly Run[], expected: readonly Run[], where: string): void {
  const at = actual.findIndex(([first, count], index) => {
    const other = expected[index];
    return other === undefined || other[0] !== first || other[1] !== count;
  });
  if (at >= 0) assert.equal(actual[at], expected[at], `${where}, run ${at}`);
  assert.is(actual.length, expected.length, where);
}

const pagesOf = (runs: readonly Run[]): number => runs.reduce((sum, [, count]) => sum + count, 0);

const dirty = suite("dirty");

for (const pageShift of [12, 13, 16]) {
  dirty(`marks, runs and counts equal the plain model with pages of ${2 ** pageShift} bytes`, () => {
    const random = new Random(pageShift);
    const map = new CoreMap(pageShift);
    const plain = new PlainMap(pageShift);
    const page = 2 ** pageShift;
    for (let round = 0; round < ROUNDS; round++) {
      // Close together, so that runs touch, join and cross the vectors' bounds.
      const base = random.pick([0, 60 * page, 1000 * page, MEMORY_BYTES - 300 * page]);
      const ptr = base + random.below(300 * page);
      const bytes = random.pick([0, 1, 8, page, page + 1, random.below(40 * page)]);
      map.core.markRange(ptr, bytes);
      plain.mark(ptr, bytes);
      const from = Math.floor(base / page) + random.below(200);
      const to = Math.min(from + random.below(400), plain.pages.length);
      const expected = plain.runs(from, to);
      sameRuns(map.sweep(from, to), expected, `pages ${from} to ${to}`);
      assert.is(map.core.countDirty(from, to), pagesOf(expected), `pages ${from} to ${to}`);
      if (random.oneIn(100)) {
        map.core.clearDirty();
        plain.pages.fill(0);
        assert.is(map.core.countDirty(0, plain.pages.length), 0);
      }
    }
    sameRuns(map.sweepAll(0, plain.pages.length), plain.runs(0, plain.pages.length), "all pages");
  });
}

dirty("a range marks the pages of its first and last byte and of those between, to the byte", () => {
  const map = new CoreMap(12);
  for (const [ptr, bytes, runs] of [
    [4096, 1, [[1, 1]]],
    [4096, 4096, [[1, 1]]],
    [4096, 4097, [[1, 2]]],
    [4095, 1, [[0, 1]]],
    [4095, 2, [[0, 2]]],
    [4095, 4098, [[0, 3]]],
    [8191, 4097, [[1, 2]]],
  ] as const) {
    map.core.clearDirty();
    map.core.markRange(ptr, bytes);
    assert.equal(map.sweep(0, 64), runs, `${bytes} bytes at ${ptr}`);
  }
});

dirty("every single page is found at every place of a vector, alone and as the only gap", () => {
  const map = new CoreMap(12);
  for (let page = 0; page < 200; page++) {
    map.core.clearDirty();
    map.core.markRange(page * 4096, 1);
    assert.equal(map.sweep(0, 256), [[page, 1]]);
    assert.equal(map.sweep(page, page + 1), [[page, 1]]);
    assert.equal(map.sweep(page + 1, 256), []);
    assert.equal(map.sweep(0, page), []);
    map.bytes.fill(1, OFF_DIRTY_MAP, OFF_DIRTY_MAP + 256);
    map.bytes[OFF_DIRTY_MAP + page] = 0;
    assert.is(map.core.countDirty(0, 256), 255);
    const around = [
      [0, page],
      [page + 1, 255 - page],
    ].filter(([, count]) => count! > 0);
    assert.equal(map.sweep(0, 256), around);
  }
});

dirty("any value but 0 is a mark", () => {
  const map = new CoreMap(12);
  for (const value of [1, 2, 127, 128, 255]) {
    map.bytes[OFF_DIRTY_MAP + 77] = value;
    assert.equal(map.sweep(0, 1024), [[77, 1]]);
    assert.is(map.core.countDirty(0, 1024), 1);
  }
});

dirty("a sweep that fills the scratch area is continued where it stopped, and writes nothing beyond", () => {
  const map = new CoreMap(12);
  const runs = RUNS_MAX * 2 + 17;
  for (let index = 0; index < runs; index++) map.bytes[OFF_DIRTY_MAP + 5 + index * 3] = 1;
  const behind = OFF_RUNS + RUNS_MAX * 8;
  map.bytes.fill(0xa5, behind, behind + 64);
  assert.is(map.core.sweep(0, DIRTY_MAP_BYTES), RUNS_MAX);
  assert.equal([...map.bytes.subarray(behind, behind + 64)], Array(64).fill(0xa5));
  const expected = Array.from({ length: runs }, (_, index) => [5 + index * 3, 1] as const);
  sameRuns(map.sweepAll(0, DIRTY_MAP_BYTES), expected, "all pages");
});

dirty("exactly as many runs as the scratch area holds are all found", () => {
  const map = new CoreMap(12);
  for (let index = 0; index < RUNS_MAX; index++) map.bytes[OFF_DIRTY_MAP + DIRTY_MAP_BYTES - 1 - index * 2] = 1;
  assert.is(map.sweepAll(0, DIRTY_MAP_BYTES).length, RUNS_MAX);
});

dirty("the last page of 4 GiB is marked, found and counted, and nothing behind the map is touched", () => {
  const map = new CoreMap(12);
  const last = DIRTY_MAP_BYTES - 1;
  for (const [ptr, bytes] of [
    [MEMORY_BYTES - 4096, 4096],
    [MEMORY_BYTES - 1, 1],
    [MEMORY_BYTES - 16, 16],
    // Reaches beyond the memory, as a merged mark may: what does not exist is not marked.
    [MEMORY_BYTES - 16, 4096],
  ] as const) {
    map.core.clearDirty();
    map.core.markRange(ptr, bytes);
    assert.equal(map.sweep(0, DIRTY_MAP_BYTES), [[last, 1]]);
    assert.is(map.core.countDirty(0, DIRTY_MAP_BYTES), 1);
  }
});

dirty("all of 4 GiB dirty is one run, and clearing it leaves the rest of the ledger alone", () => {
  const map = new CoreMap(12);
  map.bytes.fill(0x5a, 0x1000, OFF_DIRTY_MAP);
  map.core.markRange(0, 0xffff_ffff);
  assert.equal(map.sweep(0, DIRTY_MAP_BYTES), [[0, DIRTY_MAP_BYTES]]);
  assert.is(map.core.countDirty(0, DIRTY_MAP_BYTES), DIRTY_MAP_BYTES);
  const scratch = OFF_RUNS + 8;
  map.core.clearDirty();
  assert.equal(map.sweep(0, DIRTY_MAP_BYTES), []);
  assert.ok(map.bytes.subarray(scratch, OFF_DIRTY_MAP).every((byte) => byte === 0x5a));
});

dirty("a range of no bytes marks nothing", () => {
  const map = new CoreMap(12);
  map.core.markRange(8192, 0);
  map.core.markRange(0, 0);
  assert.is(map.core.countDirty(0, DIRTY_MAP_BYTES), 0);
});

dirty.run();
