/** What the page has seen of pauses: kept for the timeline, and counted for the histogram. */

import type { FreezeReport, Guest, HandoverReport, ResumeReport } from "stillpoint";

export interface Pause {
  readonly guest: string;
  readonly kind: "freeze" | "handover";
  /** When it ended, ms of the page's clock. */
  readonly atMs: number;
  readonly safepointMs: number;
  readonly blackoutMs: number;
  /** Until the guest painted its next frame; unknown until then. */
  recoveredMs: number | undefined;
}

/** The newest are kept. */
const KEPT_MAX = 20_000;

export class Pauses extends EventTarget {
  readonly kept: Pause[] = [];
  /** Of all there were. */
  count = 0;
  readonly #safepoints = new Map<string, number>();

  /** Listens to a guest from now on. */
  watch(guest: Guest): void {
    const { name } = guest;
    guest.events.addEventListener("freeze", ({ detail }: CustomEvent<FreezeReport>) => {
      this.#safepoints.set(name, detail.timeToSafepointMs);
    });
    guest.events.addEventListener("resume", ({ detail }: CustomEvent<ResumeReport>) => {
      const safepointMs = this.#safepoints.get(name) ?? 0;
      if (detail.held === 0) this.#ended({ guest: name, kind: "freeze", safepointMs, blackoutMs: detail.blackoutMs });
    });
    guest.events.addEventListener("handover", ({ detail }: CustomEvent<HandoverReport>) => {
      const { timeToSafepointMs: safepointMs, blackoutMs } = detail;
      this.#ended({ guest: name, kind: "handover", safepointMs, blackoutMs });
    });
  }

  #ended(pause: Omit<Pause, "atMs" | "recoveredMs">): void {
    this.add({ ...pause, atMs: performance.now() });
  }

  /** Not before one that has been added. */
  add(pause: Omit<Pause, "recoveredMs">): void {
    this.count++;
    this.kept.push({ ...pause, recoveredMs: undefined });
    if (this.kept.length > KEPT_MAX) this.kept.splice(0, KEPT_MAX / 10);
    this.dispatchEvent(new Event("pause"));
  }

  /** The guest has painted again. */
  painted(guest: string): void {
    const now = performance.now();
    for (let index = this.kept.length - 1; index >= 0; index--) {
      const pause = this.kept[index]!;
      if (now - pause.atMs > 2000) return;
      if (pause.guest === guest && pause.recoveredMs === undefined) pause.recoveredMs = now - pause.atMs;
    }
  }

  /** Blackouts in order, ms. */
  sorted(): number[] {
    return this.kept.map(({ blackoutMs }) => blackoutMs).sort((a, b) => a - b);
  }
}

/** Three digits that matter, in the unit that fits. */
export function duration(ms: number): string {
  const [value, unit] = ms < 1 ? [ms * 1000, "µs"] : ms < 1000 ? [ms, "ms"] : [ms / 1000, "s"];
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}

/** Nearest rank: every figure is one that was measured. */
export function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
