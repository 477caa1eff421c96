/**
 * Freeze and resume on the owner's side: waits with budgets around the core's handshake, and the reports.
 *
 * The state word is the truth. Each wait looks again after every wake-up, so a wake-up meant for an earlier request, or one
 * that comes late, changes nothing.
 */

import {
  ENDED,
  FREEZING,
  FROZEN,
  IDLE,
  OFF_FROZEN_AT_NS,
  OFF_PAUSED_NS,
  OFF_REQUESTED_AT_NS,
  OFF_RESUMED_AT_NS,
  OFF_RUN,
  OFF_WOKEN,
  RUNNING,
  STATE_BITS,
  STATE_MASK,
} from "../abi.ts";
import { invalid } from "../checks.ts";
import type { Core } from "../core/core.ts";
import { FreezeTimeoutError, GuestStateError } from "../errors.ts";
import { changed, nap } from "./changed.ts";
import type { GuestMemory } from "./memory.ts";
import type { FreezeReport, ResumeReport } from "./reports.ts";

const RUN = OFF_RUN >> 2;
const WOKEN = OFF_WOKEN >> 2;

/** Longest a freeze waits for a safepoint unless told otherwise, ms. */
export const BUDGET_MS = 1000;

/**
 * Longest a resume waits for the guest's own time stamp, ms: it runs by then, unless the machine has no core for it. The
 * report then says how long it has been kept so far.
 */
const WOKEN_MS_MAX = 1000;

export interface FreezeOptions {
  /** Longest wait for a safepoint, ms, above 0. */
  readonly budgetMs?: number;
  readonly signal?: AbortSignal;
}

export function checkBudget(budgetMs: number): void {
  if (!(budgetMs > 0)) throw invalid(`budgetMs is ${budgetMs}; it must be above 0`);
}

export class Freezing {
  readonly #guest: string;
  readonly #core: Core;
  readonly #words: Int32Array;
  readonly #times: BigInt64Array;
  readonly #nowNs: () => bigint;
  readonly #memory: GuestMemory;
  /** Whether the guest's monotonic clock leaves pauses out. */
  readonly #excludes: boolean;
  /** Whether this thread may block. */
  readonly #mayBlock: boolean;

  constructor(
    guest: string,
    core: Core,
    ledger: WebAssembly.Memory,
    {
      nowNs,
      memory,
      excludes,
      mayBlock,
    }: { nowNs: () => bigint; memory: GuestMemory; excludes: boolean; mayBlock: boolean },
  ) {
    this.#guest = guest;
    this.#core = core;
    this.#words = new Int32Array(ledger.buffer);
    this.#times = new BigInt64Array(ledger.buffer);
    this.#nowNs = nowNs;
    this.#memory = memory;
    this.#excludes = excludes;
    this.#mayBlock = mayBlock;
  }

  /** The state word's state. */
  get state(): number {
    return Atomics.load(this.#words, RUN) & STATE_MASK;
  }

  async freeze({ budgetMs = BUDGET_MS, signal }: FreezeOptions = {}): Promise<FreezeReport> {
    checkBudget(budgetMs);
    signal?.throwIfAborted();
    const begun = this.#begin();
    const until = performance.now() + budgetMs;
    for (;;) {
      const run = Atomics.load(this.#words, RUN);
      if ((run & STATE_MASK) !== FREEZING) break;
      if (signal?.aborted === true) {
        // Granted meanwhile? Then what was granted is given back.
        if (this.#core.withdraw() === FROZEN) this.#core.release();
        throw signal.reason;
      }
      const leftMs = until - performance.now();
      if (leftMs <= 0) {
        this.#giveUp(budgetMs);
        break;
      }
      if (this.#mayBlock && nap(this.#words, { index: RUN, value: run })) continue;
      await changed(this.#words, { index: RUN, value: run, budgetMs: leftMs, signal });
    }
    return this.#granted(begun);
  }

  freezeSync({ budgetMs }: { budgetMs: number }): FreezeReport {
    checkBudget(budgetMs);
    const begun = this.#begin();
    const until = performance.now() + budgetMs;
    for (;;) {
      const run = Atomics.load(this.#words, RUN);
      if ((run & STATE_MASK) !== FREEZING) break;
      const leftMs = until - performance.now();
      if (leftMs <= 0) {
        this.#giveUp(budgetMs);
        break;
      }
      Atomics.wait(this.#words, RUN, run, leftMs);
    }
    return this.#granted(begun);
  }

  #begin(): { already: boolean; copied: number } {
    const already = this.state === FROZEN;
    const copied = this.#memory.bytesCopied;
    if (this.#core.request() === ENDED) throw this.#ended("it cannot be frozen");
    return { already, copied };
  }

  /** The budget is used up: withdraws, unless the guest has been faster after all. */
  #giveUp(budgetMs: number): void {
    const found = this.#core.withdraw();
    if (found === RUNNING || found === FREEZING) throw new FreezeTimeoutError(this.#guest, budgetMs);
  }

  #granted({ already, copied }: { already: boolean; copied: number }): FreezeReport {
    const found = this.#core.granted();
    if (found < 0) throw this.#ended("it ended before it was frozen");
    const stoodNs = this.#time(OFF_FROZEN_AT_NS) - this.#time(OFF_REQUESTED_AT_NS);
    return {
      guest: this.#guest,
      how: found === RUNNING ? "parked" : found === IDLE ? "idle" : "waiting",
      // A page and its Worker have each a clock that goes in steps.
      timeToSafepointMs: already ? 0 : Math.max(0, Number(stoodNs) / 1e6),
      memoryBytes: this.#memory.bytes,
      guestBytesCopied: this.#memory.bytesCopied - copied,
    };
  }

  async resume(): Promise<ResumeReport> {
    const released = this.#release();
    if (released.generation !== undefined) {
      const until = performance.now() + WOKEN_MS_MAX;
      for (;;) {
        const woken = Atomics.load(this.#words, WOKEN);
        const leftMs = until - performance.now();
        if (this.#back(woken, released.generation) || leftMs <= 0 || this.state === ENDED) break;
        if (this.#mayBlock && nap(this.#words, { index: WOKEN, value: woken })) continue;
        await changed(this.#words, { index: WOKEN, value: woken, budgetMs: leftMs });
      }
    }
    return this.#resumed(released);
  }

  resumeSync(): ResumeReport {
    const released = this.#release();
    if (released.generation !== undefined) {
      const until = performance.now() + WOKEN_MS_MAX;
      for (;;) {
        const woken = Atomics.load(this.#words, WOKEN);
        const leftMs = until - performance.now();
        if (this.#back(woken, released.generation) || leftMs <= 0 || this.state === ENDED) break;
        Atomics.wait(this.#words, WOKEN, woken, leftMs);
      }
    }
    return this.#resumed(released);
  }

  /** Whether the guest has come back from the freeze of this generation, or a later one. Generations wrap. */
  #back(woken: number, generation: number): boolean {
    return (woken - generation) << STATE_BITS >= 0;
  }

  #release(): Released {
    const parked = this.#core.granted() === RUNNING;
    const generation = Atomics.load(this.#words, RUN) >>> STATE_BITS;
    const frozenAtNs = this.#time(OFF_FROZEN_AT_NS);
    const pausedNs = this.#time(OFF_PAUSED_NS);
    const held = this.#core.release();
    if (held < 0) {
      if (this.state === ENDED) throw this.#ended("there is nothing to resume");
      throw new GuestStateError(this.#guest, "not frozen", "there is nothing to resume");
    }
    return {
      held,
      frozenAtNs,
      pauseNs: this.#time(OFF_PAUSED_NS) - pausedNs,
      generation: parked && held === 0 ? generation : undefined,
    };
  }

  #resumed({ held, frozenAtNs, pauseNs, generation }: Released): ResumeReport {
    let blackoutNs = pauseNs;
    if (generation !== undefined) {
      const seen = this.#back(Atomics.load(this.#words, WOKEN), generation);
      blackoutNs = (seen ? this.#time(OFF_RESUMED_AT_NS) : this.#nowNs()) - frozenAtNs;
    }
    const blackoutMs = held > 0 ? 0 : Number(blackoutNs) / 1e6;
    return {
      guest: this.#guest,
      blackoutMs,
      wallStepMs: blackoutMs,
      // What lies between the release and the first instruction is ordinary guest time under every policy.
      monotonicStepMs: this.#excludes && held === 0 ? Number(blackoutNs - pauseNs) / 1e6 : blackoutMs,
      held,
    };
  }

  #time(offset: number): bigint {
    return Atomics.load(this.#times, offset >> 3);
  }

  #ended(what: string): GuestStateError {
    return new GuestStateError(this.#guest, "ended", what);
  }
}

interface Released {
  readonly held: number;
  readonly frozenAtNs: bigint;
  readonly pauseNs: bigint;
  /** Of the freeze just ended, if the guest's thread was parked in it. */
  readonly generation: number | undefined;
}
