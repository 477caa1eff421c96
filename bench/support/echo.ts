/**
 * The floor of every freeze: a bare round trip of two threads through two words of shared memory. This thread adds one to the
 * first and notifies; the other wakes, adds one to the second and notifies; this thread wakes. Nothing else is done. The
 * other thread always sleeps in `Atomics.wait`; this one waits as it is asked to, blocking or not.
 */

import { Worker } from "node:worker_threads";

export const ASKED = 0;
export const ANSWERED = 1;

/** Longest a round trip may take before the bench gives up, ms. */
const LIMIT_MS = 10_000;

export class Echo implements AsyncDisposable {
  readonly #words: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(8));
  readonly #worker: Worker;

  private constructor() {
    this.#worker = new Worker(new URL("./echo-worker.ts", import.meta.url), { workerData: this.#words });
  }

  static async start(): Promise<Echo> {
    const echo = new Echo();
    // The first answer comes when the thread is up.
    await echo.tripAsync();
    return echo;
  }

  /** Blocks. Answers how long it took, ms. */
  trip(): number {
    const from = performance.now();
    const answered = Atomics.load(this.#words, ANSWERED);
    Atomics.add(this.#words, ASKED, 1);
    Atomics.notify(this.#words, ASKED);
    if (Atomics.wait(this.#words, ANSWERED, answered, LIMIT_MS) === "timed-out") throw new Error("no echo");
    return performance.now() - from;
  }

  /**
   * The same through `Atomics.waitAsync`, which is called before the other thread is woken: that thread may answer so soon that
   * there would be nothing left to wait for, and no event loop in the way. The other thread keeps Node alive.
   */
  async tripAsync(): Promise<number> {
    const from = performance.now();
    const answered = Atomics.load(this.#words, ANSWERED);
    const answer = Atomics.waitAsync(this.#words, ANSWERED, answered, LIMIT_MS);
    Atomics.add(this.#words, ASKED, 1);
    Atomics.notify(this.#words, ASKED);
    await answer.value;
    if (Atomics.load(this.#words, ANSWERED) === answered) throw new Error("no echo");
    return performance.now() - from;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
