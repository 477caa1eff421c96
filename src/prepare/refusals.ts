/**
 * What is valid and yet cannot be prepared without changing what the program does. Each refusal has a name and a place, and
 * comes before any work is done. What the readers of the binary format do not know they refuse themselves.
 */

import {
  EXPORT_PREFIX,
  IMPORT_EVENTS_APPROVE,
  IMPORT_EVENTS_READ,
  IMPORT_MODULE,
  SECTION_INFO,
  SECTION_ORIGINAL,
} from "../abi.ts";
import { ModuleUnsupportedError } from "../errors.ts";
import { LIMITS, type Module } from "../wasm/module.ts";

const ADDED_FUNCTIONS_MAX = 5;

export function refuse(module: Module): void {
  for (const { name, at } of module.sections) {
    if (name === SECTION_INFO || name === SECTION_ORIGINAL)
      throw new ModuleUnsupportedError("a module that is prepared already", at);
  }
  if (module.memories.length > 1) throw new ModuleUnsupportedError("a second memory", module.memories[1]!.at);
  for (const { module: from, name, kind, at } of module.imports) {
    const offered = kind === "function" && (name === IMPORT_EVENTS_READ || name === IMPORT_EVENTS_APPROVE);
    if (from === IMPORT_MODULE && !offered) throw new ModuleUnsupportedError(`an import from "${IMPORT_MODULE}"`, at);
    if (from === "wasi" && name === "thread-spawn")
      throw new ModuleUnsupportedError("a program that starts threads", at);
  }
  for (const { name, at } of module.exports) {
    if (name.startsWith(EXPORT_PREFIX)) throw new ModuleUnsupportedError(`an export named "${name}"`, at);
  }
  if (module.functions.length + ADDED_FUNCTIONS_MAX > LIMITS.functions) {
    throw new ModuleUnsupportedError(`a module of ${module.functions.length} functions`, 0);
  }
}
