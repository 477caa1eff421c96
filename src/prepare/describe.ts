/** What an image says of itself: see ImageInfo. */

import { ABI_VERSION } from "../abi.ts";
import { functionType, type Kind, type Module } from "../wasm/module.ts";
import { sha256 } from "../wasm/sha256.ts";
import { functionTypeName, valueTypeName } from "../wasm/types.ts";
import { globalExportName } from "./assemble.ts";
import { IMAGE_FORMAT, type ImageInfo } from "./image.ts";
import { describeMemory } from "./memories.ts";
import type { Options } from "./options.ts";

export function describe(
  module: Module,
  options: Options,
  counts: ImageInfo["counts"],
  sizes: ImageInfo["sizes"],
  capture: ImageInfo["capture"],
): ImageInfo {
  const { bytes, imports, exports, globals, globalsImported } = module;
  const typed = (kind: Kind, index: number) =>
    kind === "function" ? { type: functionTypeName(functionType(module, index)) } : {};
  return {
    format: IMAGE_FORMAT,
    abi: ABI_VERSION,
    options,
    sha256: sha256(bytes),
    style: exports.some(({ kind, name }) => kind === "function" && name === "_start") ? "command" : "reactor",
    memory: describeMemory(module),
    imports: imports
      .filter(({ kind }) => kind !== "memory")
      .map(({ module: from, name, kind, index }) => ({ module: from, name, kind, ...typed(kind, index) })),
    exports: exports.map(({ name, kind, index }) => ({ name, kind, ...typed(kind, index) })),
    globals: globals.flatMap(({ type, mutable }, index) => {
      if (!mutable) return [];
      const exported = exports.find((entry) => entry.kind === "global" && entry.index === index)?.name;
      const imported = index < globalsImported;
      const name = exported ?? (imported ? undefined : globalExportName(index));
      return [{ index, type: valueTypeName(type), imported, ...(name === undefined ? {} : { export: name }) }];
    }),
    counts,
    sizes,
    ...(capture === undefined ? {} : { capture }),
  };
}
