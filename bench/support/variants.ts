/**
 * One module in every form in which its speed is of interest. The first is the floor; "unprepared, again" is the same module once
 * more: how far it is from the first is the noise of code placement, tiering and timing together.
 *
 * A variant is compiled several times, each time with another custom section at its end, because V8 would share the code of
 * identical bytes: when it optimises a function, and what it inlines there, depends on the moment, and the same module
 * may be a fifth slower or faster for it. Variants can be posted to a Worker.
 */

import { EXPORT_BOOT, IMPORT_LEDGER, IMPORT_MEMORY, IMPORT_MODULE, LEDGER_PAGES } from "../../dist/abi.js";
import { type PrepareOptions, prepareSync } from "../../dist/prepare/prepare.js";
import { Parts } from "../../dist/wasm/parts.js";
import { readSections, SECTION } from "../../dist/wasm/sections.js";
import { importingSharedMemory, type SharedMemoryImport } from "./shared-memory.ts";

export interface Variant {
  readonly name: string;
  readonly module: WebAssembly.Module;
  /** What memory the instance is given; undefined where it makes its own. */
  readonly memory: SharedMemoryImport | undefined;
  readonly prepared: boolean;
  readonly codeBytes: number;
}

export const UNPREPARED = "unprepared";
export const AGAIN = "unprepared, again";
export const SHARED = "shared memory";
export const POLLS = "polls";
export const POLLS_AND_MARKS = "polls and marks";
export const POLLS_AND_CAPTURE = "polls and capture";
export const ALL = "polls, capture and marks";

const PREPARED: Readonly<Record<string, PrepareOptions>> = {
  [POLLS]: { track: "none", polls: "plain", capture: false },
  [POLLS_AND_MARKS]: { track: "marks", polls: "plain", capture: false },
  [POLLS_AND_CAPTURE]: { track: "none", polls: "plain", capture: true },
  [ALL]: { track: "marks", polls: "plain", capture: true },
};

export function codeBytes(bytes: Uint8Array): number {
  const code = readSections(bytes).find(({ id }) => id === SECTION.code);
  return code === undefined ? 0 : code.end - code.start;
}

/** The same module with an empty custom section at its end. */
export function marked(bytes: Uint8Array, mark: string): Uint8Array<ArrayBuffer> {
  const copy = new Parts();
  copy.add(bytes);
  copy.customSection(mark);
  return copy.join();
}

/** A module that stands for itself. */
export const plainVariant = (name: string, bytes: Uint8Array<ArrayBuffer>): Variant => ({
  name,
  module: new WebAssembly.Module(marked(bytes, name)),
  memory: undefined,
  prepared: false,
  codeBytes: codeBytes(bytes),
});

/** Each variant, as often as it is to be compiled. */
export function variantsOf(
  bytes: Uint8Array<ArrayBuffer>,
  { copies, progress }: { copies: number; progress: (text: string) => void },
): Variant[] {
  const variants: Variant[] = [];
  const add = (name: string, form: Uint8Array<ArrayBuffer>, memory: SharedMemoryImport | undefined): void => {
    progress(`compiling: ${name}`);
    for (let copy = 0; copy < copies; copy++) {
      const module = new WebAssembly.Module(marked(form, `${name} ${copy}`));
      variants.push({ name, module, memory, prepared: name in PREPARED, codeBytes: codeBytes(form) });
    }
  };
  add(UNPREPARED, bytes, undefined);
  add(AGAIN, bytes, undefined);
  const shared = importingSharedMemory(bytes, { module: IMPORT_MODULE, name: IMPORT_MEMORY });
  add(SHARED, shared.bytes, shared.memory);
  for (const [name, options] of Object.entries(PREPARED)) {
    progress(`preparing: ${name}`);
    const image = prepareSync(bytes, options);
    const { importModule, importName, minimumPages, maximumPages } = image.info.memory;
    add(name, image.moduleBytes(), { module: importModule, name: importName, minimumPages, maximumPages });
  }
  return variants;
}

/**
 * Instantiates and boots. A prepared instance has a ledger that nobody touches, and its table of slow paths stays empty: no
 * freeze is ever asked for, and a poll that took its slow path all the same would trap.
 */
export function start({ module, memory, prepared }: Variant, imports: WebAssembly.Imports): WebAssembly.Exports {
  const all: Record<string, WebAssembly.ModuleImports> = { ...imports };
  if (memory !== undefined) {
    const shared = new WebAssembly.Memory({ initial: memory.minimumPages, maximum: memory.maximumPages, shared: true });
    all[memory.module] = { ...all[memory.module], [memory.name]: shared };
  }
  if (prepared) {
    const ledger = new WebAssembly.Memory({ initial: LEDGER_PAGES, maximum: LEDGER_PAGES, shared: true });
    all[IMPORT_MODULE] = { ...all[IMPORT_MODULE], [IMPORT_LEDGER]: ledger };
  }
  const { exports } = new WebAssembly.Instance(module, all);
  if (prepared) (exports[EXPORT_BOOT] as () => void)();
  return exports;
}
