/** The small kernels of test/guests/kernels.ts: what polls and marks cost most. */

import { type Kernels, kernelCalls, kernelsWasm } from "../../test/support/kernels.ts";
import { start } from "../support/variants.ts";
import { type Program, threadCpuMs } from "./program.ts";

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
