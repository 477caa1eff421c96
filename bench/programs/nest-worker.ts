/** Entry of a Worker that runs an unprepared nest (nests.ts) until it is ended. */

import { workerData } from "node:worker_threads";

export interface NestTask {
  readonly module: WebAssembly.Module;
  readonly imports: Record<string, Record<string, WebAssembly.Memory>>;
  readonly run: string;
}

const { module, imports, run } = workerData as NestTask;
(new WebAssembly.Instance(module, imports).exports[run] as () => void)();
