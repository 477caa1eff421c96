/** What a wave tells: as it goes, and at its end. */

import type { StillpointError } from "../errors.ts";
import type { Plan } from "./plan.ts";
import type { WaveState } from "./states.ts";
import type { UpdateKind, Way } from "./update.ts";

/**
 * What has become of a guest.
 *
 * - `untouched`: as it was; its turn did not come, or was called off.
 * - `updated`: it runs on what it was given.
 * - `rolledBack`: it runs on what it had before.
 * - `stuck`: it was to go back and could not; it runs on what it was given.
 * - `exited`, `failed`: it ended meanwhile.
 */
export type GuestOutcome = "untouched" | "updated" | "rolledBack" | "stuck" | "exited" | "failed";

export interface GuestReport {
  readonly guest: string;
  readonly set: string;
  readonly updateDomain: number;
  readonly way: Way | undefined;
  readonly outcome: GuestOutcome;
  /** For how long it executed nothing, there and back, ms. */
  readonly blackoutMs: number;
  /** It was started again, there or back. */
  readonly memoryLost: boolean;
  /** What went wrong with it, if anything did. */
  readonly error?: StillpointError;
}

export interface WaveReport {
  readonly wave: string;
  readonly kind: UpdateKind;
  /** `stopped`: something spoke against going on; what, says `reason`. What was committed before stays. */
  readonly outcome: "completed" | "stopped" | "canceled";
  readonly reason?: StillpointError;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** Update domains that stay on what they were given, in order. */
  readonly committed: readonly number[];
  /** The one whose guests went back, if one did. */
  readonly rolledBack?: number;
  readonly guests: readonly GuestReport[];
}

export type WaveProgress =
  | { readonly type: "planned"; readonly plan: Plan }
  /** The wave has gone from one state to the next. `updateDomain`: the one it is at. */
  | { readonly type: "state"; readonly from: WaveState; readonly to: WaveState; readonly updateDomain?: number }
  | { readonly type: "guest"; readonly report: GuestReport }
  | { readonly type: "held" | "resumed" }
  /** The last one. */
  | { readonly type: "ended"; readonly report: WaveReport };
