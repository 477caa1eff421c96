/**
 * Branch hints: the custom section `metadata.code.branch_hint`, which says of a branch by its place in the code whether it is
 * likely. Engines that know it lay unlikely code out of the way; the others ignore it. Every branch into a slow path of ours
 * is hinted, and what the original had is kept, with its offsets put right.
 */

import { StillpointError } from "../errors.ts";
import type { Module } from "../wasm/module.ts";
import type { Parts } from "../wasm/parts.ts";
import { Reader } from "../wasm/reader.ts";
import { Writer } from "../wasm/writer.ts";

export const HINT_SECTION = "metadata.code.branch_hint";
export const UNLIKELY = 0;

/** A hint of the original: where the instruction is, and what is said of it. */
export interface Hint {
  readonly at: number;
  readonly likely: number;
}

/** The original's hints by function. A section that cannot be read is ignored, as engines do. */
export function readHints(module: Module): ReadonlyMap<number, readonly Hint[]> {
  const all = new Map<number, readonly Hint[]>();
  const section = module.sections.find(({ name }) => name === HINT_SECTION);
  if (section === undefined) return all;
  try {
    const reader = new Reader(module.bytes, section.start, section.end);
    for (let functions = reader.count(); functions > 0; functions--) {
      const functionIndex = reader.u32();
      const body = module.bodies[functionIndex - module.functionsImported] ?? reader.fail("no such function");
      const hints: Hint[] = [];
      for (let count = reader.count(); count > 0; count--) {
        const at = body.start + reader.u32();
        if (reader.u32() !== 1) reader.fail("malformed hint");
        hints.push({ at, likely: reader.u8() });
      }
      all.set(functionIndex, hints);
    }
    return all;
  } catch (error) {
    if (error instanceof StillpointError) return new Map();
    throw error;
  }
}

/** Collects hints function by function, in the order of the code. */
export class HintWriter {
  #functions = 0;
  readonly #out: Writer = new Writer(4096);
  /** Of the present function: offsets into its code and values, two numbers each. */
  readonly #pending: number[] = [];

  add(offset: number, likely: number): void {
    this.#pending.push(offset, likely);
  }

  /** The present function is complete. Offsets count from its local declarations, which take `localBytes`. */
  finish(functionIndex: number, localBytes: number): void {
    if (this.#pending.length === 0) return;
    this.#functions++;
    this.#out.u32(functionIndex);
    this.#out.u32(this.#pending.length / 2);
    for (let i = 0; i < this.#pending.length; i += 2) {
      this.#out.u32(localBytes + this.#pending[i]!);
      this.#out.u32(1);
      this.#out.u8(this.#pending[i + 1]!);
    }
    this.#pending.length = 0;
  }

  writeTo(out: Parts): void {
    if (this.#functions === 0) return;
    const count = new Writer(5);
    count.u32(this.#functions);
    out.customSection(HINT_SECTION, count.view, this.#out.view);
  }
}
