/**
 * Which pages of guest memory were written since somebody last asked.
 *
 *   marks   prepared code and services have marked them in the ledger; a sweep reads the map
 *   scan    nothing has been marked; the pages' hashes are compared with those kept from the last clear
 *
 * Both start from memory that is all zero, so what the program's own data segments write at boot counts as written.
 * Everything here happens while the guest is frozen.
 */

import { instantiateSync } from "#loader";
import { OFF_RUNS, RUNS_MAX } from "../abi.ts";
import type { Core } from "../core/core.ts";
import type { DirtyReport } from "./reports.ts";

export type TrackMode = "none" | "marks" | "scan";

/** What tracking works on. */
export interface Trackers {
  readonly core: Core;
  readonly ledger: WebAssembly.Memory;
  readonly memory: WebAssembly.Memory;
  readonly pageBytes: number;
  /** The second core module. */
  readonly scan: WebAssembly.Module;
}

/** Tracking since boot. */
export function trackingSinceBoot(
  mode: TrackMode,
  { core, ledger, memory, pageBytes, scan }: Trackers,
): Tracking | undefined {
  if (mode === "marks") return new MarksTracking(core, ledger, memory, pageBytes);
  return mode === "scan" ? new ScanTracking(scan, memory, pageBytes) : undefined;
}

/** Tracking from now on: nothing counts as written. The guest is frozen. */
export function trackingFromNow(mode: TrackMode, trackers: Trackers, epoch: number): Tracking | undefined {
  const tracking = trackingSinceBoot(mode, trackers);
  tracking?.sweep({ clear: true, epoch });
  return tracking;
}

export interface Tracking {
  sweep(options: { clear: boolean; epoch: number }): DirtyReport;
}

export class MarksTracking implements Tracking {
  readonly #core: Core;
  readonly #memory: WebAssembly.Memory;
  readonly #runs: Uint32Array;
  readonly #pageBytes: number;
  #cleanEpoch = 0;

  constructor(core: Core, ledger: WebAssembly.Memory, memory: WebAssembly.Memory, pageBytes: number) {
    this.#core = core;
    this.#memory = memory;
    this.#runs = new Uint32Array(ledger.buffer, OFF_RUNS, 2 * RUNS_MAX);
    this.#pageBytes = pageBytes;
  }

  sweep({ clear, epoch }: { clear: boolean; epoch: number }): DirtyReport {
    const to = this.#memory.buffer.byteLength / this.#pageBytes;
    const runs: [number, number][] = [];
    let pages = 0;
    for (let from = 0; from < to; ) {
      const count = this.#core.sweep(from, to);
      for (let run = 0; run < count; run++) {
        const first = this.#runs[2 * run] as number;
        const length = this.#runs[2 * run + 1] as number;
        const last = runs.at(-1);
        // A run that filled the scratch area's last place may have been cut short there.
        if (last !== undefined && last[0] + last[1] === first) last[1] += length;
        else runs.push([first, length]);
        pages += length;
      }
      if (count < RUNS_MAX) break;
      from = (this.#runs[2 * count - 2] as number) + (this.#runs[2 * count - 1] as number);
    }
    const report = { pages, runs, pageBytes: this.#pageBytes, epoch: this.#cleanEpoch };
    if (clear) {
      this.#core.clearDirty();
      this.#cleanEpoch = epoch;
    }
    return report;
  }
}

/** Exports of the second core module (assembly/scan.ts). */
export interface Scan {
  hashPage(ptr: number, bytes: number): bigint;
}

function attachScan(module: WebAssembly.Module, memory: WebAssembly.Memory): Scan {
  return instantiateSync(module, { env: { memory } }).instance.exports as unknown as Scan;
}

export class ScanTracking implements Tracking {
  readonly #scan: Scan;
  readonly #memory: WebAssembly.Memory;
  readonly #pageBytes: number;
  /** What a page hashes to before anybody has written to it. */
  readonly #zeroHash: bigint;
  /** Of the pages as they were at the last clear; memory that has grown since was zero. */
  #hashes: BigUint64Array<ArrayBuffer> = new BigUint64Array(0);
  #cleanEpoch = 0;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, pageBytes: number) {
    this.#scan = attachScan(module, memory);
    this.#memory = memory;
    this.#pageBytes = pageBytes;
    const zeroes = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    this.#zeroHash = BigInt.asUintN(64, attachScan(module, zeroes).hashPage(0, pageBytes));
  }

  sweep({ clear, epoch }: { clear: boolean; epoch: number }): DirtyReport {
    const hashes = new BigUint64Array(this.#memory.buffer.byteLength / this.#pageBytes);
    const runs: [number, number][] = [];
    let pages = 0;
    for (let page = 0; page < hashes.length; page++) {
      // Stored in an unsigned array, which is what makes the comparison right.
      hashes[page] = this.#scan.hashPage(page * this.#pageBytes, this.#pageBytes);
      if (hashes[page] === (this.#hashes[page] ?? this.#zeroHash)) continue;
      pages++;
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[1] === page) last[1]++;
      else runs.push([page, 1]);
    }
    const report = { pages, runs, pageBytes: this.#pageBytes, epoch: this.#cleanEpoch };
    if (clear) {
      this.#hashes = hashes;
      this.#cleanEpoch = epoch;
    }
    return report;
  }
}
