/**
 * All that differs by runtime, as one interface. The rest of the library imports `#platform` (package.json, "imports") and knows
 * no runtime by name.
 */

import type { History } from "../schedule/history.ts";
import type { HostFiles } from "../wasi/host.ts";

/** A Worker as its parent sees it. Messages sent before the Worker listens are kept. */
export interface Thread {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Ends the thread wherever it is; resolves once it is gone, when nothing it could still write is outstanding. */
  terminate(): Promise<void>;
  /** From now on the process does not stay for it. */
  unref(): void;
}

export interface ThreadEvents {
  message(message: unknown): void;
  /** The thread is gone; `error` says why if it was not of its own will. Called exactly once. */
  exit(error: Error | undefined): void;
}

/** A Worker as it sees itself. */
export interface Self {
  readonly data: unknown;
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  listen(receive: (message: unknown) => void): void;
  /** Stops listening, so that the thread ends when its work is done. */
  close(): void;
}

export type CoreFiles = Readonly<Record<"core" | "scan", Uint8Array<ArrayBuffer>>>;

export interface Platform {
  readonly name: "node" | "browser";
  /** Whether this thread may block in Atomics.wait. */
  readonly mayBlock: boolean;
  /** Monotonic time of the process, ns: one source for all its threads. */
  nowNs(): bigint;
  /** Wall clock, ns since 1970. */
  wallNs(): bigint;
  /** Fills `into`, which may be shared memory, from the system's generator. */
  random(into: Uint8Array): void;
  /** The modules of the core (assembly/), as bytes. */
  readCore(): Promise<CoreFiles>;
  /** Where the Workers begin that run guests, and those that make something. */
  readonly workers: Readonly<Record<"host" | "workshop", URL>>;
  spawn(entry: URL, options: { name: string; data: unknown }, events: ThreadEvents): Thread;
  /** Inside a Worker that spawn() has started. Once. */
  self(): Promise<Self>;
  /** Directories of the system, where there are any. */
  readonly files: HostFiles | undefined;
  /**
   * The journal in a directory, for this process alone; undefined where there are no directories.
   *
   * @throws {StillpointError} SP_JOURNAL_LOCKED, SP_JOURNAL_INVALID, SP_JOURNAL_FAILED
   */
  readonly openJournal: ((directory: string | URL, nowMs: number) => History) | undefined;
  /** Closes a descriptor of the system that a dead thread left behind. Never throws. */
  closeDescriptor(descriptor: number): void;
  /** Tells the runtime's own tracing of a guest's event, if it has one and anybody listens. */
  publish(event: string, message: object): void;
  /** The process's own standard streams, for guests that inherit them. */
  inheritInput(): ReadableStream<Uint8Array>;
  isTerminal(descriptor: 0 | 1 | 2): boolean;
  inheritOutput(descriptor: 1 | 2): WritableStream<Uint8Array>;
}
