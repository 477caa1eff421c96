/**
 * Waiting for a word of shared memory without blocking the thread. The timer beside the wait is there because a pending
 * `Atomics.waitAsync` does not keep Node alive.
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
 * How long a thread looks at a word before it goes to sleep, ms. A guest in a loop answers within a few microseconds, and a
 * wake-up costs tens of them; a guest that needs longer makes this much waste.
 */
const SPIN_MS = 0.03;

/** Looks at the word for a moment. True once it is no longer `value`. */
export function spin(words: Int32Array, { index, value }: { index: number; value: number }): boolean {
  const until = performance.now() + SPIN_MS;
  do {
    for (let look = 0; look < 32; look++) {
      if (Atomics.load(words, index) !== value) return true;
    }
  } while (performance.now() < until);
  return false;
}
