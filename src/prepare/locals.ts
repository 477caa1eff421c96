/** Locals that the passes add to one function: appended after its own, so none of those moves. */

import { ModuleUnsupportedError } from "../errors.ts";
import { LIMITS } from "../wasm/module.ts";
import type { Reader } from "../wasm/reader.ts";
import { I32, type ValueType, writeValueType } from "../wasm/types.ts";
import type { Writer } from "../wasm/writer.ts";

/** More than an operand stack is high. */
const HEIGHTS = 1 << 21;

export class AddedLocals {
  #first = 0;
  readonly #types: ValueType[] = [];
  /** Of operands that got a name: the local for each type and height. */
  #names: Map<number, number> = new Map();
  #counter = -1;

  /** Starts with a function that has `first` parameters and locals of its own. */
  begin(first: number): void {
    this.#first = first;
    this.#types.length = 0;
    this.#names = new Map();
    this.#counter = -1;
  }

  add(type: ValueType): number {
    this.#types.push(type);
    return this.#first + this.#types.length - 1;
  }

  /**
   * The local that names the operand of a type at this height. Operands that are pending at the same time are at different
   * heights, so none of them overwrites another's.
   */
  nameAt(height: number, type: ValueType = I32): number {
    const key = height + type * HEIGHTS;
    let local = this.#names.get(key);
    if (local === undefined) {
      local = this.add(type);
      this.#names.set(key, local);
    }
    return local;
  }

  /** The counter of counted loops. They are innermost, so no two count at the same time. */
  get counter(): number {
    if (this.#counter < 0) this.#counter = this.add(I32);
    return this.#counter;
  }

  /**
   * The original's declarations, which `from` is about to read, with the added ones behind them, and before them what has been
   * a parameter and is none any more.
   */
  write(out: Writer, from: Reader, functionIndex: number, parameters: readonly ValueType[] = []): void {
    if (this.#first + this.#types.length > LIMITS.locals)
      throw new ModuleUnsupportedError("a function of so many locals", from.at, { function: `func[${functionIndex}]` });
    const before = grouped(parameters);
    const behind = grouped(this.#types);
    out.u32(from.u32() + before.length + behind.length);
    writeGroups(out, before);
    out.copy(from.bytes, from.at, from.end);
    writeGroups(out, behind);
  }
}

type Group = [count: number, type: ValueType];

function grouped(types: readonly ValueType[]): Group[] {
  const groups: Group[] = [];
  for (const type of types) {
    const last = groups.at(-1);
    if (last?.[1] === type) last[0]++;
    else groups.push([1, type]);
  }
  return groups;
}

function writeGroups(out: Writer, groups: readonly Group[]): void {
  for (const [count, type] of groups) {
    out.u32(count);
    writeValueType(out, type);
  }
}
