/**
 * What an owner asks about the module that an image was made from. Only the sections concerned are read: all that walks code is for
 * the threads that make something, and a page shall not have to load it for this.
 */

import { Reader } from "../wasm/reader.ts";
import { readSections, SECTION } from "../wasm/sections.ts";
import type { Image } from "./image.ts";

/** How many entries a section has, and the reader before the first of them. */
function entries(image: Image, id: number): { readonly count: number; readonly reader: Reader } | undefined {
  const bytes = image.original();
  const section = readSections(bytes).find((section) => section.id === id);
  if (section === undefined) return undefined;
  const reader = new Reader(bytes, section.start, section.end);
  return { count: reader.count(), reader };
}

/** The function that a command runs in; undefined for a reactor. */
export function startFunction(image: Image): number | undefined {
  if (image.info.style !== "command") return undefined;
  const { count, reader } = entries(image, SECTION.export)!;
  for (let i = 0; i < count; i++) {
    const name = reader.name();
    const kind = reader.u8();
    const index = reader.u32();
    if (name === "_start" && kind === 0) return index;
  }
  return undefined;
}

/** The tables of its own that a program changes; none for nearly every program. Imported ones are the host's. */
export function changedTables(image: Image): readonly number[] {
  const { capture, imports } = image.info;
  if (capture?.changesTables !== true) return [];
  const imported = imports.filter(({ kind }) => kind === "table").length;
  return Array.from({ length: entries(image, SECTION.table)?.count ?? 0 }, (_, i) => imported + i);
}
