/**
 * Makes a module of continuations: one for each (function, site) asked for and for the loops that those go to, exported as "0",
 * "1", … in their order.
 *
 * It imports what their code uses of the instance under which the guest will go on: both memories, all tables and tags (so
 * that their indices stay), and of functions and globals those that are used, which are renumbered. The image's types come
 * first, so that no type moves. Everything imported is listed by what it is, see resume.ts for where it comes from.
 */

import { LEDGER_PAGES } from "../abi.ts";
import { typeSection } from "../prepare/assemble.ts";
import type { Image } from "../prepare/image.ts";
import type { Layout } from "../prepare/layout.ts";
import { describeMemory, writeMemory } from "../prepare/memories.ts";
import { reopen } from "../prepare/reopen.ts";
import { SHARED_LOOP_BYTES_MIN } from "../prepare/shared-loops.ts";
import { functionType, type Global, LIMITS } from "../wasm/module.ts";
import { Parts } from "../wasm/parts.ts";
import { SECTION } from "../wasm/sections.ts";
import { FUNCREF, type FunctionType, I32, type ValueType, writeValueType } from "../wasm/types.ts";
import { Writer } from "../wasm/writer.ts";
import { ContinuationWriter, LOCAL_INDEX_BYTES } from "./continuation.ts";
import type { Synthesise } from "./resume.ts";
import { CONTINUATIONS, type ImportKind, type SiteRef, siteKey, siteName } from "./site.ts";

const KIND_BYTE: Readonly<Record<ImportKind, number>> = {
  function: 0,
  table: 1,
  memory: 2,
  global: 3,
  tag: 4,
  continuation: 0,
};

export interface Synthesised {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What its exports "0", "1", … go on from: the sites asked for, and loops that their continuations go to. */
  readonly sites: readonly SiteRef[];
}

/** The one global that the original does not have. */
const UNWINDING: Global = { type: I32, mutable: true };

export interface SynthesisOptions {
  /** A function whose other sites get one as well, `max` of those that are not known. */
  readonly whole?: { readonly functionIndex: number; readonly max: number } | undefined;
  /** Whether a site has a continuation already, in another module. */
  readonly known?: (site: SiteRef) => boolean;
  /** From which size on a loop has one continuation for all that is inside. */
  readonly sharedLoopBytesMin?: number | undefined;
}

/**
 * Bytes of a module with a continuation for each of these sites.
 *
 * @throws {Error} for a site that the image does not have; sites come from frames that its own code has saved
 */
export function synthesise(image: Image, sites: readonly SiteRef[], options: SynthesisOptions = {}): Synthesised {
  return new Synthesis(image).module(sites, options);
}

/**
 * The same as what a cache of continuations makes its own with. `sharedLoopBytesMin` is for tests: from which size on a loop has
 * one continuation for all that is inside.
 */
export function synthesisOf(image: Image, sharedLoopBytesMin?: number): Synthesise {
  return (sites, options) => synthesise(image, sites, { sharedLoopBytesMin, ...options });
}

class Synthesis {
  readonly #image: Image;
  readonly #types: FunctionType[] = [];
  readonly #typeIndices: Map<string, number> = new Map();
  /** Imported functions (continuations by their site's name) and globals, in the order of their import; functions with their type. */
  readonly #functions: Map<number | string, { readonly place: number; readonly type: number }> = new Map();
  readonly #globals: Map<number, number> = new Map();
  readonly #referred: Set<number> = new Set();

  constructor(image: Image) {
    this.#image = image;
  }

  module(
    sites: readonly SiteRef[],
    { whole, known = () => false, sharedLoopBytesMin = SHARED_LOOP_BYTES_MIN }: SynthesisOptions,
  ): Synthesised {
    const { module, prepared, layout, plan, savers } = reopen(this.#image);
    if (plan === undefined || savers === undefined) throw new Error("an image without capture has no continuations");
    const type = (wanted: FunctionType) => this.#type(module.types.length, wanted);
    const callee = (index: number) =>
      this.#function(index, () =>
        index < module.functions.length ? module.functions[index]! : type(functionType(prepared, index)),
      );
    const writer = new ContinuationWriter(
      module,
      relocated(layout, callee, (index) => this.#global(index)),
      this.#image.info.options,
      plan,
      { functionFor: (types) => callee(savers.functionFor(types)) },
      {
        callee,
        global: (index) => this.#global(index),
        refer: (index) => {
          this.#referred.add(callee(index));
          return callee(index);
        },
        type,
        continuation: (site) => {
          if (!known(site)) return undefined;
          const { results } = functionType(module, site.functionIndex);
          return this.#function(siteName(site), () => type({ kind: "function", params: [], results }));
        },
        continuations: module.tables.length,
      },
      sharedLoopBytesMin,
    );

    // Each function is analysed once, whatever the number of its sites.
    const byFunction = Map.groupBy(sites, ({ functionIndex }) => functionIndex);
    const written: SiteRef[] = [];
    const bodies = new Writer(1 << 16);
    for (const [functionIndex, own] of byFunction) {
      const ids = new Set(own.map(({ site }) => site));
      const order = writer.continuations(functionIndex, { wanted: (id) => ids.has(id) }, bodies);
      for (const site of order) {
        written.push({ functionIndex, site });
        ids.delete(site);
      }
      if (ids.size > 0) throw new Error(`function ${functionIndex} has no site ${[...ids].join(", ")}`);
    }
    if (whole !== undefined) {
      const { functionIndex, max } = whole;
      const wanted = (site: number): boolean => !known({ functionIndex, site });
      const order = writer.continuations(functionIndex, { wanted, max }, bodies);
      for (const site of order) written.push({ functionIndex, site });
    }
    const results = written.map(({ functionIndex }) => {
      const { results } = functionType(module, functionIndex);
      return type({ kind: "function", params: [], results });
    });
    // Only now is it known how many functions are imported, and come first.
    const places = new Map(written.map((site, place) => [siteKey(site), this.#functions.size + place]));
    for (const { at, ...site } of writer.localCalls) bodies.fill(at, places.get(siteKey(site))!, LOCAL_INDEX_BYTES);

    const out = new Parts();
    out.add(module.bytes.subarray(0, 8));
    out.section(SECTION.type, typeSection(module, this.#types));
    out.section(SECTION.import, this.#imports());
    out.section(
      SECTION.function,
      vector(results.length, (list) => {
        for (const index of results) list.u32(index);
      }),
    );
    out.section(
      SECTION.export,
      vector(written.length, (list) => {
        for (const place of written.keys()) {
          list.name(String(place));
          list.u8(KIND_BYTE.function);
          list.u32(this.#functions.size + place);
        }
      }),
    );
    if (this.#referred.size > 0) {
      // A function may be referred to only if it is declared; this segment does nothing else.
      out.section(
        SECTION.element,
        vector(1, (list) => {
          list.put(3, 0);
          list.u32(this.#referred.size);
          for (const index of this.#referred) list.u32(index);
        }),
      );
    }
    out.section(
      SECTION.code,
      vector(written.length, () => undefined),
      bodies.view,
    );
    return { bytes: out.join(), sites: written };
  }

  #type(first: number, wanted: FunctionType): number {
    const key = `${wanted.params}>${wanted.results}`;
    let index = this.#typeIndices.get(key);
    if (index === undefined) {
      index = first + this.#types.push(wanted) - 1;
      this.#typeIndices.set(key, index);
    }
    return index;
  }

  #function(index: number | string, type: () => number): number {
    let imported = this.#functions.get(index);
    if (imported === undefined) {
      imported = { place: this.#functions.size, type: type() };
      this.#functions.set(index, imported);
    }
    return imported.place;
  }

  #global(index: number): number {
    let place = this.#globals.get(index);
    if (place === undefined) {
      place = this.#globals.size;
      this.#globals.set(index, place);
    }
    return place;
  }

  #imports(): Uint8Array {
    const { module } = reopen(this.#image);
    const { minimumPages, maximumPages } = describeMemory(module);
    const count = 3 + module.tables.length + module.tags.length + this.#functions.size + this.#globals.size;
    return vector(count, (list) => {
      const head = (kind: ImportKind, name: string | number) => {
        list.name(kind);
        list.name(String(name));
      };
      const table = (name: string | number, type: ValueType) => {
        head("table", name);
        list.u8(KIND_BYTE.table);
        writeValueType(list, type);
        // Any size will do.
        list.put(0, 0);
      };
      head("memory", 0);
      writeMemory(list, minimumPages, maximumPages);
      head("memory", 1);
      writeMemory(list, LEDGER_PAGES, LIMITS.pages);
      for (const [index, type] of module.tables.entries()) table(index, type);
      table(CONTINUATIONS, FUNCREF);
      for (const [index, type] of module.tags.entries()) {
        head("tag", index);
        list.put(KIND_BYTE.tag, 0);
        list.u32(type);
      }
      for (const [index, { type }] of this.#functions) {
        head(typeof index === "number" ? "function" : "continuation", index);
        list.u8(KIND_BYTE.function);
        list.u32(type);
      }
      for (const index of this.#globals.keys()) {
        const { type, mutable } = module.globals[index] ?? UNWINDING;
        head("global", index);
        list.u8(KIND_BYTE.global);
        writeValueType(list, type);
        list.u8(mutable ? 1 : 0);
      }
    });
  }
}

/** The same layout as seen from the module of continuations; what is used of it becomes an import when it is asked for. */
function relocated(layout: Layout, callee: (index: number) => number, global: (index: number) => number): Layout {
  return {
    ...layout,
    get unwinding() {
      return global(layout.unwinding);
    },
    get poll() {
      return callee(layout.poll);
    },
    get wait32() {
      return callee(layout.wait32);
    },
    get wait64() {
      return callee(layout.wait64);
    },
    get markRange() {
      return callee(layout.markRange);
    },
  };
}

function vector(count: number, write: (list: Writer) => void): Uint8Array {
  const list = new Writer(1024);
  list.u32(count);
  write(list);
  return list.view;
}
