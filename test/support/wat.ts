/** Modules of a test, written as text and run on both sides: as they are, and prepared. */
import type { PrepareOptions } from "../../dist/prepare/prepare.js";
import { assemble } from "./assemble.ts";
import { original, prepared, type Running } from "./sides.ts";

/** Functions of a test take and give numbers. */
export type Exports = Record<string, (...args: (number | bigint)[]) => number>;

export interface Subject extends Running {
  readonly call: Exports;
}

export function wat(text: string): Uint8Array<ArrayBuffer> {
  const bytes = assemble(text);
  if (bytes === undefined || !WebAssembly.validate(bytes)) throw new Error(`not a valid module: ${text}`);
  return bytes;
}

export function runOriginal(bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports = {}): Subject {
  const running = original.load(bytes).instantiate(imports, { poll() {} });
  return { ...running, call: running.exports as Exports };
}

export function runPrepared(
  bytes: Uint8Array<ArrayBuffer>,
  options: PrepareOptions = {},
  { imports = {}, poll = () => {} }: { imports?: WebAssembly.Imports; poll?: () => void } = {},
): Subject {
  const running = prepared(options).load(bytes).instantiate(imports, { poll });
  return { ...running, call: running.exports as Exports };
}

/** What is thrown, as text; undefined if nothing is. */
export function trapOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
