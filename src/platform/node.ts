/**
 * Node. Time is process.hrtime: one monotonic source for every thread of the process. Workers run with
 * `trackUnmanagedFds: false`, because descriptors belong to the guest, which may outlive the Worker that opened them.
 */

import { randomFillSync } from "node:crypto";
import { type Channel, channel } from "node:diagnostics_channel";
import { closeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { isatty } from "node:tty";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Journal } from "../schedule/journal.ts";
import { nodeFiles } from "./node-files.ts";
import { openJournal } from "./node-journal.ts";
import type { Platform, Self, Thread, ThreadEvents } from "./platform.ts";

/**
 * Host threads get a deep stack: interpreters as guests recurse on it, and its pages cost nothing until they are used. A stack
 * that optimised code has made goes on in baseline code, whose frames were seen to be up to four times as large: one of 16 MB
 * finds room in whichever thread it comes to.
 */
const STACK_MB = 64;

/** By event. To look one up by its name takes a microsecond, on the way of every freeze and resume. */
const channels: Map<string, Channel> = new Map();

let correctionMs = 0;

/** Date.now follows the system's clock when that is set, but only in ms; the fraction comes from the monotonic clock. */
function wallNs(): bigint {
  const coarseMs = Date.now();
  let ms = performance.timeOrigin + performance.now() + correctionMs;
  if (ms < coarseMs || ms >= coarseMs + 1) {
    correctionMs += coarseMs - ms;
    ms = coarseMs;
  }
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

function spawn(entry: URL, { name, data }: { name: string; data: unknown }, events: ThreadEvents): Thread {
  const worker = new Worker(entry, {
    name,
    workerData: data,
    trackUnmanagedFds: false,
    stdin: false,
    resourceLimits: { stackSizeMb: STACK_MB },
  });
  let failure: Error | undefined;
  let terminated = false;
  worker.on("message", (message) => events.message(message));
  worker.on("error", (error) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  worker.on("messageerror", (error) => {
    failure = error;
  });
  const gone = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      if (failure === undefined && code !== 0 && !terminated)
        failure = new Error(`the thread exited with code ${code}`);
      events.exit(failure);
      resolve();
    });
  });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    terminate: async () => {
      terminated = true;
      await worker.terminate();
      await gone;
    },
    unref: () => worker.unref(),
  };
}

async function self(): Promise<Self> {
  const port = parentPort;
  if (isMainThread || port === null) throw new Error("this is not a Worker");
  return {
    data: workerData,
    post: (message, transfer) => port.postMessage(message, transfer),
    listen: (receive) => port.on("message", receive),
    close: () => port.close(),
  };
}

/**
 * Standard output or error as a stream that waits for the pipe to drain. A reader that has gone rejects the write; the
 * stream's own error event, which says the same once more and would end the process, is taken off it meanwhile.
 */
function inheritOutput(descriptor: 1 | 2): WritableStream<Uint8Array> {
  const stream = descriptor === 1 ? process.stdout : process.stderr;
  const heard = (): void => {};
  const done = (): void => {
    stream.off("error", heard);
  };
  return new WritableStream({
    start: () => {
      stream.on("error", heard);
    },
    write: (chunk) =>
      new Promise<void>((resolve, reject) => {
        stream.write(chunk, (error) => (error ? reject(error) : resolve()));
      }),
    close: done,
    abort: done,
  });
}

const coreFile = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL(`../${name}.wasm`, import.meta.url)));

export const platform: Platform = {
  name: "node",
  mayBlock: true,
  nowNs: () => process.hrtime.bigint(),
  wallNs,
  random: (into) => {
    randomFillSync(into);
  },
  readCore: async () => ({ core: await coreFile("core"), scan: await coreFile("scan") }),
  workers: {
    host: new URL("../workers/host.js", import.meta.url),
    workshop: new URL("../workers/workshop.js", import.meta.url),
  },
  spawn,
  self,
  files: nodeFiles,
  openJournal: (directory, nowMs) => new Journal(openJournal(directory), nowMs),
  closeDescriptor: (descriptor) => {
    try {
      closeSync(descriptor);
    } catch {
      // A file system may refuse to close cleanly; the descriptor is gone all the same, and so is whoever could be told.
    }
  },
  publish: (event, message) => {
    let target = channels.get(event);
    if (target === undefined) channels.set(event, (target = channel(`stillpoint:guest:${event}`)));
    if (target.hasSubscribers) target.publish(message);
  },
  inheritInput: () => Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>,
  isTerminal: (descriptor) => isatty(descriptor),
  inheritOutput,
};
