/**
 * An image: a prepared module and what is known of it. One image boots any number of guests.
 *
 * Its bytes are a valid module whose last custom section is the original, byte for byte, and which has a custom section with
 * an ImageInfo as JSON. They can be stored and opened again; bytes that this version does not understand are refused.
 */

import { ABI_VERSION, SECTION_INFO, SECTION_ORIGINAL } from "../abi.ts";
import { StillpointError } from "../errors.ts";
import type { Kind } from "../wasm/module.ts";
import { readSections, type Section } from "../wasm/sections.ts";
import { completeOptions, type Options } from "./options.ts";

const utf8: TextDecoder = new TextDecoder("utf-8", { fatal: true });

/** Of the custom section and of what surrounds it; grows when either changes its meaning. */
export const IMAGE_FORMAT = 1;

export interface ImageInfo {
  readonly format: typeof IMAGE_FORMAT;
  readonly abi: number;
  readonly options: Options;
  /** SHA-256 of the original, in hexadecimal. */
  readonly sha256: string;
  /** A command runs once, from `_start`; a reactor is called. */
  readonly style: "command" | "reactor";
  readonly memory: {
    readonly minimumPages: number;
    readonly maximumPages: number;
    /** Under which names the prepared module imports it. */
    readonly importModule: string;
    readonly importName: string;
    /** Under which names it exports it. */
    readonly exportNames: readonly string[];
    readonly wasShared: boolean;
    readonly was: "defined" | "imported" | "absent";
  };
  /** What the guest needs besides memory and ledger; functions with their type. */
  readonly imports: readonly {
    readonly module: string;
    readonly name: string;
    readonly kind: Kind;
    readonly type?: string;
  }[];
  /** What the original exports. */
  readonly exports: readonly { readonly name: string; readonly kind: Kind; readonly type?: string }[];
  /** Mutable globals by index. Imported ones that are not exported have no export: they are the host's. */
  readonly globals: readonly {
    readonly index: number;
    readonly type: string;
    readonly imported: boolean;
    readonly export?: string;
  }[];
  readonly counts: {
    readonly functions: number;
    readonly loops: number;
    readonly loopsPolled: number;
    readonly loopsUnrolled: number;
    readonly loopsCounted: number;
    readonly entryPolls: number;
    readonly marks: number;
    readonly marksMerged: number;
  };
  /** Only with capture. */
  readonly capture?: {
    readonly sites: number;
    readonly functionsMaySuspend: number;
    /** A guest with a frame of one of these on its stack can only park. */
    readonly functionsRefused: readonly { readonly index: number; readonly reason: string }[];
    /** What the program may change and another instance would have as it was at first. */
    readonly notCarried: readonly string[];
    /** Its tables are to be carried along; see resume/tables.ts. */
    readonly changesTables: boolean;
    /** Lists of types that frames are made of, a letter for each value. */
    readonly savers: readonly string[];
  };
  /** Bytes. */
  readonly sizes: {
    readonly original: number;
    readonly codeOriginal: number;
    readonly code: number;
    readonly module: number;
  };
}

export class Image {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly info: ImageInfo;
  readonly #original: Section;
  #module: Promise<WebAssembly.Module> | undefined;

  private constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    const sections = readSections(bytes);
    const last = sections.at(-1);
    const info = sections.find(({ name }) => name === SECTION_INFO);
    if (info === undefined || last?.name !== SECTION_ORIGINAL)
      throw new StillpointError("SP_IMAGE_UNKNOWN", "these bytes are a module, but not a prepared one");
    this.info = readInfo(bytes.subarray(info.start, info.end));
    if (last.end - last.start !== this.info.sizes.original)
      throw new StillpointError(
        "SP_IMAGE_UNKNOWN",
        "the original in the image is not of the length that it should have",
      );
    this.#original = last;
  }

  /**
   * Opens a stored image. The bytes are copied.
   *
   * @throws {StillpointError} SP_IMAGE_UNKNOWN for a module that is no image, or of a format this version does not know;
   *   SP_ABI_MISMATCH for one made for another version of the ledger; SP_MODULE_INVALID for bytes that are no module
   */
  static open(bytes: BufferSource): Image {
    return new Image(copyBytes(bytes));
  }

  /** For prepareSync(), which owns the bytes it has made. */
  static own(bytes: Uint8Array<ArrayBuffer>): Image {
    return new Image(bytes);
  }

  /** The compiled module. Compiled once, when first asked for, without the original that travels behind it. */
  get module(): Promise<WebAssembly.Module> {
    this.#module ??= WebAssembly.compile(this.moduleBytes());
    return this.#module;
  }

  /** The prepared module alone: all but the last section. A view. */
  moduleBytes(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.#original.at);
  }

  /** The module from which this image was made. A view. */
  original(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(this.#original.start, this.#original.end);
  }
}

/** The bytes as they are now: whoever passed them may change them later, also from another thread. */
export function copyBytes(source: BufferSource): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(source))
    return new Uint8Array(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  return new Uint8Array(new Uint8Array(source));
}

/** What the rest of the library relies on, by the kind of each value. */
const SHAPE = {
  sha256: "string",
  style: "string",
  memory: {
    minimumPages: "number",
    maximumPages: "number",
    importModule: "string",
    importName: "string",
    exportNames: [],
    wasShared: "boolean",
    was: "string",
  },
  imports: [],
  exports: [],
  globals: [],
  counts: {},
  sizes: { original: "number" },
} as const;

function hasShape(value: unknown, shape: object): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(shape).every(([key, wanted]: [string, unknown]) => {
    const found = (value as Record<string, unknown>)[key];
    if (Array.isArray(wanted)) return Array.isArray(found);
    return typeof wanted === "object" ? hasShape(found, wanted!) : typeof found === wanted;
  });
}

function readInfo(json: Uint8Array): ImageInfo {
  let info: ImageInfo;
  try {
    info = JSON.parse(utf8.decode(json)) as ImageInfo;
  } catch (cause) {
    throw new StillpointError("SP_IMAGE_UNKNOWN", "the image's description cannot be read", { cause });
  }
  // Format and version come first: what else there is depends on them.
  if (info?.format !== IMAGE_FORMAT)
    throw new StillpointError(
      "SP_IMAGE_UNKNOWN",
      `image of format ${info?.format}; this version knows ${IMAGE_FORMAT}`,
    );
  if (info.abi !== ABI_VERSION)
    throw new StillpointError(
      "SP_ABI_MISMATCH",
      `image for ledger version ${info.abi}; this version has ${ABI_VERSION}`,
    );
  if (!hasShape(info, SHAPE)) throw new StillpointError("SP_IMAGE_UNKNOWN", "the image's description lacks something");
  try {
    return { ...info, options: completeOptions(info.options) };
  } catch (cause) {
    throw new StillpointError("SP_IMAGE_UNKNOWN", "the image was made with options that this version does not know", {
      cause,
    });
  }
}
