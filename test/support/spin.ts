/**
 * Spin on the models in test/model/: it writes a verifier, `cc` compiles it, and the verifier visits every state. Installs Spin
 * where that is possible.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { provide } from "./packages.ts";
import { FULL } from "./runtime.ts";

/** Longer than the verifier needs on a slow machine, and its memory. */
const LIMIT_MS = FULL ? 1_800_000 : 120_000;
const MEMORY_MIB = FULL ? 6000 : 2000;
/** Spin gives a search up at this depth, with an error; the deepest path seen is far shorter. */
const DEPTH_MAX = 1_000_000;

/** safety: assertions and end states. liveness: the claim `onward` and assertions, every process treated fairly. */
export type Property = "safety" | "liveness";

export interface Verdict {
  readonly states: number;
  readonly seconds: number;
  readonly errors: number;
  /** The first violation, in Spin's words; undefined if there was none. */
  readonly violation: string | undefined;
  readonly completed: boolean;
}

/** Where everything is written that Spin and the compiler make of a model. */
const workspace = mkdtempSync(join(tmpdir(), "stillpoint-model-"));

process.once("exit", () => rmSync(workspace, { recursive: true, force: true }));

function execute(command: string, args: readonly string[], limitMs: number = LIMIT_MS): string {
  const { stdout, stderr, error, status } = spawnSync(command, args, {
    cwd: workspace,
    encoding: "utf8",
    timeout: limitMs,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** The verifier that Spin writes is C. */
export function provideSpin(): void {
  provide("spin", ["spin"]);
  provide("cc", ["gcc", "libc6-dev"]);
}

export interface Search {
  readonly property: Property;
  readonly defines: readonly string[];
  /** Keeps states in half the room and twice the time. */
  readonly collapse?: boolean;
}

/** Visits every state of test/model/<model>.pml. */
export function verify(model: string, { property, defines, collapse = FULL }: Search): Verdict {
  const flags = defines.map((define) => `-D${define}`);
  execute("spin", [...flags, "-a", fileURLToPath(new URL(`../model/${model}.pml`, import.meta.url))]);
  // A fault shows after a few thousand states: there the compiler would take longer than the search.
  const optimise = defines.some((define) => define.startsWith("BREAK_")) ? "-O0" : "-O1";
  const scope = property === "safety" ? ["-DNOCLAIM", "-DSAFETY"] : ["-DNFAIR=3"];
  const memory = [`-DMEMLIM=${MEMORY_MIB}`, ...(collapse ? ["-DCOLLAPSE"] : [])];
  execute("cc", ["-w", optimise, ...scope, ...memory, "-o", "pan", "pan.c"]);
  const output = execute("./pan", [`-m${DEPTH_MAX}`, "-n", ...(property === "liveness" ? ["-a", "-f"] : [])]);
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  return {
    states: number(/^\s*([\d.e+]+) states, stored/m),
    seconds: number(/elapsed time ([\d.]+) seconds/),
    errors: number(/errors: (\d+)/),
    violation: /^pan:1: (.*) \(at depth/m.exec(output)?.[1],
    completed: !/Search not completed|max search depth too small|MEMLIM|out of memory/.test(output),
  };
}
