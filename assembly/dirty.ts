/**
 * The dirty map: one byte for each tracking page of guest memory, nonzero if the page was written since the map was cleared.
 *
 * Guest code marks by itself, after each store, the page in which the store begins (src/prepare/marks.ts); a store may reach
 * a little beyond, and marks of neighbouring stores are merged, so a dirty page means its own bytes and the 272 that follow.
 * Services mark what they write through markRange(). The owner sweeps and clears, only while the guest is FROZEN.
 *
 * The sweep turns 64 bytes of the map into 64 bits and looks for where they change: nearly all of a large map is clean and is
 * passed over a quarter of a MiB of guest memory at a time, and dirty pages cost by the run, with little for a processor to guess.
 */

import { DIRTY_MAP_BYTES, OFF_DIRTY_MAP, OFF_PAGE_SHIFT, OFF_RUNS, RUNS_MAX } from "./ledger";

/** Marks every page that a write of `bytes` bytes at `ptr` touches. */
export function markRange(ptr: u32, bytes: u32): void {
  if (bytes == 0) return;
  const shift = load<u32>(OFF_PAGE_SHIFT);
  const first = ptr >> shift;
  const last = (<u32>min<u64>(<u64>ptr + bytes - 1, u32.MAX_VALUE)) >> shift;
  memory.fill(OFF_DIRTY_MAP + first, 1, last - first + 1);
}

/** The marks of the 64 pages from `page` on, which is a multiple of 64: the lowest bit is the first page. */
function marksOf(page: u32): u64 {
  const map = OFF_DIRTY_MAP + page;
  const a = v128.load(map);
  const b = v128.load(map, 16);
  const c = v128.load(map, 32);
  const d = v128.load(map, 48);
  if (!v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) return 0;
  const clean = i8x16.splat(0);
  return (
    <u64>i8x16.bitmask(i8x16.ne(a, clean)) |
    (<u64>i8x16.bitmask(i8x16.ne(b, clean)) << 16) |
    (<u64>i8x16.bitmask(i8x16.ne(c, clean)) << 32) |
    (<u64>i8x16.bitmask(i8x16.ne(d, clean)) << 48)
  );
}

/**
 * Writes runs of dirty pages, pairs of u32 (first page, page count), to the scratch area, looking at pages from `from` up to
 * `to`. Answers how many runs; when that is RUNS_MAX there may be more, from the end of the last run on.
 */
export function sweep(from: u32, to: u32): u32 {
  let runs: u32 = 0;
  let first: u32 = 0;
  // 1 inside a run of dirty pages, 0 outside.
  let inside: u64 = 0;
  for (let base = from & ~63; base < to; base += 64) {
    let marks = marksOf(base);
    if (base < from) marks &= u64.MAX_VALUE << (from - base);
    if (to - base < 64) marks &= ~(u64.MAX_VALUE << (to - base));
    // A bit wherever a page differs from the one before: runs begin and end there in turn.
    let edges = marks ^ ((marks << 1) | inside);
    while (edges != 0) {
      const page = base + <u32>ctz<u64>(edges);
      edges &= edges - 1;
      inside ^= 1;
      if (inside != 0) {
        first = page;
        continue;
      }
      store<u32>(OFF_RUNS + runs * 8, first);
      store<u32>(OFF_RUNS + runs * 8, page - first, 4);
      if (++runs == RUNS_MAX) return runs;
    }
  }
  if (inside != 0) {
    store<u32>(OFF_RUNS + runs * 8, first);
    store<u32>(OFF_RUNS + runs * 8, to - first, 4);
    ++runs;
  }
  return runs;
}

/** How many of the pages from `from` up to `to` are dirty. */
export function countDirty(from: u32, to: u32): u32 {
  let pages: u32 = 0;
  let page = from;
  for (; page + 16 <= to; page += 16) {
    const map = v128.load(OFF_DIRTY_MAP + page);
    if (!v128.any_true(map)) continue;
    pages += popcnt<u32>(i8x16.bitmask(i8x16.ne(map, i8x16.splat(0))));
  }
  for (; page < to; page++) pages += u32(load<u8>(OFF_DIRTY_MAP + page) != 0);
  return pages;
}

/** Makes every page clean. Only while FROZEN: a mark made during the sweep would be lost. */
export function clearDirty(): void {
  memory.fill(OFF_DIRTY_MAP, 0, DIRTY_MAP_BYTES);
}
