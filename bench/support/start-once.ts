/**
 * Starts a program several times, in the process that bench/start.ts starts for it, as guests or in plain Workers, and prints what it
 * took as a line of JSON.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Fleet, Image } from "../../dist/index.js";
import type { PlainTask } from "./plain-worker.ts";

export interface StartTask {
  /** An image, or an unprepared module. */
  readonly file: string;
  readonly guest: boolean;
  /** The program is a command that says when it has come up, and then sleeps; otherwise it is ready to be called. */
  readonly sleeps: boolean;
  readonly count: number;
}

export interface Started {
  readonly firstMs: number;
  readonly laterMs: readonly number[];
  /** Of the process with the first, above what it had before. */
  readonly firstBytes: number;
  /** For each further one. */
  readonly eachBytes: number;
}

const ARGS = ["python", "-c", 'import time\nprint("ready", flush=True)\ntime.sleep(1e6)'];
/** Until what was allocated on the way is known to the system, ms. */
const SETTLE_MS = 200;

const { file, guest, sleeps, count } = JSON.parse(process.argv[2]!) as StartTask;
const bytes = new Uint8Array(readFileSync(file));

async function residentBytes(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return process.memoryUsage().rss;
}

/** What starts one more, once whatever all of them share is there. */
async function guests(): Promise<() => Promise<void>> {
  const fleet = await Fleet.open();
  let image: Image | undefined;
  let booted = 0;
  // What a reactor imports beyond WASI is never called here.
  const services = new URL("../../test/support/still.services.ts", import.meta.url);
  return async () => {
    image ??= Image.open(bytes);
    const name = `guest ${booted++}`;
    const options = sleeps ? { name, args: ARGS, stdout: "pipe" as const } : { name, services };
    const { stdout } = await fleet.boot(image, options);
    if (sleeps) await stdout!.getReader().read();
  };
}

async function workers(): Promise<() => Promise<void>> {
  let module: Promise<WebAssembly.Module> | undefined;
  return async () => {
    module ??= WebAssembly.compile(bytes);
    const workerData: PlainTask = { module: await module, args: sleeps ? ARGS : undefined };
    await once(new Worker(new URL("./plain-worker.ts", import.meta.url), { workerData }), "message");
  };
}

const start = await (guest ? guests() : workers());
const before = await residentBytes();
const times: number[] = [];
let first = 0;
for (let i = 0; i < count; i++) {
  const from = performance.now();
  await start();
  times.push(performance.now() - from);
  if (i === 0) first = await residentBytes();
}
const started: Started = {
  firstMs: times[0]!,
  laterMs: times.slice(1),
  firstBytes: first - before,
  eachBytes: ((await residentBytes()) - first) / (count - 1),
};
process.stdout.write(`${JSON.stringify(started)}\n`, () => process.exit(0));
