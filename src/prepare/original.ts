/** What is asked about the module that an image was made from: it is parsed, no code of it is looked at. Kept by image. */

import { type Module, parseModule } from "../wasm/module.ts";
import type { Image } from "./image.ts";

const kept: WeakMap<Image, Module> = new WeakMap();

export function originalModule(image: Image): Module {
  let module = kept.get(image);
  if (module === undefined) {
    module = parseModule(image.original());
    kept.set(image, module);
  }
  return module;
}

/** The function that a command runs in; undefined for a reactor. */
export function startFunction(image: Image): number | undefined {
  if (image.info.style !== "command") return undefined;
  return originalModule(image).exports.find(({ kind, name }) => kind === "function" && name === "_start")?.index;
}

/** The tables of its own that a program changes; none for nearly every program. Imported ones are the host's. */
export function changedTables(image: Image): readonly number[] {
  if (image.info.capture?.changesTables !== true) return [];
  const { tables, tablesImported } = originalModule(image);
  return [...tables.keys()].slice(tablesImported);
}
