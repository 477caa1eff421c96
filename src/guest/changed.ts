/**
 * Waiting for a word of shared memory without blocking the thread for longer than a nap. The timer beside the wait is there
 * because a pending `Atomics.waitAsync` does not keep Node alive.
 *
 * Nobody spins on a word here, not even for a moment: where there are more threads than cores, the one that spins is as
 * likely as not in the way of the one it waits for.
 */

/** A timer's longest delay; a longer wait is several. */
export const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** Resolves once the word is no longer `value` and somebody notified it, after `budgetMs`, or on abort: look again. */
export function changed(
  words: Int32Array,
  {
    index,
    value,
    budgetMs,
    signal,
  }: { index: number; value: number; budgetMs: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const delayMs = Math.min(budgetMs, TIMER_MS_MAX);
  const waiting = Atomics.waitAsync(words, index, value, delayMs);
  if (!waiting.async || signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal?.addEventListener("abort", done);
    waiting.value.then(done);
  });
}

/**
 * How long a thread sleeps, blocking, before it waits by way of its event loop, ms. Nearly every guest stands still, or runs
 * again, within that, and the way through the event loop takes longer by itself.
 */
const NAP_MS = 0.05;

/** Sleeps for a moment, where the thread may block. True once the word is no longer `value`. */
export function nap(words: Int32Array, { index, value }: { index: number; value: number }): boolean {
  return Atomics.wait(words, index, value, NAP_MS) !== "timed-out";
}
