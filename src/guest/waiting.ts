/**
 * Waiting inside a service, on the host's side. The state is WAITING while the thread sleeps, so the owner can freeze the
 * guest without waking it. What woke the thread is judged only after the state is RUNNING again, because that is when the
 * guest's clock moves and when nothing frozen can be touched; a deadline that a pause has put off is simply waited for again.
 */

import { type Core, NO, WANTED } from "../core/core.ts";
import type { Pinning } from "./pinning.ts";

/** Longest sleep towards a wall-clock deadline, ms: the system's clock may be set meanwhile. */
const WALL_SLEEP_MS = 500;

/** Longest sleep on a word that is not the ledger's, ms: nobody but its owner can wake a thread there that is wanted. */
const FOREIGN_SLEEP_MS = 20;

export interface Deadline {
  readonly clock: "wall" | "monotonic";
  readonly ns: bigint;
}

type Slept = "ok" | "not-equal" | "timed-out";

export interface WaitOptions {
  readonly words: Int32Array;
  readonly index: number;
  /** Sleeps only while the word has this value. */
  readonly value: number;
  readonly until?: Deadline | undefined;
  /** Whether the service that waits is counted among what pins the guest; see Pinning.wrapped(). */
  readonly pins: boolean;
}

export class Waiting {
  readonly #core: Core;
  readonly #pinning: Pinning;
  readonly #ledger: ArrayBufferLike;
  readonly #wallNs: () => bigint;

  constructor(core: Core, pinning: Pinning, { ledger, wallNs }: { ledger: WebAssembly.Memory; wallNs: () => bigint }) {
    this.#core = core;
    this.#pinning = pinning;
    this.#ledger = ledger.buffer;
    this.#wallNs = wallNs;
  }

  /** How long until the deadline, ms; 0 when it has passed, infinity where there is none. */
  #remainingMs(until: Deadline | undefined): number {
    if (until === undefined) return Number.POSITIVE_INFINITY;
    const ns = until.clock === "wall" ? until.ns - this.#wallNs() : this.#core.untilMonotonicNs(until.ns);
    if (ns <= 0n) return 0;
    const ms = Number(ns) / 1e6;
    return until.clock === "wall" ? Math.min(ms, WALL_SLEEP_MS) : ms;
  }

  /**
   * Sleeps in state WAITING; WANTED when the guest is to leave this thread. How long is asked only then: the way into that
   * state may lead through a pause.
   */
  #sleep(words: Int32Array, index: number, value: number, sleepMs: () => number): Slept | typeof WANTED {
    const begun = this.#core.beginWait();
    if (begun === NO) throw new Error("waiting is for services that the guest has called");
    if (begun === WANTED) return WANTED;
    let left: number | undefined;
    let slept: Slept | undefined;
    try {
      slept = Atomics.wait(words, index, value, sleepMs());
    } finally {
      // Words that cannot be waited on throw, and then, too, the state must not stay behind.
      left = this.#core.endWait();
    }
    return left === WANTED ? WANTED : slept;
  }

  wait({ words, index, value, until, pins }: WaitOptions): "woken" | "elapsed" {
    for (;;) {
      if (Atomics.load(words, index) !== value) return "woken";
      if (this.#remainingMs(until) === 0) return "elapsed";
      const sleepMsMax = words.buffer === this.#ledger ? Number.POSITIVE_INFINITY : FOREIGN_SLEEP_MS;
      const sleepMs = (): number => Math.min(this.#remainingMs(until), sleepMsMax);
      this.#pinning.waiting(() => this.#sleep(words, index, value, sleepMs), pins);
    }
  }

  /**
   * memory.atomic.wait32 and wait64 of a program that shares its memory: 0 woken, 1 the word is another, 2 the time is up by
   * the guest's monotonic clock. A negative timeout is none. The guest is not taken off its thread in here: it would have to
   * ask again, and a notification that comes in between would be lost.
   */
  waitAtomic<T extends Int32Array | BigInt64Array>(
    words: T,
    options: { index: number; expected: T extends Int32Array ? number : bigint; timeoutNs: bigint },
  ): 0 | 1 | 2 {
    const { index, expected, timeoutNs } = options;
    const until: Deadline | undefined =
      timeoutNs < 0n ? undefined : { clock: "monotonic", ns: this.#core.monotonicNs() + timeoutNs };
    for (;;) {
      // The two views differ in the type of their words alone.
      const answer = this.#pinning.outside(() =>
        this.#sleep(words as Int32Array, index, expected as number, () => this.#remainingMs(until)),
      );
      if (answer === "ok") return 0;
      if (answer === "not-equal") return 1;
      if (this.#remainingMs(until) === 0) return 2;
    }
  }
}
