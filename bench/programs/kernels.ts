/** The small kernels of test/guests/kernels.ts: what polls and marks cost most. */

import { type Kernels, kernelCalls, kernelsWasm } from "../../test/support/kernels.ts";
import { start } from "../support/variants.ts";
import { type Program, threadCpuMs } from "./program.ts";

/** What each of them stands for. */
export const kernelKinds: Readonly<Record<string, string>> = {
  matmul: "dense matrix",
  hash: "hash table",
  sort: "sort",
  fib: "recursion",
  copy: "memory.copy",
  strings: "strings, collected",
  count: "counting loop",
};

export const kernels: Program = {
  name: "kernels",
  real: false,
  bytes: kernelsWasm(),
  works: kernelCalls.map(([name]) => name),
  start: async (variant) => {
    const exports = start(variant, {}) as unknown as Kernels;
    return {
      run: (work) => {
        const [name, ...args] = kernelCalls[work]!;
        const kernel = exports[name] as (...args: number[]) => number;
        const from = threadCpuMs();
        const checksum = kernel(...args);
        return { cpuMs: threadCpuMs() - from, checksum };
      },
      close: async () => {},
    };
  },
};
