/**
 * Labels of branches while code is written whose nesting differs from the original's: for each construct of the original that
 * is open, which of the constructs written is the one its label belongs to. What is open but not followed here has not moved.
 */

/** A construct of the original that is open, and the level of the one that has its label. */
interface Open {
  readonly level: number;
  readonly width: number;
  hit: boolean;
}

export class Labels {
  /** How many constructs are open in what is written, of those that are followed. */
  written: number = 0;
  /** Whether something branched to the construct that was closed last. */
  hit: boolean = false;
  readonly #open: Open[] = [];

  /** How many constructs of the original are followed. */
  get count(): number {
    return this.#open.length;
  }

  /** A construct of the original has become `width` nested ones; its label is the innermost's. */
  open(width: number = 1): void {
    this.written += width;
    this.#open.push({ level: this.written - 1, width, hit: false });
  }

  close(): void {
    const { width, hit } = this.#open.pop()!;
    this.written -= width;
    this.hit = hit;
  }

  /** The label to write for the original's. */
  move(label: number): number {
    const target = this.#open.at(-1 - label);
    if (target === undefined) return label - this.count + this.written;
    target.hit = true;
    return this.written - 1 - target.level;
  }
}
