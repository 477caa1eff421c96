/** The two modules of the core, read and compiled once for the process. */

import type { Platform } from "../platform/platform.ts";

export interface Assets {
  readonly core: WebAssembly.Module;
  readonly scan: WebAssembly.Module;
}

let loaded: Promise<Assets> | undefined;

export function loadAssets(platform: Platform): Promise<Assets> {
  loaded ??= (async () => {
    const [core, scan] = await Promise.all([
      platform.readAsset(new URL("../core.wasm", import.meta.url)).then((bytes) => WebAssembly.compile(bytes)),
      platform.readAsset(new URL("../scan.wasm", import.meta.url)).then((bytes) => WebAssembly.compile(bytes)),
    ]);
    return { core, scan };
  })();
  return loaded;
}
