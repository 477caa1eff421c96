/**
 * A module as a row of sections, without what is in them. It is all that most who have an image need, so it stands apart from
 * module.ts and what that takes to read code.
 */

import { ModuleUnsupportedError } from "../errors.ts";
import { Reader } from "./reader.ts";

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;
/** In the order in which they must appear. */
export const SECTION_ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** "\0asm" */
const MAGIC = 0x0061736d;

export interface Section {
  readonly id: number;
  /** Of a custom section. */
  readonly name: string;
  /** Where its id byte is. */
  readonly at: number;
  /** Its content; after the name for a custom section. */
  readonly start: number;
  readonly end: number;
}

/** The sections of a module, in their order; checks no more than the frame they sit in. */
export function readSections(bytes: Uint8Array): Section[] {
  const reader = new Reader(bytes);
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 8 || head.getUint32(0) !== MAGIC) reader.fail("no WebAssembly magic number");
  if (bytes[6] === 1) throw new ModuleUnsupportedError("a component", 4);
  if (head.getUint32(4, true) !== 1) reader.fail("unknown version of the binary format", 4);
  reader.at = 8;
  const sections: Section[] = [];
  while (!reader.done) {
    const at = reader.at;
    const id = reader.u8();
    const content = reader.part(reader.u32());
    const name = id === SECTION.custom ? content.name() : "";
    sections.push({ id, name, at, start: content.at, end: content.end });
  }
  return sections;
}
