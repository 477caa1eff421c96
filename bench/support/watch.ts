/**
 * Looks at a count that another process or machine writes to a file that both have in memory, without stopping: how long it stood still
 * is seen from outside, to a microsecond or so, whatever was asked of its writer meanwhile. A Worker does the looking.
 */

import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** Shared with the Worker: what it saw last, the longest time between two counts, and a word by which that starts anew. */
export const COUNT = 0;
export const LONGEST_MS = 1;
export const ANEW = 2;

export interface WatchTask {
  readonly file: string;
  readonly at: number;
  readonly shared: Float64Array<SharedArrayBuffer>;
}

/** Longest that a count may stand still, ms. */
const LIMIT_MS = 60_000;

export class Watch implements AsyncDisposable {
  readonly #shared: Float64Array<SharedArrayBuffer>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #worker: Worker;

  private constructor(shared: Float64Array<SharedArrayBuffer>, worker: Worker) {
    this.#shared = shared;
    this.#words = new Int32Array(shared.buffer);
    this.#worker = worker;
  }

  /** The count is a little-endian word of 32 bits. */
  static async start({ file, at }: { file: string; at: number }): Promise<Watch> {
    const shared = new Float64Array(new SharedArrayBuffer(24));
    const workerData: WatchTask = { file, at, shared };
    const worker = new Worker(new URL("./watch-worker.ts", import.meta.url), { workerData });
    await once(worker, "online");
    return new Watch(shared, worker);
  }

  get count(): number {
    return this.#shared[COUNT]!;
  }

  /** Resolves when it has counted on from now. */
  async turn(): Promise<void> {
    const before = this.count;
    const fromMs = performance.now();
    while (this.count === before) {
      if (performance.now() - fromMs > LIMIT_MS) throw new Error("nothing counts");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** The longest time that it stood still while `work` was done and until it counted again, ms. */
  async longestMs(work: () => Promise<void>): Promise<number> {
    Atomics.store(this.#words, 2 * ANEW, 1);
    while (Atomics.load(this.#words, 2 * ANEW) === 1) await new Promise((resolve) => setImmediate(resolve));
    await work();
    await this.turn();
    return this.#shared[LONGEST_MS]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
