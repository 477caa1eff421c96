/**
 * The guest's stack, globals and tables on a host: out of its instance into the ledger, and from there into another one. On
 * the ledger's frames lie the globals, so they are the last to come and the first to go. Tables that the program itself
 * changes go beside it, by function index.
 */

import { OFF_FRAMES_TOP } from "../abi.ts";
import { readFrames } from "../resume/frames.ts";
import { Attachment, ContinuationCache, type ContinuationModule } from "../resume/resume.ts";
import { type SiteRef, siteKey } from "../resume/site.ts";
import { loadTables, saveTables, type TableState } from "../resume/tables.ts";
import type { HostData, Taken } from "./messages.ts";

export class Stack extends Attachment {
  readonly #data: HostData;
  readonly #cache: ContinuationCache;
  readonly #exports: WebAssembly.Exports;
  /** Whether the guest's globals have never been in this instance. */
  #expects = false;

  constructor(data: HostData, exports: WebAssembly.Exports) {
    const cache = new ContinuationCache();
    super({ exports, memory: data.memory, ledger: data.ledger }, cache);
    this.#data = data;
    this.#cache = cache;
    this.#exports = exports;
    this.add(data.continuations);
  }

  /** Continuations that have been made elsewhere. */
  add(modules: readonly ContinuationModule[]): void {
    for (const module of modules) this.#cache.add(module);
  }

  /** Before the guest is left with nothing on its stack: globals where the next host finds them, whatever becomes of this one. */
  rest(): void {
    this.clear();
    this.saveGlobals();
  }

  /** The guest that will be taken up is idle: its globals are in the ledger and stay there until it begins something. */
  expect(): void {
    this.#expects = true;
  }

  /** There is no stack in the ledger: the guest begins something, on its own globals. */
  clear(): void {
    if (this.#expects) this.loadGlobals();
    this.#expects = false;
    new Int32Array(this.#data.ledger.buffer)[OFF_FRAMES_TOP >> 2] = 0;
  }

  /** Globals out of this instance. */
  save(): Omit<Taken, "captureMs"> {
    const top = this.#top();
    this.saveGlobals();
    const frames = readFrames(this.#data.ledger);
    return { frames: frames.length, sites: distinct(frames), frameBytes: top, stateBytes: this.#top() - top };
  }

  /** What the tables hold that the program changes. */
  tables(): TableState {
    return saveTables(this.#data.changedTables, this.#exports);
  }

  /** All of it into this instance. */
  load(tables: TableState): void {
    this.#expects = false;
    loadTables(this.#exports, tables);
    this.loadGlobals();
  }

  #top(): number {
    return new Int32Array(this.#data.ledger.buffer)[OFF_FRAMES_TOP >> 2]!;
  }
}

function distinct(frames: readonly SiteRef[]): SiteRef[] {
  const sites = new Map<number, SiteRef>();
  for (const { functionIndex, site } of frames) sites.set(siteKey({ functionIndex, site }), { functionIndex, site });
  return [...sites.values()];
}
