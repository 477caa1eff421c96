/** Reads a module or an image from a file, and tells which of them it is. */

import { readFile } from "node:fs/promises";
import { SECTION_INFO } from "../abi.ts";
import { Image, type PrepareOptions, prepare } from "../index.ts";
import { readSections } from "../wasm/sections.ts";
import { CommandError } from "./exit-status.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
};

/** What an operation on a file said, in words. */
export function fileError(action: string, file: string, error: unknown): CommandError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new CommandError(`cannot ${action} ${file}: ${REASONS[code] ?? message}`);
}

export async function readModule(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw fileError("read", file, error);
  }
}

/** The image that these bytes are, or undefined for a module that is none. An image that cannot be opened is an error. */
export function imageOf(bytes: Uint8Array<ArrayBuffer>): Image | undefined {
  return readSections(bytes).some(({ name }) => name === SECTION_INFO) ? Image.open(bytes) : undefined;
}

/** The image that these bytes are, or are prepared to. */
export async function prepared(bytes: Uint8Array<ArrayBuffer>, options: PrepareOptions): Promise<Image> {
  return imageOf(bytes) ?? (await prepare(bytes, options));
}
