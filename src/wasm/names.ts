/**
 * The name section: names of functions, for people who read stack traces. Indices of functions do not move when a module is
 * prepared, so the section stays true as it is; names of added functions are appended.
 */

import { StillpointError } from "../errors.ts";
import { Reader } from "./reader.ts";
import type { Section } from "./sections.ts";
import { Writer } from "./writer.ts";

export const NAME_SECTION = "name";
const FUNCTION_NAMES = 1;

/** Names by function index; empty where there is no name section, or none that can be read. */
export function readFunctionNames(bytes: Uint8Array, sections: readonly Section[]): Map<number, string> {
  const names = new Map<number, string>();
  try {
    for (const part of subsections(bytes, sections)) {
      if (part.id !== FUNCTION_NAMES) continue;
      const reader = new Reader(bytes, part.start, part.end);
      for (let count = reader.count(); count > 0; count--) names.set(reader.u32(), reader.name());
    }
    return names;
  } catch (error) {
    if (error instanceof StillpointError) return new Map();
    throw error;
  }
}

/** The content of the name section with names of further functions, whose indices lie above all others; as it was if it cannot be read. */
export function appendFunctionNames(
  bytes: Uint8Array,
  section: Section,
  added: ReadonlyMap<number, string>,
): Uint8Array {
  const out = new Writer(section.end - section.start + 256);
  try {
    for (const part of subsections(bytes, [section])) {
      if (part.id !== FUNCTION_NAMES) {
        out.copy(bytes, part.at, part.end);
        continue;
      }
      const reader = new Reader(bytes, part.start, part.end);
      const content = new Writer(part.end - part.start + 256);
      content.u32(reader.count() + added.size);
      content.copy(bytes, reader.at, part.end);
      for (const [index, name] of added) {
        content.u32(index);
        content.name(name);
      }
      out.u8(FUNCTION_NAMES);
      out.sized(content.view);
    }
    return out.view;
  } catch (error) {
    if (error instanceof StillpointError) return bytes.subarray(section.start, section.end);
    throw error;
  }
}

function subsections(
  bytes: Uint8Array,
  sections: readonly Section[],
): { id: number; at: number; start: number; end: number }[] {
  const parts: { id: number; at: number; start: number; end: number }[] = [];
  const section = sections.find(({ id, name }) => id === 0 && name === NAME_SECTION);
  if (section === undefined) return parts;
  const reader = new Reader(bytes, section.start, section.end);
  while (!reader.done) {
    const at = reader.at;
    const id = reader.u8();
    const content = reader.part(reader.u32());
    parts.push({ id, at, start: content.at, end: content.end });
  }
  return parts;
}
