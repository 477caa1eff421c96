/**
 * A program whose speed is measured: an application with one or more pieces of work. Each piece takes some 5–20 ms, does
 * the same every time and answers a checksum of what it did, which has to be the same in every variant.
 */

import type { Variant } from "../support/variants.ts";

export interface Program {
  readonly name: string;
  /** Whether people run it for its own sake, so that it counts as a real program. */
  readonly real: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly works: readonly string[];
  start(variant: Variant): Promise<Instance>;
}

export interface Instance {
  /** Does a piece of work, by its index, on one thread. */
  run(work: number): Slice;
  close(): Promise<void>;
}

export interface Slice {
  /** CPU time of the thread that did it, ms: engine threads that compile or collect meanwhile do not count. */
  readonly cpuMs: number;
  readonly checksum: number;
}

/**
 * CPU time of this thread so far, ms. Linux brings a running thread's own time up to date at ticks of 1–10 ms only, unless it is
 * asked for the whole process's.
 */
export function threadCpuMs(): number {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
