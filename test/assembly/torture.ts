/** What the two sides of the torture share: the owner is torture.test.ts, a host is torture-host.ts. */

export interface HostData {
  readonly ledger: WebAssembly.Memory;
  readonly guest: Int32Array;
  /** This thread's words: number of its turn, or 0; what it is to go on with. */
  readonly command: Int32Array;
  readonly seed: number;
  /** Whether the guest may end by itself. */
  readonly mortal: boolean;
  /** Touches its memory and polls as fast as it can, and does nothing else. */
  readonly restless: boolean;
}

/** Words of the guest's memory; the last one is set by whoever sees what must not be. */
export const COUNT = 0;
export const TOUCHED_BY = 1;
export const TORN = 2;

/** Words of a command. */
export const NUMBER = 0;
export const FROM = 1;
