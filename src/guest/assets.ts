/** The two modules of the core, read and compiled once for the process. */

import { platform } from "#platform";

export interface Assets {
  readonly core: WebAssembly.Module;
  readonly scan: WebAssembly.Module;
}

let loaded: Promise<Assets> | undefined;

export function loadAssets(): Promise<Assets> {
  loaded ??= (async () => {
    const files = await platform.readCore();
    const [core, scan] = await Promise.all([WebAssembly.compile(files.core), WebAssembly.compile(files.scan)]);
    return { core, scan };
  })();
  return loaded;
}
