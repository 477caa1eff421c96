/** The slow plain model of the dirty map: copies all of a guest's memory, and compares all of it with what a sweep says. */

import * as assert from "uvu/assert";
import type { DirtyReport, Guest } from "../../dist/index.js";

const SLACK = 272;

/** All of memory as it was, and what a sweep has to account for since. */
export class Witness {
  readonly #guest: Guest;
  #before: Uint8Array = new Uint8Array(0);
  changedPages = 0;
  dirtyPages = 0;
  sweeps = 0;

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  /**
   * Copies memory as it is, whatever was written before. `clear` where the map tells what differs, not what was written: then both
   * have to start from the same moment.
   */
  async begin({ clear }: { clear: boolean }): Promise<void> {
    await this.#guest.freeze();
    if (clear) await this.#guest.dirty({ clear });
    this.#before = new Uint8Array(this.#guest.memory.buffer).slice();
    await this.#guest.resume();
  }

  /** Sweeps, compares with the copy, and takes the next one. Memory was all zero before there was anything to copy. */
  async compare({ clear = true }: { clear?: boolean } = {}): Promise<DirtyReport> {
    await this.#guest.freeze();
    const report = await this.#guest.dirty({ clear });
    const after = new Uint8Array(this.#guest.memory.buffer);
    const { pageBytes } = report;
    const dirty = new Set<number>();
    let pages = 0;
    let end = -1;
    for (const [first, count] of report.runs) {
      assert.ok(first > end && count > 0, "runs are in order and apart");
      end = first + count;
      pages += count;
      for (let page = first; page < end; page++) dirty.add(page);
    }
    assert.is(pages, report.pages);
    assert.ok(end * pageBytes <= after.length);
    for (let page = 0; page * pageBytes < after.length; page++) {
      const start = page * pageBytes;
      const was = this.#before.subarray(start, start + pageBytes);
      const is = after.subarray(start, start + pageBytes);
      if (is.every((byte, at) => byte === (was[at] ?? 0))) continue;
      this.changedPages++;
      if (dirty.has(page)) continue;
      const last = is.findLastIndex((byte, at) => byte !== (was[at] ?? 0));
      assert.ok(dirty.has(page - 1) && last < SLACK, `byte ${start + last} changed, page ${page} is clean`);
    }
    this.dirtyPages += report.pages;
    this.sweeps++;
    if (clear) this.#before = after.slice();
    await this.#guest.resume();
    return report;
  }

  figure(what: string): void {
    const { dirtyPages, changedPages, sweeps } = this;
    const ratio = (dirtyPages / changedPages).toFixed(2);
    console.log(`# ${what}: ${dirtyPages} dirty pages for ${changedPages} changed in ${sweeps} sweeps, ${ratio}`);
  }
}
