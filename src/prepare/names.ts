/** Names of a guest's functions, for stack traces. */

import { readFunctionNames } from "../wasm/names.ts";
import { readSections } from "../wasm/sections.ts";
import type { Image } from "./image.ts";

const known: WeakMap<Image, ReadonlyMap<number, string>> = new WeakMap();

/** Name of a function, the original's or an added one; `func[INDEX]` where the module names none. */
export function functionName(image: Image, index: number): string {
  let names = known.get(image);
  if (names === undefined) {
    const bytes = image.moduleBytes();
    names = readFunctionNames(bytes, readSections(bytes));
    known.set(image, names);
  }
  return names.get(index) ?? `func[${index}]`;
}
