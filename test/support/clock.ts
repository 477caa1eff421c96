/**
 * A clock that goes when it is told to. What is due runs in order of its time; between two moments every promise that can
 * settle does, so that whoever waits sees the times at which things happened.
 */

import type { Clock } from "../../dist/schedule/clock.js";

interface Timer {
  atMs: number;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(nowMs: number = Date.UTC(2026, 2, 3, 9)) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(ms, 0), run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are armed. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock, as administrators do. Timers know nothing of it. */
  step(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) timer.atMs += ms;
  }

  /** Lets everything that can happen by itself happen; no time passes. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.atMs < next.atMs) next = timer;
    return next;
  }

  /** Lets `ms` pass. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (let timer = this.#next(); timer !== undefined && timer.atMs <= untilMs; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.run();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Lets time pass until the work is done, however long it takes; fails when there is nothing left to wait for. */
  async until<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finish = (): void => {
      done = true;
    };
    work.then(finish, finish);
    // Work that waits for something else than time gets a while of true time.
    for (let idle = 0; !done && idle < 5000; idle++) {
      await this.settle();
      const timer = this.#next();
      if (done) break;
      if (timer !== undefined) {
        idle = 0;
        await this.pass(timer.atMs - this.#nowMs);
      } else if (idle > 10) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    if (!done) throw new Error("nothing is left to wait for, and the work is not done");
    return work;
  }
}
