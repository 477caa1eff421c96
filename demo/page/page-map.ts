/**
 * A guest's memory as a map of its pages: written since the last look, not zero, zero. What is zero is found out little by little,
 * some pages in each frame, so that a map of a gigabyte costs no more at a time than one of a megabyte.
 */

import type { DirtyReport } from "stillpoint";

const PAGE_BYTES = 4096;
/** Longest time for sampling in one frame, ms. */
const SAMPLE_MS = 2;

const EMPTY = 0;
const FILLED = 1;
const DIRTY = 2;

export class PageMap {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #states = new Uint8Array(0);
  #at = 0;
  /** One for as long as the map has this size: a new one for each frame would be much for the collector. */
  #image = new ImageData(1, 1);

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d")!;
  }

  /** Takes up a memory, from its beginning. */
  reset(): void {
    this.#states = new Uint8Array(0);
    this.#at = 0;
  }

  dirty({ runs, pageBytes }: DirtyReport): void {
    const scale = pageBytes / PAGE_BYTES;
    for (let page = 0; page < this.#states.length; page++)
      if (this.#states[page] === DIRTY) this.#states[page] = FILLED;
    for (const [first, count] of runs) this.#states.fill(DIRTY, first * scale, (first + count) * scale);
  }

  /** Samples for a moment and paints. Gives how many pages are in each state. */
  update(memory: WebAssembly.Memory): { pages: number; dirty: number; filled: number } {
    // Growth replaces the buffer, so it is asked for each time.
    // Words of 32 bits: reading larger ones would make an object of each.
    const words = new Uint32Array(memory.buffer);
    const pages = memory.buffer.byteLength / PAGE_BYTES;
    if (pages !== this.#states.length) this.#grow(pages);
    const until = performance.now() + SAMPLE_MS;
    const step = PAGE_BYTES / 4;
    for (let looked = 0; looked < pages && (looked % 16 !== 0 || performance.now() < until); looked++) {
      const page = this.#at;
      this.#at = (page + 1) % pages;
      if (this.#states[page] === DIRTY) continue;
      let state = EMPTY;
      for (let word = page * step; word < (page + 1) * step; word++) {
        if (words[word] === 0) continue;
        state = FILLED;
        break;
      }
      this.#states[page] = state;
    }
    return this.#paint();
  }

  #grow(pages: number): void {
    const states = new Uint8Array(pages);
    states.set(this.#states.subarray(0, pages));
    this.#states = states;
    this.#at = 0;
    const side = Math.ceil(Math.sqrt(pages));
    this.#canvas.width = side;
    this.#canvas.height = Math.ceil(pages / side);
    this.#image = this.#context.createImageData(this.#canvas.width, this.#canvas.height);
  }

  #paint(): { pages: number; dirty: number; filled: number } {
    const style = getComputedStyle(document.documentElement);
    const colours = ["--raised", "--filled", "--blackout"].map((name) => this.#pixel(style.getPropertyValue(name)));
    const pixels = new Uint32Array(this.#image.data.buffer);
    const counts = [0, 0, 0];
    for (let page = 0; page < this.#states.length; page++) {
      const state = this.#states[page]!;
      pixels[page] = colours[state]!;
      counts[state]!++;
    }
    this.#context.putImageData(this.#image, 0, 0);
    return { pages: this.#states.length, dirty: counts[DIRTY]!, filled: counts[FILLED]! };
  }

  readonly #pixels = new Map<string, number>();

  /** A colour of the style sheet as a pixel. */
  #pixel(colour: string): number {
    let pixel = this.#pixels.get(colour);
    if (pixel === undefined) {
      const one = new OffscreenCanvas(1, 1).getContext("2d")!;
      one.fillStyle = colour;
      one.fillRect(0, 0, 1, 1);
      pixel = new Uint32Array(one.getImageData(0, 0, 1, 1).data.buffer)[0]!;
      this.#pixels.set(colour, pixel);
    }
    return pixel;
  }
}
