/** Prepares one module, in the process that bench/prepare.ts starts for it, and prints what it took as a line of JSON. */

import { prepareSync } from "../../dist/index.js";
import { parseModule } from "../../dist/wasm/module.js";
import type { Program } from "../programs/program.ts";

export interface OnceTask {
  /** Name of the program. */
  readonly module: string;
  readonly way: "read only" | "unmarked" | "marked";
}

export interface Once {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The same call once more. */
  readonly againMs: number;
  /** Size of the image; 0 where none was made. */
  readonly bytes: number;
  /** Largest resident set of the process up to the end of the first call. */
  readonly peakBytes: number;
}

const { module, way } = JSON.parse(process.argv[2]!) as OnceTask;
const programs: readonly Program[] = [
  (await import("../programs/cpython.ts")).cpython,
  (await import("../programs/quickjs.ts")).quickJs,
];
const { bytes } = programs.find(({ name }) => name === module)!;

function work(): number {
  if (way !== "read only") return prepareSync(bytes, { track: way === "marked" ? "marks" : "none" }).bytes.length;
  parseModule(bytes);
  return 0;
}

const cpuBefore = process.cpuUsage();
const from = performance.now();
const size = work();
const wallMs = performance.now() - from;
const cpu = process.cpuUsage(cpuBefore);
const peakBytes = process.resourceUsage().maxRSS * 1024;
const again = performance.now();
work();
const once: Once = {
  wallMs,
  cpuMs: (cpu.user + cpu.system) / 1000,
  againMs: performance.now() - again,
  bytes: size,
  peakBytes,
};
console.log(JSON.stringify(once));
