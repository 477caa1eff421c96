/** What the guest's operations report, and the events that carry the reports. Times are ms. */

import type { StillpointError } from "../errors.ts";

export type GuestState = "booting" | "idle" | "running" | "waiting" | "freezing" | "frozen" | "exited" | "failed";

export interface FreezeReport {
  readonly guest: string;
  /** What the freeze found: code in motion, a guest without work, or one that waits inside a service. */
  readonly how: "parked" | "idle" | "waiting";
  /** From the request to the moment at which the guest stood still; 0 if it was frozen already, or within a step of a page's clock. */
  readonly timeToSafepointMs: number;
  readonly memoryBytes: number;
  /** Bytes of guest memory that the library copied on the way. */
  readonly guestBytesCopied: number;
}

export interface ResumeReport {
  readonly guest: string;
  /**
   * From the guest's last instruction before to its first after, by its own thread's time stamps. For a guest that had
   * nothing to execute (idle, waiting) the time between grant and release. 0 while holds are left.
   */
  readonly blackoutMs: number;
  /** By how much the guest's wall clock is seen to jump. */
  readonly wallStepMs: number;
  /** By how much the guest's monotonic clock is seen to jump, by its policy. */
  readonly monotonicStepMs: number;
  /** Holds that are left; the guest runs when it is 0. */
  readonly held: number;
}

export interface HandoverReport {
  readonly guest: string;
  /** From the guest's last instruction in the old host to its first in the new one. */
  readonly blackoutMs: number;
  readonly timeToSafepointMs: number;
  /** What the freeze found, that time when the guest could leave its thread; undefined if it failed before. */
  readonly how: FreezeReport["how"] | undefined;
  /** Globals, services and frames out of the old host. */
  readonly captureMs: number;
  /** Continuations made and compiled, as far as they were not known yet. */
  readonly synthesisMs: number;
  readonly compileMs: number;
  /** Services and globals into the new host. */
  readonly restoreMs: number;
  readonly frames: number;
  readonly frameBytes: number;
  /** Of the mutable globals. */
  readonly stateBytes: number;
  /** Bytes of guest memory that the library copied on the way. */
  readonly guestBytesCopied: number;
  /** Continuations that had to be made. */
  readonly cacheMisses: number;
  /** For how long the guest stood still beforehand, several times for a moment, to be looked at; no part of the blackout. */
  readonly glimpsesMs: number;
}

/** A guest was taken off its thread and put back, so that its frames go on in better code. */
export interface TierUpReport {
  readonly guest: string;
  /** From the guest's last instruction before to its first after. */
  readonly blackoutMs: number;
  readonly timeToSafepointMs: number;
  readonly captureMs: number;
  /** Continuations made and compiled, as far as they were not known yet; within the blackout. */
  readonly synthesisMs: number;
  readonly compileMs: number;
  readonly cacheMisses: number;
  readonly frames: number;
  /** Whether it will be done again. */
  readonly goesOn: boolean;
}

/** Tracking was changed on a running guest. */
export interface TrackReport {
  readonly guest: string;
  readonly mode: "none" | "marks" | "scan";
  readonly blackoutMs: number;
  /** Until the image was there that the guest runs on now: near 0 if a guest had needed it before. In the background. */
  readonly imageMs: number;
  /** Size of that image, which is kept as long as the other one is. */
  readonly imageBytes: number;
}

export interface DirtyReport {
  /** How many tracking pages are dirty. */
  readonly pages: number;
  /** Runs of dirty pages: first page, page count. A dirty page means its own bytes and the 272 that follow. */
  readonly runs: readonly (readonly [firstPage: number, pageCount: number])[];
  readonly pageBytes: number;
  /** The epoch in which the map was last clean. */
  readonly epoch: number;
}

/** How a guest ended. */
export type Exit =
  | { readonly kind: "code"; readonly code: number }
  | { readonly kind: "failed"; readonly error: StillpointError };

export interface GuestEventMap {
  state: CustomEvent<{ readonly guest: string; readonly from: GuestState; readonly to: GuestState }>;
  freeze: CustomEvent<FreezeReport>;
  resume: CustomEvent<ResumeReport>;
  handover: CustomEvent<HandoverReport>;
  tierUp: CustomEvent<TierUpReport>;
  track: CustomEvent<TrackReport>;
}

/** An EventTarget whose events have known names and details. */
export type GuestEvents = Omit<EventTarget, "addEventListener" | "removeEventListener"> & {
  addEventListener<K extends keyof GuestEventMap>(
    type: K,
    listener: (event: GuestEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof GuestEventMap>(
    type: K,
    listener: (event: GuestEventMap[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
};
