/**
 * Labels of branches while code is written whose nesting differs from the original's: for each construct of the original that
 * is open, which of the constructs written is the one its label belongs to. What is open but not followed here has not moved.
 */

export class Labels {
  /** How many constructs are open in what is written, of those that are followed. */
  written: number = 0;
  /** Whether something branched to the construct that was closed last. */
  hit: boolean = false;
  readonly #levels: number[] = [];
  readonly #widths: number[] = [];
  readonly #hit: boolean[] = [];

  /** How many constructs of the original are followed. */
  get count(): number {
    return this.#levels.length;
  }

  /** A construct of the original has become `width` nested ones; its label is the innermost's. */
  open(width: number = 1): void {
    this.written += width;
    this.#levels.push(this.written - 1);
    this.#widths.push(width);
    this.#hit.push(false);
  }

  close(): void {
    this.written -= this.#widths.pop()!;
    this.#levels.pop();
    this.hit = this.#hit.pop()!;
  }

  /** The label to write for the original's. */
  move(label: number): number {
    const i = this.#levels.length - 1 - label;
    if (i < 0) return label - this.#levels.length + this.written;
    this.#hit[i] = true;
    return this.written - 1 - this.#levels[i]!;
  }
}
