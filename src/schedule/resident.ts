/**
 * A guest as a wave sees it: all that an update needs of it, and nothing of how it is done. Guests in Workers stand behind it, and
 * in tests and benches so do records, by the thousand.
 */

import type { Change, Update, Verdict } from "./update.ts";

export interface Resident {
  readonly name: string;
  /** Not "running" from the moment at which the guest has ended. A reboot on behalf of a wave is no end. */
  readonly state: "running" | "exited" | "failed";
  /** Resolves some time after it has ended. Never rejects. */
  readonly ended: Promise<unknown>;
  /** The longest of the guest's last pauses by handover, ms; undefined if there was none. */
  readonly expectedMs: number | undefined;
  /** Whether the change can be made. Never rejects. */
  verdict(change: Change): Promise<Verdict>;
  /**
   * Makes the change. When it rejects, the guest runs on as it was before or has ended; a guest whose signal is aborted is put
   * back, and the rejection waits for that.
   */
  replace(change: Change, limits: Limits): Promise<Replaced>;
  /** What its services say of themselves. Never rejects: a throw or lateness is an answer too. */
  healthy(limits: Pick<Limits, "budgetMs" | "signal">): Promise<boolean>;
  /** What the caller's check says of it. May reject, and may never answer. */
  passes(health: NonNullable<Update["health"]>, signal: AbortSignal): boolean | Promise<boolean>;
}

export interface Limits {
  /** For the whole of it, ms. */
  readonly budgetMs: number;
  /** For the time in which the guest executes nothing, ms. */
  readonly maxImpactMs: number;
  readonly signal?: AbortSignal;
}

/** A change that was made. */
export interface Replaced {
  /** For how long the guest executed nothing. */
  readonly blackoutMs: number;
  /** Puts back what the guest had before. When it rejects, the guest runs on what it was given, or has ended. */
  back(limits: Limits): Promise<Pick<Replaced, "blackoutMs">>;
}
