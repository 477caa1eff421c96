/** Entry of a Worker that instantiates an unprepared module, as anybody would, and says when it is ready. */

import { WASI } from "node:wasi";
import { parentPort, workerData } from "node:worker_threads";

export interface PlainTask {
  readonly module: WebAssembly.Module;
  /** Of a command, which is ready when it writes to its standard output; undefined for a reactor. */
  readonly args: readonly string[] | undefined;
}

const { module, args } = workerData as PlainTask;
const wasi = new WASI({ version: "preview1", args: [...(args ?? [])], env: {}, returnOnExit: true });
const imports: WebAssembly.Imports = {};
// What a reactor wants besides is never called here.
for (const { module: from, name } of WebAssembly.Module.imports(module))
  imports[from] = { ...imports[from], [name]: () => 0 };
const ready = (): void => parentPort!.postMessage("ready");
const write = (wasi.wasiImport as Record<string, (...args: number[]) => number>).fd_write!;
imports.wasi_snapshot_preview1 = {
  ...(wasi.wasiImport as WebAssembly.ModuleImports),
  fd_write: (descriptor: number, ...rest: number[]) => {
    if (descriptor === 1) ready();
    return write(descriptor, ...rest);
  },
  // Node's own sleeps in the system, where a Worker cannot be ended.
  poll_oneoff: () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return 0;
  },
};
const instance = new WebAssembly.Instance(module, imports);
if (args !== undefined) wasi.start(instance);
else {
  wasi.initialize(instance);
  ready();
  // It stays: its owner ends the process.
  setInterval(() => undefined, 1e6);
}
