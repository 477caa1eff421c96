/**
 * A guest that is captured in the middle of its calls and goes on in another instance, all on one thread: the host sets the
 * unwinding word in a poll or in a host function, the frames save themselves, and what is on the ledger is put onto a fresh
 * instance of the same module. The hint is always set, so that every poll comes here and is counted.
 */
import {
  EXPORT_BOOT,
  EXPORT_SLOW,
  IMPORT_LEDGER,
  IMPORT_MEMORY,
  IMPORT_MODULE,
  LEDGER_PAGES,
  OFF_HINT,
  OFF_PINNED,
  OFF_UNWINDING,
  SLOW_POLL,
} from "../../dist/abi.js";
import type { Image } from "../../dist/prepare/image.js";
import { changedTables } from "../../dist/prepare/original.js";
import { readFrames } from "../../dist/resume/frames.js";
import { Attachment, ContinuationCache } from "../../dist/resume/resume.js";
import { synthesisOf } from "../../dist/resume/synthesis.js";
import { loadTables, saveTables } from "../../dist/resume/tables.js";
import { caller, exportedFunction } from "./bridge.ts";
import type { FunctionType } from "./signatures.ts";
import type { Value } from "./values.ts";

export interface Counts {
  polls: number;
  captures: number;
  /** Captures in host functions, whose calls were issued again. */
  left: number;
  /** Times that a capture was wanted and a frame on the stack did not allow it. */
  pinned: number;
  framesMax: number;
  readonly places: Set<string>;
}

type Imports = Record<string, Record<string, unknown>>;

export class CapturedGuest {
  readonly counts: Counts = { polls: 0, captures: 0, left: 0, pinned: 0, framesMax: 0, places: new Set() };
  readonly memory: WebAssembly.Memory;
  readonly ledger: WebAssembly.Memory;
  readonly #module: WebAssembly.Module;
  readonly #imports: WebAssembly.Imports;
  readonly #words: Int32Array;
  readonly #wants: () => boolean;
  readonly #cache: ContinuationCache;
  readonly #changedTables: readonly number[];
  readonly #sameInstance: boolean;
  #exports: WebAssembly.Exports;
  #attachment: Attachment;
  /** The guest has just been put onto an instance: it polls, or issues a call, once more. */
  #again = false;
  /** Guest code is called by host code that guest code has called. */
  #depth = 0;

  /**
   * `wants` is asked at every poll and before every host function whether to capture. With `sameInstance` the guest goes on where
   * it was.
   */
  constructor(
    image: Image,
    module: WebAssembly.Module,
    imports: Imports,
    wants: () => boolean,
    { sameInstance = false, cache = new ContinuationCache(synthesisOf(image)) } = {},
  ) {
    const { importModule, importName, minimumPages, maximumPages } = image.info.memory;
    const shared = (initial: number, maximum: number) => new WebAssembly.Memory({ initial, maximum, shared: true });
    this.#module = module;
    this.#cache = cache;
    this.#changedTables = changedTables(image);
    this.#sameInstance = sameInstance;
    this.#wants = wants;
    this.ledger = shared(LEDGER_PAGES, LEDGER_PAGES);
    this.#words = new Int32Array(this.ledger.buffer);
    this.#words[OFF_HINT >> 2] = 1;
    const all: Record<string, Record<string, unknown>> = {};
    for (const { module: from, name, kind, type } of image.info.imports) {
      const value = imports[from]?.[name];
      (all[from] ??= {})[name] =
        kind === "function" ? this.#wrapped(value as (...args: unknown[]) => unknown, type!) : value;
    }
    const own: Record<string, unknown> = (all[IMPORT_MODULE] = { [IMPORT_LEDGER]: this.ledger });
    this.memory =
      importModule === IMPORT_MODULE
        ? shared(minimumPages, maximumPages)
        : (imports[importModule]![importName] as WebAssembly.Memory);
    (importModule === IMPORT_MODULE ? own : (all[importModule] ??= {}))[
      importModule === IMPORT_MODULE ? IMPORT_MEMORY : importName
    ] = this.memory;
    this.#imports = all as WebAssembly.Imports;
    this.#exports = this.#instantiate();
    this.#attachment = this.#attach();
  }

  /** Once, before any call; a start function may be captured as well. */
  boot(): void {
    this.#run(this.#exports[EXPORT_BOOT], { params: [], results: [] }, []);
  }

  /** Of the instance on which the guest is now. */
  get exports(): WebAssembly.Exports {
    return this.#exports;
  }

  call(name: string, type: FunctionType, args: readonly Value[]): Value[] {
    return this.#run(this.#exports[name], type, args);
  }

  #run(target: unknown, type: FunctionType, args: readonly Value[]): Value[] {
    // Nothing is left of an earlier call on the stack.
    this.#words[OFF_PINNED >> 2] = 0;
    let results = caller(target, type)(args);
    while (this.#words[OFF_UNWINDING >> 2] !== 0) {
      this.#words[OFF_UNWINDING >> 2] = 0;
      this.counts.captures++;
      this.#attachment.saveGlobals();
      if (!this.#sameInstance) {
        // As if they went to another thread.
        const tables = structuredClone(saveTables(this.#changedTables, this.#exports));
        this.#exports = this.#instantiate();
        this.#attachment = this.#attach();
        this.#attachment.attach();
        loadTables(this.#exports, tables);
      }
      this.#attachment.loadGlobals();
      const frames = readFrames(this.ledger);
      this.counts.framesMax = Math.max(this.counts.framesMax, frames.length);
      for (const { functionIndex, site } of frames) this.counts.places.add(`${functionIndex}:${site}`);
      const goOn = this.#attachment.continuation();
      this.#again = true;
      results = caller(goOn, { params: [], results: type.results })([]);
    }
    return results;
  }

  #instantiate(): WebAssembly.Exports {
    const { exports } = new WebAssembly.Instance(this.#module, this.#imports);
    const poll = () => {
      if (this.#again) this.#again = false;
      else {
        this.counts.polls++;
        this.#maybeLeave();
      }
    };
    (exports[EXPORT_SLOW] as WebAssembly.Table).set(SLOW_POLL, exportedFunction({ params: [], results: [] }, poll));
    return exports;
  }

  #attach(): Attachment {
    return new Attachment({ exports: this.#exports, memory: this.memory, ledger: this.ledger }, this.#cache);
  }

  #maybeLeave(): boolean {
    if (this.#depth > 0 || !this.#wants()) return false;
    if (this.#words[OFF_PINNED >> 2] !== 0) {
      this.counts.pinned++;
      return false;
    }
    this.#words[OFF_UNWINDING >> 2] = 1;
    return true;
  }

  /** A host function that may be left before it has done anything. */
  #wrapped(target: (...args: unknown[]) => unknown, type: string): (...args: unknown[]) => unknown {
    const zero = zeroOf(type);
    return (...args) => {
      if (this.#again) this.#again = false;
      else if (this.#maybeLeave()) {
        this.counts.left++;
        return zero;
      }
      this.#depth++;
      try {
        return target(...args);
      } finally {
        this.#depth--;
      }
    };
  }
}

/** What a host function of a type, as an image's description has it, answers when it is left: nobody looks at it, but it must be of that type. */
function zeroOf(type: string): unknown {
  const results = /-> \((.*)\)$/.exec(type)![1]!;
  const zeros = results
    .split(", ")
    .map((result) => (result === "" ? undefined : result === "i64" ? 0n : result.includes("ref") ? null : 0));
  return zeros.length > 1 ? zeros : zeros[0];
}
