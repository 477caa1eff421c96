/**
 * Puts a captured guest onto an instance and lets it go on.
 *
 *   ContinuationCache   by image: modules of continuations that have been made, and which of their exports goes on from where
 *   Attachment          by instance: those modules instantiated on it, and a table of all continuations it has
 *
 * A cache belongs to one image, since a frame means something only to the code that saved it, and may be shared by all its
 * instances in a thread. Nothing here runs guest code but `resume`.
 */

import {
  EXPORT_DROP,
  EXPORT_FUNCTIONS,
  EXPORT_GLOBAL,
  EXPORT_LOAD,
  EXPORT_SAVE,
  EXPORT_TABLE,
  EXPORT_TAG,
  OFF_FRAMES_TOP,
  OFF_UNWINDING,
} from "../abi.ts";
import { type CapturedFrame, readFrames, setContinuation } from "./frames.ts";
import { CONTINUATIONS, type ImportKind, type SiteRef, siteKey, siteName } from "./site.ts";
import type { Synthesised, SynthesisOptions } from "./synthesis.ts";

/** A compiled module of continuations; its exports "0", "1", … go on from `sites`, in that order. */
export interface ContinuationModule {
  readonly sites: readonly SiteRef[];
  readonly module: WebAssembly.Module;
}

/** What makes continuations of one image (synthesis.ts). Hosts have none: they are given what they need, compiled. */
export type Synthesise = (sites: readonly SiteRef[], options: SynthesisOptions) => Synthesised;

export class ContinuationCache {
  readonly #synthesise: Synthesise | undefined;
  readonly #bySite: Map<number, ContinuationModule> = new Map();
  readonly #modules: ContinuationModule[] = [];
  /** Time spent so far, ms. */
  synthesisMs: number = 0;
  compileMs: number = 0;

  /** Without a synthesis it has what is added to it and makes nothing. */
  constructor(synthesise?: Synthesise) {
    this.#synthesise = synthesise;
  }

  /** Adds a module that was made elsewhere. */
  add(module: ContinuationModule): void {
    this.#modules.push(module);
    for (const site of module.sites) this.#bySite.set(siteKey(site), module);
  }

  /**
   * Sees to it that each of these sites has a continuation. Gives how many of them had none.
   */
  complete(sites: readonly SiteRef[]): number {
    const missing = new Map<number, SiteRef>();
    for (const { functionIndex, site } of sites) {
      const key = siteKey({ functionIndex, site });
      if (!this.#bySite.has(key)) missing.set(key, { functionIndex, site });
    }
    if (missing.size === 0) return 0;
    this.#make([...missing.values()]);
    return missing.size;
  }

  /** Makes `max` continuations at most for sites of this function that have none. False once all have one. */
  completeFunction(functionIndex: number, max: number): boolean {
    const before = this.#bySite.size;
    this.#make([], { functionIndex, max });
    return this.#bySite.size - before >= max;
  }

  #make(sites: readonly SiteRef[], whole?: { functionIndex: number; max: number }): void {
    if (this.#synthesise === undefined) throw new Error(`no continuations for ${sites.map(siteName).join(", ")}`);
    const from = performance.now();
    const made = this.#synthesise(sites, { whole, known: (site) => this.#bySite.has(siteKey(site)) });
    const synthesised = performance.now();
    if (made.sites.length === 0) return;
    this.add({ sites: made.sites, module: new WebAssembly.Module(made.bytes) });
    this.synthesisMs += synthesised - from;
    this.compileMs += performance.now() - synthesised;
  }

  /** All that have been made or added, in that order. */
  get modules(): readonly ContinuationModule[] {
    return this.#modules;
  }

  /** The module in which a site's continuation is. */
  of(site: SiteRef): ContinuationModule {
    const kept = this.#bySite.get(siteKey(site));
    if (kept === undefined) throw new Error(`no continuation for ${siteName(site)}`);
    return kept;
  }
}

/** What a guest runs on: an instance of its image's module and the memories it was given. */
export interface Ground {
  readonly exports: WebAssembly.Exports;
  readonly memory: WebAssembly.Memory;
  readonly ledger: WebAssembly.Memory;
}

export class Attachment {
  readonly #ground: Ground;
  readonly #cache: ContinuationCache;
  readonly #table: WebAssembly.Table = new WebAssembly.Table({ element: "anyfunc", initial: 0 });
  readonly #places: Map<number, number> = new Map();

  constructor(ground: Ground, cache: ContinuationCache) {
    this.#ground = ground;
    this.#cache = cache;
  }

  /** The new instance of a guest that has been booted elsewhere: drops what boot has dropped. Once, before anything else. */
  attach(): void {
    this.#call(EXPORT_DROP);
  }

  /** After all frames have returned: puts the mutable globals on top of them. */
  saveGlobals(): void {
    this.#call(EXPORT_SAVE);
  }

  /** Takes them off again, into this instance. */
  loadGlobals(): void {
    this.#call(EXPORT_LOAD);
  }

  /** Instantiates all continuations that the cache has, so that a guest need not wait for those that it takes. */
  prepare(): void {
    for (const { sites } of this.#cache.modules) this.#place(sites[0]!);
  }

  /** Writes into each frame where it goes on; instantiates what that takes. */
  bind(frames: readonly CapturedFrame[]): void {
    this.#cache.complete(frames);
    const view = new DataView(this.#ground.ledger.buffer);
    for (const frame of frames) setContinuation(view, frame, this.#place(frame));
  }

  /** Where a site's continuation is in the table. */
  #place(site: SiteRef): number {
    const key = siteKey(site);
    const place = this.#places.get(key);
    if (place !== undefined) return place;
    this.#instantiate(this.#cache.of(site));
    return this.#places.get(key)!;
  }

  /**
   * What lets the captured guest go on when it is called: it returns what the outermost function returns, or zeros if the guest
   * is captured again on the way.
   *
   * Requires    the globals were loaded; when it is called, the unwinding word is clear and the guest may run.
   */
  continuation(): () => unknown {
    const frames = readFrames(this.#ground.ledger);
    this.bind(frames);
    return this.#table.get(this.#places.get(siteKey(frames[0]!))!) as () => unknown;
  }

  #instantiate({ sites, module }: ContinuationModule): void {
    const values: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    const imports = WebAssembly.Module.imports(module);
    for (const { module: kind, name } of imports) (values[kind] ??= {})[name] = this.#import(kind as ImportKind, name);
    const { exports } = new WebAssembly.Instance(module, values);
    const first = this.#table.grow(sites.length);
    for (const [i, site] of sites.entries()) {
      this.#table.set(first + i, exports[i]);
      this.#places.set(siteKey(site), first + i);
    }
  }

  #import(kind: ImportKind, name: string): WebAssembly.ImportValue {
    const { exports, memory, ledger } = this.#ground;
    switch (kind) {
      case "memory":
        return name === "0" ? memory : ledger;
      case "table":
        return name === CONTINUATIONS ? this.#table : exports[EXPORT_TABLE + name]!;
      case "tag":
        return exports[EXPORT_TAG + name]!;
      case "global":
        return exports[EXPORT_GLOBAL + name]!;
      case "continuation": {
        const [functionIndex, site] = name.split(":").map(Number) as [number, number];
        return this.#table.get(this.#place({ functionIndex, site }));
      }
      case "function":
        return (exports[EXPORT_FUNCTIONS] as WebAssembly.Table).get(Number(name));
    }
  }

  #call(name: string): void {
    (this.#ground.exports[name] as () => void)();
  }
}

/** Whether the guest's frames have saved themselves on the way out of a call that has just returned. */
export function isUnwinding(ledger: WebAssembly.Memory): boolean {
  return new Int32Array(ledger.buffer)[OFF_UNWINDING >> 2] !== 0;
}

/** Forgets all frames, of a guest that will not go on from them. */
export function dropFrames(ledger: WebAssembly.Memory): void {
  new Int32Array(ledger.buffer)[OFF_FRAMES_TOP >> 2] = 0;
}
