/**
 * Time as the scheduler sees it. Notices and recovery take from minutes to hours; with a clock that is given, tests run
 * hours in milliseconds.
 */

export interface Clock {
  /** Wall clock, ms since 1970. */
  nowMs(): number;
  /** Runs something once, `ms` from now; answers what calls it off. Does not keep the process alive by itself. */
  after(ms: number, run: () => void): () => void;
}

/** Timers hold 31 bits of ms; a longer wait is cut into pieces. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(ms, run) {
    let timer: ReturnType<typeof setTimeout>;
    const arm = (leftMs: number): void => {
      const pieceMs = Math.min(leftMs, TIMER_MS_MAX);
      timer = setTimeout(() => (leftMs > pieceMs ? arm(leftMs - pieceMs) : run()), pieceMs);
      // Browsers answer with a number, and have no process to keep alive.
      if (typeof timer === "object") timer.unref();
    };
    arm(Math.max(ms, 0));
    return () => clearTimeout(timer);
  },
};
