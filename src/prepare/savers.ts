/**
 * Savers: added functions that write one frame, one for each list of types that some site saves. The values come sorted by
 * type, so that programs need few of them; function and site come last.
 *
 * The frames area is the end of the ledger. Where it is full the ledger grows, and where that fails the guest traps: frames
 * are no larger than the stack they come from, so only a thread with a stack of many megabytes gets there.
 */

import { OFF_FRAMES } from "../abi.ts";
import { F32, F64, type FunctionType, I32, I64, V128, type ValueType } from "../wasm/types.ts";
import type { Writer } from "../wasm/writer.ts";
import {
  GLOBALS_FUNCTION,
  SAVED_BYTES,
  TRAILER_BYTES,
  writeFrameAccess,
  writeFramesTop,
  writeSetFramesTop,
} from "./frames.ts";
import { type Layout, MEMORY_LEDGER } from "./layout.ts";

const LETTERS: Readonly<Record<ValueType, string>> = { [I32]: "i", [I64]: "l", [F32]: "f", [F64]: "d", [V128]: "v" };
/** How much the ledger grows by when the frames area is full. */
const GROW_PAGES = 16;

/** How the types of a saver are written in an image's description. */
function saverName(types: readonly ValueType[]): string {
  return types.map((type) => LETTERS[type]).join("");
}

export interface Savers {
  /** The function that saves values of these types; one more if there is none. */
  functionFor(types: readonly ValueType[]): number;
}

/** The savers of a module: each is made when it is first asked for. */
export class ModuleSavers implements Savers {
  readonly #first: number;
  readonly #indices: Map<string, number> = new Map();
  /** The types of those that are not made yet. */
  readonly types: FunctionType[] = [];

  /** `first` is the index of the first saver among functions, `made` names those that an image has, in their order. */
  constructor(first: number, made: readonly string[] = []) {
    this.#first = first;
    for (const name of made) this.#add(name);
  }

  get names(): string[] {
    return [...this.#indices.keys()];
  }

  functionFor(types: readonly ValueType[]): number {
    const name = saverName(types);
    const index = this.#indices.get(name);
    if (index !== undefined) return index;
    this.types.push({ kind: "function", params: [...types, I32, I32], results: [] });
    return this.#add(name);
  }

  #add(name: string): number {
    const index = this.#first + this.#indices.size;
    this.#indices.set(name, index);
    return index;
  }
}

export function writeSaver(code: Writer, { params }: FunctionType): void {
  const values = params.length - 2;
  const top = params.length;
  code.put(1, 1, I32);
  const size = params.slice(0, values).reduce((sum, type) => sum + SAVED_BYTES.get(type)!, TRAILER_BYTES);
  writeRoom(code, top, size);
  let offset = 0;
  const store = (type: ValueType, value: () => void) => {
    code.put(0x20);
    code.u32(top);
    value();
    writeFrameAccess(code, type, "store", offset);
    offset += SAVED_BYTES.get(type)!;
  };
  for (const [i, type] of params.entries()) {
    store(type, () => {
      code.put(0x20);
      code.u32(i);
    });
  }
  store(I32, () => {
    code.put(0x41);
    code.signed(size);
  });
  writePush(code, top, size);
  code.put(0x0b);
}

/** Sets a local to the top of the frames, and makes sure that `size` more bytes fit. */
function writeRoom(code: Writer, top: number, size: number): void {
  writeFramesTop(code);
  code.put(0x22);
  code.u32(top);
  code.put(0x41);
  code.signed(OFF_FRAMES + size);
  code.put(0x6a, 0x3f, MEMORY_LEDGER, 0x41, 16, 0x74, 0x4b, 0x04, 0x40); // top + … > memory.size << 16
  code.put(0x41, GROW_PAGES, 0x40, MEMORY_LEDGER, 0x41, 0x7f, 0x46, 0x04, 0x40, 0x00, 0x0b, 0x0b); // memory.grow = -1
}

function writePush(code: Writer, top: number, size: number): void {
  code.put(0x41, 0, 0x20);
  code.u32(top);
  code.put(0x41);
  code.signed(size);
  code.put(0x6a);
  writeSetFramesTop(code);
}

/** Globals that are saved, with their offsets in a frame of their own, and its size. */
export function globalsFrame(globals: readonly { readonly type: ValueType; readonly mutable: boolean }[]): {
  readonly saved: readonly { readonly index: number; readonly type: ValueType; readonly offset: number }[];
  readonly size: number;
} {
  let offset = 0;
  const saved = globals.flatMap(({ type, mutable }, index) => {
    const bytes = SAVED_BYTES.get(type);
    if (!mutable || bytes === undefined) return [];
    offset += bytes;
    return [{ index, type, offset: offset - bytes }];
  });
  return { saved, size: offset + TRAILER_BYTES };
}

/**
 * Body of a function () -> () that pushes a frame with the mutable globals, in wasm because JavaScript may change a NaN. All frames
 * have left by now, so the guest is unwinding no more.
 */
export function writeSaveGlobals(code: Writer, globals: Parameters<typeof globalsFrame>[0], layout: Layout): void {
  const { saved, size } = globalsFrame(globals);
  code.put(1, 1, I32);
  code.put(0x41, 0, 0x24);
  code.u32(layout.unwinding);
  writeRoom(code, 0, size);
  for (const { index, type, offset } of saved) {
    code.put(0x20, 0, 0x23);
    code.u32(index);
    writeFrameAccess(code, type, "store", offset);
  }
  for (const [i, word] of [GLOBALS_FUNCTION | 0, 0, size].entries()) {
    code.put(0x20, 0, 0x41);
    code.signed(word);
    writeFrameAccess(code, I32, "store", size - TRAILER_BYTES + 4 * i);
  }
  writePush(code, 0, size);
  code.put(0x0b);
}

/** Body of a function () -> () that takes that frame back. */
export function writeLoadGlobals(code: Writer, globals: Parameters<typeof globalsFrame>[0]): void {
  const { saved, size } = globalsFrame(globals);
  code.put(1, 1, I32);
  writePop(code, 0, size);
  for (const { index, type, offset } of saved) {
    code.put(0x20, 0);
    writeFrameAccess(code, type, "load", offset);
    code.put(0x24);
    code.u32(index);
  }
  code.put(0x0b);
}

/** Takes `size` bytes off the frames; a local says where they begin. */
export function writePop(code: Writer, local: number, size: number): void {
  code.put(0x41, 0);
  writeFramesTop(code);
  code.put(0x41);
  code.signed(size);
  code.put(0x6b, 0x22);
  code.u32(local);
  writeSetFramesTop(code);
}
