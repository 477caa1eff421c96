/**
 * What a module declares: its sections as byte ranges, and of each section what rewriting needs. Function bodies stay bytes.
 *
 * The input is hostile until this has read it: counts, order and lengths are checked here, and every index that later code
 * follows is either checked here or where it is followed. Whether the module is valid as a whole is for the engine to say.
 */

import { ModuleUnsupportedError } from "../errors.ts";
import { CodeReader } from "./code.ts";
import { Reader } from "./reader.ts";
import { readSections, SECTION, SECTION_ORDER, type Section } from "./sections.ts";
import { type Definition, type FunctionType, readDefinition, readValueType, type ValueType } from "./types.ts";

export const KINDS = ["function", "table", "memory", "global", "tag"] as const;
export type Kind = (typeof KINDS)[number];

/** Of an engine that follows the WebAssembly JavaScript interface. */
export const LIMITS = { functionBytes: 7_654_321, locals: 50_000, functions: 1_000_000, pages: 65_536 } as const;

export interface Limits {
  readonly minimum: number;
  readonly maximum: number | undefined;
  readonly shared: boolean;
}

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: Kind;
  /** Index in the space of its kind. */
  readonly index: number;
  readonly at: number;
  /** Where the description after the two names begins, and where it ends. */
  readonly descriptionAt: number;
  readonly end: number;
}

export interface Export {
  readonly name: string;
  readonly kind: Kind;
  readonly index: number;
  readonly at: number;
}

export interface Global {
  readonly type: ValueType;
  readonly mutable: boolean;
}

export interface DataSegment {
  /** The offset expression of an active segment, without its `end`; undefined for a passive one. */
  readonly offset: { readonly start: number; readonly end: number } | undefined;
  readonly byteCount: number;
  /** Its bytes with their length before them. */
  readonly start: number;
  readonly end: number;
}

export interface Module {
  readonly bytes: Uint8Array;
  readonly sections: readonly Section[];
  readonly types: readonly Definition[];
  readonly imports: readonly Import[];
  /** Type index of each function, imported ones first. */
  readonly functions: readonly number[];
  readonly functionsImported: number;
  /** Type of the elements of each table. */
  readonly tables: readonly ValueType[];
  readonly memories: readonly (Limits & { readonly at: number })[];
  readonly globals: readonly Global[];
  readonly globalsImported: number;
  /** Type index of each tag. */
  readonly tags: readonly number[];
  readonly exports: readonly Export[];
  readonly start: number | undefined;
  /** Functions that a table, a global or a reference may hold. */
  readonly referenced: ReadonlySet<number>;
  /** Bodies of the functions that are not imported: from the local declarations to past the last `end`. */
  readonly bodies: readonly { readonly start: number; readonly end: number }[];
  readonly data: readonly DataSegment[];
}

export function parseModule(bytes: Uint8Array): Module {
  const parsed = new ParsedModule(bytes);
  let last = -1;
  for (const section of parsed.sections) {
    if (section.id === SECTION.custom) continue;
    const order = SECTION_ORDER.indexOf(section.id);
    if (order < 0) throw new ModuleUnsupportedError(`section ${section.id}`, section.at);
    const reader = new CodeReader(bytes, section.start, section.end);
    if (order <= last) reader.fail("section out of order", section.at);
    last = order;
    parsed.read(section.id, reader);
    if (!reader.done) reader.fail("section longer than its content");
  }
  if (parsed.bodies.length !== parsed.functionsOwn) new Reader(bytes).fail("functions without bodies", bytes.length);
  return parsed;
}

class ParsedModule implements Module {
  readonly bytes: Uint8Array;
  readonly sections: readonly Section[];
  readonly types: Definition[] = [];
  readonly imports: Import[] = [];
  readonly functions: number[] = [];
  functionsImported: number = 0;
  readonly tables: ValueType[] = [];
  readonly memories: (Limits & { at: number })[] = [];
  readonly globals: Global[] = [];
  globalsImported: number = 0;
  readonly tags: number[] = [];
  readonly exports: Export[] = [];
  start: number | undefined;
  readonly referenced: Set<number> = new Set();
  readonly bodies: { start: number; end: number }[] = [];
  readonly data: DataSegment[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.sections = readSections(bytes);
  }

  get functionsOwn(): number {
    return this.functions.length - this.functionsImported;
  }

  /** Reads a section, one after the other in the order of the format. */
  read(id: number, reader: CodeReader): void {
    if (id === SECTION.start) {
      this.start = this.#functionIndex(reader);
      return;
    }
    if (id === SECTION.dataCount) {
      reader.u32();
      return;
    }
    const count = reader.count();
    if (id === SECTION.code && count !== this.functionsOwn) reader.fail("functions and bodies differ in number");
    for (let i = 0; i < count; i++) this.#entry(id, reader);
  }

  #entry(id: number, reader: CodeReader): void {
    switch (id) {
      case SECTION.type:
        this.#typeGroup(reader);
        return;
      case SECTION.import:
        this.#import(reader);
        return;
      case SECTION.function:
        this.#declare("function", reader);
        return;
      case SECTION.table:
        this.#table(reader);
        return;
      case SECTION.memory:
        this.#declare("memory", reader);
        return;
      case SECTION.tag:
        this.#declare("tag", reader);
        return;
      case SECTION.global:
        this.#declare("global", reader);
        this.#refer(reader.skipExpression());
        return;
      case SECTION.export:
        this.#export(reader);
        return;
      case SECTION.element:
        this.#element(reader);
        return;
      case SECTION.code: {
        const body = reader.part(reader.u32());
        this.bodies.push({ start: body.at, end: body.end });
        return;
      }
      case SECTION.data:
        this.data.push(this.#segment(reader));
        return;
    }
  }

  #typeGroup(reader: CodeReader): void {
    if (reader.bytes[reader.at] !== 0x4e) {
      this.types.push(readDefinition(reader));
      return;
    }
    reader.skip(1);
    for (let count = reader.count(); count > 0; count--) this.types.push(readDefinition(reader));
  }

  #functionType(reader: CodeReader): number {
    const at = reader.at;
    const index = reader.u32();
    if (this.types[index]?.kind !== "function") reader.fail("no such function type", at);
    return index;
  }

  #functionIndex(reader: CodeReader): number {
    const at = reader.at;
    const index = reader.u32();
    if (index >= this.functions.length) reader.fail("no such function", at);
    return index;
  }

  #refer(functions: readonly number[]): void {
    for (const index of functions) this.referenced.add(index);
  }

  #import(reader: CodeReader): void {
    const at = reader.at;
    const module = reader.name();
    const name = reader.name();
    const descriptionAt = reader.at;
    const kind = this.#kind(reader);
    const index = this.#declare(kind, reader);
    if (kind === "function") this.functionsImported++;
    else if (kind === "global") this.globalsImported++;
    this.imports.push({ module, name, kind, index, at, descriptionAt, end: reader.at });
  }

  /** Reads what is said of something, by an import or in the section of its kind; gives its index. */
  #declare(kind: Kind, reader: CodeReader): number {
    switch (kind) {
      case "function":
        return this.functions.push(this.#functionType(reader)) - 1;
      case "table":
        return this.tables.push(this.#tableType(reader)) - 1;
      case "memory":
        return this.memories.push(this.#memory(reader)) - 1;
      case "global":
        return this.globals.push(this.#global(reader)) - 1;
      case "tag":
        if (reader.u8() !== 0) reader.fail("malformed tag", reader.at - 1);
        return this.tags.push(this.#functionType(reader)) - 1;
    }
  }

  #kind(reader: CodeReader): Kind {
    const at = reader.at;
    const kind = KINDS[reader.u8()];
    return kind ?? reader.fail("unknown kind of import or export", at);
  }

  #limits(reader: CodeReader, what: string): Limits {
    const at = reader.at;
    const flags = reader.u32();
    if (flags & 4) throw new ModuleUnsupportedError(`a 64-bit ${what}`, at);
    if (flags & 8) throw new ModuleUnsupportedError(`a ${what} with its own page size`, at);
    if (flags > 3) reader.fail("malformed limits", at);
    const minimum = reader.u32();
    const maximum = flags & 1 ? reader.u32() : undefined;
    return { minimum, maximum, shared: (flags & 2) !== 0 };
  }

  #memory(reader: CodeReader): Limits & { at: number } {
    const at = reader.at;
    const limits = this.#limits(reader, "memory");
    if (limits.minimum > LIMITS.pages || (limits.maximum ?? 0) > LIMITS.pages)
      reader.fail("memory larger than 4 GiB", at);
    return { ...limits, at };
  }

  #tableType(reader: CodeReader): ValueType {
    const type = readValueType(reader);
    const at = reader.at;
    if (this.#limits(reader, "table").shared) throw new ModuleUnsupportedError("a shared table", at);
    return type;
  }

  #table(reader: CodeReader): void {
    // 0x40 0x00: a table with an initial value.
    const initialised = reader.bytes[reader.at] === 0x40;
    if (initialised) {
      reader.skip(1);
      if (reader.u8() !== 0) reader.fail("malformed table");
    }
    this.#declare("table", reader);
    if (initialised) this.#refer(reader.skipExpression());
  }

  #global(reader: CodeReader): Global {
    const type = readValueType(reader);
    const flags = reader.u8();
    if (flags & 2) throw new ModuleUnsupportedError("a shared global", reader.at - 1);
    if (flags > 1) reader.fail("malformed mutability", reader.at - 1);
    return { type, mutable: flags === 1 };
  }

  #export(reader: CodeReader): void {
    const at = reader.at;
    const name = reader.name();
    const kind = this.#kind(reader);
    this.exports.push({ name, kind, index: reader.u32(), at });
  }

  #element(reader: CodeReader): void {
    const flags = reader.u32();
    if (flags > 7) reader.fail("malformed element segment");
    const passive = (flags & 1) !== 0;
    const explicit = (flags & 2) !== 0;
    const expressions = (flags & 4) !== 0;
    if (!passive) {
      if (explicit) reader.u32();
      this.#refer(reader.skipExpression());
    }
    if (passive || explicit) {
      if (expressions) readValueType(reader);
      else if (reader.u8() !== 0) reader.fail("malformed element segment", reader.at - 1);
    }
    for (let count = reader.count(); count > 0; count--) {
      if (expressions) this.#refer(reader.skipExpression());
      else this.referenced.add(reader.u32());
    }
  }

  #segment(reader: CodeReader): DataSegment {
    const at = reader.at;
    const flags = reader.u32();
    if (flags > 2) reader.fail("malformed data segment", at);
    let offset: DataSegment["offset"];
    if (flags !== 1) {
      if (flags === 2 && reader.u32() !== 0) throw new ModuleUnsupportedError("a second memory", at);
      const start = reader.at;
      this.#refer(reader.skipExpression());
      offset = { start, end: reader.at - 1 };
    }
    const start = reader.at;
    const byteCount = reader.u32();
    reader.skip(byteCount);
    return { offset, byteCount, start, end: reader.at };
  }
}

/** Where the body of a function is that is not imported. */
export function bodyOf({ bodies, functionsImported }: Module, functionIndex: number): Module["bodies"][number] {
  return bodies[functionIndex - functionsImported]!;
}

/** The type of a function; the parser has checked that it is one. */
export function functionType(module: Module, functionIndex: number): FunctionType {
  return module.types[module.functions[functionIndex]!] as FunctionType;
}
