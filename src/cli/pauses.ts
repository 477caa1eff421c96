/** Freezes a guest again and again, for as long as it lives, and keeps account of every pause. */

import { setTimeout as sleep } from "node:timers/promises";
import type { FreezeReport, Guest, ResumeReport } from "../index.ts";
import { FreezeTimeoutError } from "../index.ts";
import { count, type Distribution, distributionOf, milliseconds, size } from "./figures.ts";
import { Rounds } from "./rounds.ts";

export interface PauseOptions {
  readonly everyMs: number;
  readonly forMs: number;
  /** Ask for the dirty pages in each pause. */
  readonly tracked: boolean;
}

/** All pauses of a run. Part of what `run --json` prints: names stay. */
export interface PauseReport {
  readonly count: number;
  /** What the freezes found: code in motion, a wait inside a service. */
  readonly parked: number;
  readonly waiting: number;
  /** Requests that were withdrawn because no safepoint was reached in time. */
  readonly timeouts: number;
  readonly timeToSafepointMs: Distribution | null;
  readonly blackoutMs: Distribution | null;
  readonly guestBytesCopied: number;
  /** Sum over the pauses of the pages written since the one before; null without tracking. */
  readonly dirtyPages: number | null;
  /** By how much the guest saw its clocks jump, all pauses together. */
  readonly wallStepMs: number;
  readonly monotonicStepMs: number;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export class Pauses {
  readonly #guest: Guest;
  readonly #options: PauseOptions;
  readonly #onPause: () => void;
  readonly #rounds: Rounds;
  readonly #freezes: FreezeReport[] = [];
  readonly #resumes: ResumeReport[] = [];
  #timeouts = 0;
  #dirtyPages = 0;

  constructor(guest: Guest, options: PauseOptions, onPause: () => void) {
    this.#guest = guest;
    this.#options = options;
    this.#onPause = onPause;
    this.#rounds = new Rounds(options.everyMs, (signal) => this.#round(signal));
  }

  async #round(signal: AbortSignal): Promise<void> {
    try {
      await this.#pause(signal);
    } catch (error) {
      if (!(error instanceof FreezeTimeoutError)) throw error;
      this.#timeouts++;
    }
    this.#onPause();
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const freeze = await this.#guest.freeze({ signal });
    if (this.#options.tracked) this.#dirtyPages += (await this.#guest.dirty({ clear: true })).pages;
    // Even the shortest timer would add a millisecond.
    if (this.#options.forMs > 0) await sleep(this.#options.forMs, undefined, { signal });
    const resume = await this.#guest.resume();
    this.#freezes.push(freeze);
    this.#resumes.push(resume);
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  get report(): PauseReport {
    const found = (how: FreezeReport["how"]): number => this.#freezes.filter((freeze) => freeze.how === how).length;
    return {
      count: this.#freezes.length,
      parked: found("parked"),
      waiting: found("waiting"),
      timeouts: this.#timeouts,
      timeToSafepointMs: distributionOf(this.#freezes.map((freeze) => freeze.timeToSafepointMs)),
      blackoutMs: distributionOf(this.#resumes.map((resume) => resume.blackoutMs)),
      guestBytesCopied: sum(this.#freezes.map((freeze) => freeze.guestBytesCopied)),
      dirtyPages: this.#options.tracked ? this.#dirtyPages : null,
      wallStepMs: sum(this.#resumes.map((resume) => resume.wallStepMs)),
      monotonicStepMs: sum(this.#resumes.map((resume) => resume.monotonicStepMs)),
    };
  }

  /** The report in one line; times are medians unless they say max. */
  get line(): string {
    const { report } = this;
    const part = (name: string, ms: Distribution | null): string[] =>
      ms === null ? [] : [`${name} ${milliseconds(ms.p50)}, max ${milliseconds(ms.max)}`];
    return [
      `${count(report.count, "pause")} (${count(report.waiting)} in a wait)`,
      ...part("safepoint", report.timeToSafepointMs),
      ...part("blackout", report.blackoutMs),
      `${size(report.guestBytesCopied)} copied`,
      ...(report.dirtyPages === null ? [] : [`${count(report.dirtyPages, "page")} dirtied`]),
      ...(report.timeouts === 0 ? [] : [count(report.timeouts, "timeout")]),
    ].join(" · ");
  }
}
