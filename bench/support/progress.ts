/** Says how far a run is: a bar and what it does now on a terminal, a line for each question elsewhere. */

const BAR_COLUMNS = 20;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #of: number;
  #done = 0;

  constructor(stream: NodeJS.WriteStream, { of }: { of: number }) {
    this.#stream = stream;
    this.#of = of;
  }

  now(text: string): void {
    if (!this.#stream.isTTY) return;
    const filled = Math.round((BAR_COLUMNS * this.#done) / this.#of);
    const bar = "█".repeat(filled) + "░".repeat(BAR_COLUMNS - filled);
    const line = `${bar} ${this.#done}/${this.#of} ${text}`;
    // A line that wraps could not be taken back.
    this.#stream.write(`\r\x1b[K${line.slice(0, (this.#stream.columns || 80) - 1)}`);
  }

  done(text: string): void {
    this.#done++;
    this.#stream.write(`${this.#stream.isTTY ? "\r\x1b[K" : ""}${this.#done}/${this.#of} ${text}\n`);
  }
}
