/**
 * Hands a guest over to another host again and again, for as long as it lives, and keeps account of it. With several services
 * modules each handover goes to the next of them, and after the last to the first; the guest was booted with the first.
 */

import { type Guest, HandoverError, type HandoverReport } from "../index.ts";
import { count, type Distribution, distributionOf, milliseconds } from "./figures.ts";
import { Rounds } from "./rounds.ts";

/** The parts of a handover that have a time of their own, in their order. */
const PARTS = ["timeToSafepointMs", "captureMs", "synthesisMs", "compileMs", "restoreMs", "blackoutMs"] as const;

/** All handovers of a run. Part of what `run --json` prints: names stay. */
export interface HandoversReport extends Readonly<Record<(typeof PARTS)[number], Distribution | null>> {
  readonly count: number;
  /** Handovers after which the program went on in the host where it was. */
  readonly failed: number;
  /** Frames that went along. */
  readonly frames: Distribution | null;
  /** Continuations that had to be made first. */
  readonly cacheMisses: number;
  readonly guestBytesCopied: number;
}

interface Observer {
  /** One handover is over, whatever came of it. */
  done(): void;
  /** A reason for which the guest stayed where it was; told once for each. */
  refused(reason: string): void;
}

export class Handovers {
  readonly #guest: Guest;
  readonly #services: readonly URL[];
  readonly #observer: Observer;
  readonly #rounds: Rounds;
  readonly #reports: HandoverReport[] = [];
  readonly #reasons = new Set<string>();
  #begun = 0;
  #failed = 0;

  constructor(guest: Guest, { everyMs, services }: { everyMs: number; services: readonly URL[] }, observer: Observer) {
    this.#guest = guest;
    this.#services = services;
    this.#observer = observer;
    this.#rounds = new Rounds(everyMs, (signal) => this.#round(signal));
  }

  async #round(signal: AbortSignal): Promise<void> {
    this.#begun++;
    const services = this.#services[this.#begun % this.#services.length];
    try {
      this.#reports.push(await this.#guest.handover({ signal, ...(services && { services }) }));
    } catch (error) {
      if (!(error instanceof HandoverError)) throw error;
      // A program that came to its end meanwhile stayed nowhere.
      if (error.guestState === "exited" || error.guestState === "failed") return;
      this.#failed++;
      const { message } = error.cause as Error;
      if (!this.#reasons.has(message)) this.#observer.refused(message);
      this.#reasons.add(message);
    }
    this.#observer.done();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  get report(): HandoversReport {
    const distribution = (of: (report: HandoverReport) => number): Distribution | null =>
      distributionOf(this.#reports.map(of));
    const total = (of: (report: HandoverReport) => number): number =>
      this.#reports.reduce((sum, report) => sum + of(report), 0);
    const times = Object.fromEntries(PARTS.map((part) => [part, distribution((report) => report[part])]));
    return {
      count: this.#reports.length,
      failed: this.#failed,
      ...(times as Record<(typeof PARTS)[number], Distribution | null>),
      frames: distribution(({ frames }) => frames),
      cacheMisses: total(({ cacheMisses }) => cacheMisses),
      guestBytesCopied: total(({ guestBytesCopied }) => guestBytesCopied),
    };
  }

  /** The report in one line; times are medians unless they say max. */
  get line(): string {
    const { report } = this;
    const { blackoutMs } = report;
    return [
      count(report.count, "handover"),
      ...(blackoutMs === null ? [] : [`blackout ${milliseconds(blackoutMs.p50)}, max ${milliseconds(blackoutMs.max)}`]),
      ...(report.failed === 0 ? [] : [`${count(report.failed)} failed`]),
    ].join(" · ");
  }

  /** The parts of the blackout, one in a line. */
  get table(): string {
    const { report } = this;
    const rows = PARTS.flatMap((part) => {
      const of = report[part];
      if (of === null) return [];
      const cells = [of.p50, of.p99, of.max].map((ms) => milliseconds(ms).padStart(10)).join("");
      return [`  ${part.replace("Ms", "").replace("timeToSafepoint", "safepoint").padEnd(10)}${cells}`];
    });
    return rows.length === 0 ? "" : [`  ${"".padEnd(10)}       p50       p99       max`, ...rows, ""].join("\n");
  }
}
