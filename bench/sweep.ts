/**
 * How long does it take to find the dirty pages?
 *
 * The core sweeps the dirty map of a ledger, as for a guest of the given size: once alone (the wasm call, runs left in the ledger)
 * and once as `guest.dirty()` does it (runs as JavaScript numbers). The dirty share is drawn at random: scattered pages are the
 * worst case, because each is a run of its own; clusters are what programs make. The time is the thread's own, monotonic
 * clock around the sweep. Every sweep's answer is compared with the pages that were marked.
 *
 * Floor: a plain copy of the map, that is, reading all of it once.
 *
 * It would change with: the tracking page (4096 bytes here, the smallest), the cache the map is read from (1 MiB fits a
 * second-level cache; repeated sweeps find it there, as a sweep right after the guest's own marks would), other cores.
 */

import { DIRTY_MAP_BYTES, OFF_DIRTY_MAP, OFF_RUNS, RUNS_MAX } from "../dist/abi.js";
import { attachCore, createLedger, ownerSide } from "../dist/core/core.js";
import { MarksTracking } from "../dist/guest/tracking.js";
import { coreModule } from "../test/support/core.ts";
import type { Random } from "../test/support/random.ts";
import { noiseOf, quantile } from "./support/quantiles.ts";
import type { Answer, Question, Run } from "./support/question.ts";
import { type Candidate, type Measured, measureRounds, ratio } from "./support/rounds.ts";

const PAGE_BYTES = 4096;
const GIB = 2 ** 30;
/** Pages of a cluster: the order of a heap block or a file buffer. */
const CLUSTER_PAGES = 16;

interface Case {
  readonly name: string;
  readonly bytes: number;
  readonly share: number;
  readonly cluster: number;
}

const CASES: readonly Case[] = [
  { name: "64 MiB, 1 % scattered", bytes: GIB / 16, share: 0.01, cluster: 1 },
  { name: "1 GiB, 1 % scattered", bytes: GIB, share: 0.01, cluster: 1 },
  { name: "4 GiB, clean", bytes: 4 * GIB, share: 0, cluster: 1 },
  { name: "4 GiB, 0.1 % scattered", bytes: 4 * GIB, share: 0.001, cluster: 1 },
  { name: "4 GiB, 1 % scattered", bytes: 4 * GIB, share: 0.01, cluster: 1 },
  { name: "4 GiB, 1 % in clusters", bytes: 4 * GIB, share: 0.01, cluster: CLUSTER_PAGES },
  { name: "4 GiB, 10 % in clusters", bytes: 4 * GIB, share: 0.1, cluster: CLUSTER_PAGES },
  { name: "4 GiB, all dirty", bytes: 4 * GIB, share: 1, cluster: 1 },
];
const FIGURE = "4 GiB, 1 % scattered";
const FLOOR = "floor: the map of 4 GiB copied";

/** Marks about the wanted share of the pages; answers how many are dirty now. */
function mark(map: Uint8Array, { bytes, share, cluster }: Case, random: Random): number {
  const pages = bytes / PAGE_BYTES;
  if (share === 1) map.fill(1, 0, pages);
  else {
    for (let drawn = 0; drawn < (pages * share) / cluster; drawn++) {
      const first = random.below(pages / cluster) * cluster;
      map.fill(1, first, first + cluster);
    }
  }
  return map.reduce((sum, mark) => sum + mark, 0);
}

function candidates(one: Case, random: Random): { candidates: Candidate[]; dirty: number; runs: number } {
  const ledger = createLedger({ pageShift: Math.log2(PAGE_BYTES), host: 1 });
  const core = attachCore(coreModule, ledger, ownerSide(process.hrtime.bigint));
  // The tracking needs the size of a memory, not the memory.
  const memory = { buffer: { byteLength: one.bytes } } as WebAssembly.Memory;
  const tracking = new MarksTracking(core, ledger, memory, PAGE_BYTES);
  const dirty = mark(new Uint8Array(ledger.buffer, OFF_DIRTY_MAP, DIRTY_MAP_BYTES), one, random);
  const to = one.bytes / PAGE_BYTES;
  const runs = tracking.sweep({ clear: false, epoch: 0 }).runs.length;
  const words = new Uint32Array(ledger.buffer);

  const sweepCore = (): number => {
    const from = performance.now();
    let found = 0;
    for (let page = 0; page < to; ) {
      const count = core.sweep(page, to);
      found += count;
      if (count < RUNS_MAX) break;
      const last = OFF_RUNS / 4 + 2 * (count - 1);
      page = words[last]! + words[last + 1]!;
    }
    const took = performance.now() - from;
    // A run may be cut in two where the scratch area was full.
    if (found < runs || found > runs + to / RUNS_MAX) throw new Error(`${one.name}: ${found} runs, there are ${runs}`);
    return took;
  };
  const sweepReport = (): number => {
    const from = performance.now();
    const { pages } = tracking.sweep({ clear: false, epoch: 0 });
    const took = performance.now() - from;
    if (pages !== dirty) throw new Error(`${one.name}: ${pages} dirty pages found, ${dirty} marked`);
    return took;
  };
  return {
    candidates: [
      { name: one.name, measure: sweepCore },
      { name: `${one.name}, report`, measure: sweepReport },
      ...(one.name === FIGURE ? [{ name: `${one.name}, again`, measure: sweepCore }] : []),
    ],
    dirty,
    runs,
  };
}

function floor(): Candidate {
  const map = new Uint8Array(DIRTY_MAP_BYTES);
  const copy = new Uint8Array(DIRTY_MAP_BYTES);
  return {
    name: FLOOR,
    measure: () => {
      const from = performance.now();
      copy.set(map);
      return performance.now() - from;
    },
  };
}

function row(name: string, measured: ReadonlyMap<string, Measured>): Record<string, string | number | undefined> {
  const samples = measured.get(name)!.samples;
  const reports = measured.get(`${name}, report`)?.samples;
  return {
    name,
    p50: quantile(samples, 0.5) * 1000,
    p99: quantile(samples, 0.99) * 1000,
    max: quantile(samples, 1) * 1000,
    report: reports && quantile(reports, 0.5) * 1000,
    samples: samples.length,
  };
}

async function ask({ full, random, progress }: Run): Promise<Answer> {
  const cases = CASES.map((one) => ({ one, ...candidates(one, random) }));
  const measured = await measureRounds([floor(), ...cases.flatMap((own) => own.candidates)], {
    rounds: full ? 60 : 5,
    iterations: full ? 50 : 20,
    warmups: full ? 200 : 50,
    random,
    progress,
  });
  const figure = measured.get(FIGURE)!;
  const p50 = (name: string): number => quantile(measured.get(name)!.samples, 0.5) * 1000;
  return {
    tables: [
      {
        title: "Sweep of a dirty map, µs",
        columns: [
          { key: "name", title: "guest memory, dirty share" },
          { key: "dirty", title: "dirty pages" },
          { key: "runs", title: "runs" },
          { key: "p50", title: "p50", digits: 1 },
          { key: "p99", title: "p99", digits: 1 },
          { key: "max", title: "max", digits: 1 },
          { key: "report", title: "p50 as a report", digits: 1 },
          { key: "samples", title: "samples" },
        ],
        rows: [
          row(FLOOR, measured),
          ...cases.map(({ one, dirty, runs }) => ({ ...row(one.name, measured), dirty, runs })),
          row(`${FIGURE}, again`, measured),
        ],
      },
    ],
    plots: [
      {
        title: "Time to find the dirty pages",
        kind: "bars",
        x: { title: "guest memory, dirty share" },
        y: { title: "p50, µs" },
        series: [
          { name: "the wasm call", points: cases.map(({ one }) => [one.name, p50(one.name)] as const) },
          { name: "as a report", points: cases.map(({ one }) => [one.name, p50(`${one.name}, report`)] as const) },
        ],
      },
    ],
    figures: [
      {
        name: "dirty sweep of a 4 GiB map with 1 % dirty, p50",
        value: quantile(figure.samples, 0.5),
        unit: "ms",
        atMost: 0.2,
        noise: noiseOf(ratio(measured.get(`${FIGURE}, again`)!, figure)),
      },
    ],
    notes: [],
  };
}

export const question: Question = { chapter: "dirty", title: "How long does it take to find the dirty pages?", ask };
