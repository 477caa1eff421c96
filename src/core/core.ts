/**
 * The core (assembly/) on one ledger, typed. Every thread that deals with a guest attaches the same compiled module to the
 * guest's ledger; the instances share nothing but that memory.
 */

import { instantiateSync } from "#loader";
import { ABI_MAGIC, ABI_VERSION, LEDGER_PAGES, OFF_HOST, OFF_MAGIC, OFF_PAGE_SHIFT, OFF_VERSION } from "../abi.ts";
import { StillpointError } from "../errors.ts";

/** Exports of the core; assembly/ says what each means. Booleans are 0 and 1, times are ns of the process. */
export interface Core {
  // owner: the handshake
  request(): number;
  withdraw(): number;
  granted(): number;
  release(): number;
  recall(): number;
  unrecall(): number;
  taken(): void;
  handOver(expected: number, next: number): number;
  bury(): number;
  // host: the handshake; moves answer NO, YES or WANTED
  takeUp(): number;
  heed(): number;
  stay(): void;
  enter(): number;
  leave(): number;
  poll(): void;
  beginWait(): number;
  endWait(): number;
  end(): number;
  // host: what guest code calls through its table, besides poll()
  guestWait32(address: number, expected: number, timeoutNs: bigint): number;
  guestWait64(address: number, expected: bigint, timeoutNs: bigint): number;
  // clock
  startClock(policy: number, slewPpm: number): void;
  monotonicNs(): bigint;
  untilMonotonicNs(deadlineNs: bigint): bigint;
  cpuNs(): bigint;
  // dirty map
  markRange(ptr: number, bytes: number): void;
  sweep(from: number, to: number): number;
  countDirty(from: number, to: number): number;
  clearDirty(): void;
  // streams
  writable(ring: number): number;
  writePtr(ring: number): number;
  wrote(ring: number, bytes: number): void;
  readable(ring: number): number;
  buffered(ring: number): number;
  readPtr(ring: number): number;
  read(ring: number, bytes: number): void;
  endRing(ring: number): void;
  ended(ring: number): number;
  refuseRing(ring: number): void;
  refused(ring: number): number;
}

/** The guest was not in the state to move from: it has ended. */
export const NO = 0;
export const YES = 1;
/** The owner wants the guest off this thread. */
export const WANTED = 2;

/** Number of the owner's side, which never runs the guest. */
export const OWNER = 0;

export interface CoreHost {
  /** Number of the host that this thread is, or OWNER. */
  number: number;
  now(): bigint;
  lost(): void;
  wait32(address: number, expected: number, timeoutNs: bigint): number;
  wait64(address: number, expected: bigint, timeoutNs: bigint): number;
}

/** The owner's side runs no guest, so nothing there can lose one or wait for it. */
function never(): never {
  throw new Error("the owner's side of a ledger ran a host's function");
}

/** What the core needs on the owner's side. */
export function ownerSide(now: () => bigint): CoreHost {
  return { number: OWNER, now, lost: never, wait32: never, wait64: never };
}

/**
 * How far a ledger may grow beyond its first size, 64 KiB pages: frames of the deepest stack that a host's thread takes find
 * room. What is never touched costs nothing.
 */
const LEDGER_PAGES_MORE = 2048;

/** A fresh ledger on which `host` may run the guest. */
export function createLedger({ pageShift, host }: { pageShift: number; host: number }): WebAssembly.Memory {
  const ledger = new WebAssembly.Memory({
    initial: LEDGER_PAGES,
    maximum: LEDGER_PAGES + LEDGER_PAGES_MORE,
    shared: true,
  });
  const view = new DataView(ledger.buffer);
  view.setUint32(OFF_PAGE_SHIFT, pageShift, true);
  view.setUint32(OFF_HOST, host, true);
  view.setUint32(OFF_VERSION, ABI_VERSION, true);
  view.setUint32(OFF_MAGIC, ABI_MAGIC, true);
  return ledger;
}

/**
 * Instantiates the core on a ledger.
 *
 * @throws {StillpointError} SP_ABI_MISMATCH if the ledger was made by a version of the library that this one does not know
 */
export function attachCore(module: WebAssembly.Module, ledger: WebAssembly.Memory, host: CoreHost): Core {
  const view = new DataView(ledger.buffer);
  const version = view.getUint32(OFF_VERSION, true);
  if (view.getUint32(OFF_MAGIC, true) !== ABI_MAGIC || version !== ABI_VERSION) {
    throw new StillpointError(
      "SP_ABI_MISMATCH",
      `the ledger has ABI version ${version}, this library has ${ABI_VERSION}`,
    );
  }
  const { instance } = instantiateSync(module, { env: { memory: ledger }, host: { ...host } });
  // The loader's own view wraps each function to count arguments, which the core never needs and guests would pay for.
  return instance.exports as unknown as Core;
}
