/**
 * The least that stopping and waking a thread that computes can take: what freeze and resume do, bare, with no library around
 * it. The other thread looks at a word all the time; this one asks it to stop, sleeps until it says that it stands still,
 * wakes it, and sleeps until it says that it runs. Against the floor of bench/support/echo.ts that is one wake-up
 * more, and the threads are on two cores from the start, because one of them never sleeps of itself.
 */

import { Worker } from "node:worker_threads";

/** Words: what the other thread is to do, and how often it has come back. */
export const RUN = 0;
export const BACK = 1;
export const RUNNING = 0;
export const STOPPING = 1;
export const STOPPED = 2;

const LIMIT_MS = 10_000;

export class Handshake implements AsyncDisposable {
  readonly #words: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(8));
  readonly #worker: Worker;

  private constructor() {
    this.#worker = new Worker(new URL("./handshake-worker.ts", import.meta.url), { workerData: this.#words });
  }

  /** Answers with the thread stopped. */
  static async start(): Promise<Handshake> {
    const handshake = new Handshake();
    Atomics.store(handshake.#words, RUN, STOPPING);
    while (Atomics.load(handshake.#words, RUN) !== STOPPED) await new Promise((resolve) => setTimeout(resolve, 5));
    return handshake;
  }

  stop(): void {
    Atomics.store(this.#words, RUN, STOPPING);
    while (Atomics.load(this.#words, RUN) === STOPPING) this.#wait(RUN, STOPPING);
  }

  go(): void {
    const back = this.#wake();
    while (Atomics.load(this.#words, BACK) === back) this.#wait(BACK, back);
  }

  async stopAsync(): Promise<void> {
    Atomics.store(this.#words, RUN, STOPPING);
    while (Atomics.load(this.#words, RUN) === STOPPING) {
      await Atomics.waitAsync(this.#words, RUN, STOPPING, LIMIT_MS).value;
    }
  }

  async goAsync(): Promise<void> {
    const back = this.#wake();
    while (Atomics.load(this.#words, BACK) === back) {
      await Atomics.waitAsync(this.#words, BACK, back, LIMIT_MS).value;
    }
  }

  #wake(): number {
    const back = Atomics.load(this.#words, BACK);
    Atomics.store(this.#words, RUN, RUNNING);
    Atomics.notify(this.#words, RUN);
    return back;
  }

  #wait(index: number, value: number): void {
    if (Atomics.wait(this.#words, index, value, LIMIT_MS) === "timed-out") throw new Error("the other thread is gone");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
