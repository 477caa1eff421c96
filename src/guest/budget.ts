/**
 * The time for something that is done in several steps, and the signal that ends it early. A step that is late rejects with an
 * error that names it.
 */

import { StillpointError } from "../errors.ts";
import type { FreezeOptions } from "./freezing.ts";

export class Budget {
  #until: number;
  readonly #signal: AbortSignal | undefined;
  readonly #over: PromiseWithResolvers<never> = Promise.withResolvers();
  #timer: ReturnType<typeof setTimeout>;
  #why = "";
  readonly #abort = (): void => this.#over.reject(this.#signal?.reason);

  constructor(budgetMs: number, signal: AbortSignal | undefined) {
    this.#until = performance.now() + budgetMs;
    this.#signal = signal;
    this.#over.promise.catch(() => undefined);
    this.#timer = this.#arm(budgetMs);
    signal?.addEventListener("abort", this.#abort);
  }

  #arm(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#over.reject(new Error(`${this.#why} within ${ms} ms`)), ms);
  }

  /** From now on no more than this is left. */
  limit(ms: number): void {
    if (ms >= this.leftMs()) return;
    clearTimeout(this.#timer);
    this.#until = performance.now() + ms;
    this.#timer = this.#arm(ms);
  }

  leftMs(): number {
    return Math.max(this.#until - performance.now(), 0.001);
  }

  /** Nothing is left, or nobody needs it any longer. */
  get over(): boolean {
    return performance.now() >= this.#until;
  }

  /** What is left, for a freeze. */
  rest(): FreezeOptions {
    return { budgetMs: this.leftMs(), ...(this.#signal && { signal: this.#signal }) };
  }

  /** Throws if the time is up before the guest stood still as it should; `why` says what kept it. */
  check(why: string): void {
    this.#signal?.throwIfAborted();
    if (this.over) throw new StillpointError("SP_FREEZE_TIMEOUT", why);
  }

  within<T>(work: Promise<T>, why: string): Promise<T> {
    this.#why = why;
    return Promise.race([work, this.#over.promise]);
  }

  end(): void {
    this.#until = 0;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}
