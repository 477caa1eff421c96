/**
 * One line on standard error that is written over and over on a terminal. Where standard error is no terminal, the same text
 * comes as plain lines, and more rarely.
 */

/** Often enough to look alive; a line in a file or a log costs its reader more. */
const TERMINAL_MS = 50;
const PLAIN_MS = 1000;

const ERASE_LINE = "\r\x1b[2K";

export class LiveLine {
  readonly #terminal: boolean = process.stderr.isTTY === true;
  #shown = false;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** Shows `text()` unless something was shown a moment ago. */
  show(text: () => string): void {
    const now = performance.now();
    if (now - this.#lastMs < (this.#terminal ? TERMINAL_MS : PLAIN_MS)) return;
    this.#lastMs = now;
    if (!this.#terminal) process.stderr.write(`stillpoint: ${text()}\n`);
    else {
      // A line that wraps could not be erased.
      const line = text();
      const columns = process.stderr.columns || 80;
      process.stderr.write(`${ERASE_LINE}${line.length < columns ? line : `${line.slice(0, columns - 2)}…`}`);
      this.#shown = true;
    }
  }

  /** Makes room for what somebody else is about to write to the terminal. */
  erase(): void {
    if (!this.#shown) return;
    process.stderr.write(ERASE_LINE);
    this.#shown = false;
  }
}
