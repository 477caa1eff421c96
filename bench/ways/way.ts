/**
 * What one could do to let a program stand still and go on: a way, each in a file of this folder, asked in a process of its own by
 * bench/ways.ts. A way does as its own documentation says, warmed up, and on the same guests as the others where it can take them.
 */

import type { Run } from "../support/question.ts";

export interface Way {
  measure(run: Run): Promise<Outcome>;
}

export interface Outcome {
  readonly pauses: readonly Pause[];
  /** What a reader has to know about these numbers. */
  readonly notes: readonly string[];
  /** Running speed under this way, time against the same program without it. */
  readonly costs?: readonly Cost[];
}

export interface Pause {
  /** What is done, as a person would say it. */
  readonly way: string;
  readonly guest: string;
  readonly keeps: Keeps;
  /** Whether the program may go on with other functions under it, in another thread or process, and whether that is in the time. */
  readonly newHost: "yes" | "no" | "not timed";
  readonly stopsAt: StopsAt;
  /** From the program's last moment before to its first after, each time it was done. */
  readonly samplesMs: readonly number[];
  /** Bytes of the program's state that were moved on the way, once each. */
  readonly bytes: number;
  /** The pause of ours that does the same for the program. */
  readonly counterpart?: { readonly way: Own; readonly guest: string };
}

export type Keeps = "memory" | "memory and stack" | "whole process" | "whole machine" | "nothing";
export type StopsAt = "any loop" | "calls of some imports" | "between calls" | "anywhere";

/** What stillpoint does. */
export const FREEZE = "freeze, resume";
export const HANDOVER = "handover";
export type Own = typeof FREEZE | typeof HANDOVER;

export interface Cost {
  readonly name: string;
  readonly ratio: number;
  /** The program without it, measured again. */
  readonly again: number;
}

/** Whether a count modulo 2^32 is one that was there before: what counts goes around within seconds. */
export const isBehind = (count: number, before: number): boolean => ((count - before) | 0) < 0;

/** What a way needs is not here, or does not work here. */
export class Missing extends Error {
  override readonly name: string = "Missing";
}

/** Megabytes of memory of the kernels and machines that differ in nothing else. */
export const KERNEL_MIB = { full: [1, 16, 256, 1024], smoke: [16] } as const;
export const MACHINE_MIB = { full: [16, 256], smoke: [16] } as const;

/** As they are named in bench/programs/guests.ts and here. */
export const CPYTHON = "CPython, loop";
export const QUICKJS = "QuickJS, loop";
export const QUICKJS_IDLE = "QuickJS, idle";
export const machineName = (mib: number): string => `machine that counts, ${mib} MiB`;
export const kernelName = (mib: number): string => (mib < 1024 ? `kernel, ${mib} MiB` : `kernel, ${mib / 1024} GiB`);
