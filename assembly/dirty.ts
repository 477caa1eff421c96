/**
 * The dirty map: one byte for each tracking page of guest memory, nonzero if the page was written since the map was cleared.
 *
 * Guest code marks by itself, after each store, the page in which the store begins (src/prepare/marks.ts); a store may reach
 * a little beyond, and marks of neighbouring stores are merged, so a dirty page means its own bytes and the 272 that follow.
 * Services mark what they write through markRange(). The owner sweeps and clears, only while the guest is FROZEN.
 *
 * The sweep looks at 16 bytes at a time: nearly all of a large map is clean, and an unmarked stretch costs one load and
 * one test for each 64 KiB of guest memory.
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

/**
 * Writes runs of dirty pages, pairs of u32 (first page, page count), to the scratch area, looking at pages from `from` up to
 * `to`. Answers how many runs; when that is RUNS_MAX there may be more, from the end of the last run on.
 */
export function sweep(from: u32, to: u32): u32 {
  let runs: u32 = 0;
  let page = from;
  while (page < to) {
    // Skip what is clean.
    while (page + 16 <= to && !v128.any_true(v128.load(OFF_DIRTY_MAP + page))) page += 16;
    while (page < to && load<u8>(OFF_DIRTY_MAP + page) == 0) {
      page++;
      // Back to whole vectors as soon as one fits on an aligned page.
      if ((page & 15) == 0) break;
    }
    if (page >= to) break;
    if (load<u8>(OFF_DIRTY_MAP + page) == 0) continue;
    // Measure what is dirty.
    const first = page;
    while (page + 16 <= to && i8x16.all_true(v128.load(OFF_DIRTY_MAP + page))) page += 16;
    while (page < to && load<u8>(OFF_DIRTY_MAP + page) != 0) page++;
    store<u32>(OFF_RUNS + runs * 8, first);
    store<u32>(OFF_RUNS + runs * 8, page - first, 4);
    if (++runs == RUNS_MAX) break;
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
