/**
 * A module as binaryen's Asyncify makes it, built in a process of its own that is given up on after a while. What was built is kept in
 * bench/output/ under the hash of what it was built from; a bench that times the building says `fresh`.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

export interface Built {
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** What building took; undefined where it was built before. */
  readonly seconds: number | undefined;
  /** Why there are no bytes. */
  readonly failed?: string;
}

export function asyncified(bytes: Uint8Array, { secondsMax, fresh }: { secondsMax: number; fresh: boolean }): Built {
  const name = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const folder = new URL("../output/asyncify/", import.meta.url);
  const [from, part, to] = [`${name}.from.wasm`, `${name}.part.wasm`, `${name}.wasm`].map(
    (file) => new URL(file, folder).pathname,
  ) as [string, string, string];
  if (!fresh && existsSync(to)) return { bytes: new Uint8Array(readFileSync(to)), seconds: undefined };
  mkdirSync(folder, { recursive: true });
  writeFileSync(from, bytes);
  const entry = new URL("asyncify-once.ts", import.meta.url).pathname;
  const startedMs = performance.now();
  const { status, signal } = spawnSync(process.execPath, ["--max-old-space-size=8192", entry, from, part], {
    stdio: "ignore",
    timeout: secondsMax * 1000,
    killSignal: "SIGKILL",
  });
  const seconds = (performance.now() - startedMs) / 1000;
  if (status !== 0) {
    const failed = signal === null ? `ended with ${status}` : `not done in ${secondsMax} s`;
    return { bytes: undefined, seconds, failed };
  }
  // Never half of it, whoever else builds the same.
  renameSync(part, to);
  return { bytes: new Uint8Array(readFileSync(to)), seconds };
}
