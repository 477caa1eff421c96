/**
 * Browsers: pages that are cross-origin isolated, and Workers of theirs.
 *
 * Nothing tells a page that a Worker is gone, least of all when terminate() has taken effect. So each Worker holds a lock under
 * a name of its own for as long as it lives, and whoever asks for it next is granted it when nothing of the Worker runs any
 * more. A Worker begins only when it has the lock:
 *
 *   parent   new Worker                      lock, data                      asks for the lock ……… granted: it is gone
 *   Worker                hello: it listens              asks, is granted: held       works …… ends
 *
 * Views of shared memory are never passed to what refuses them: the generator of random bytes, text decoders, streams.
 */

import type { Platform, Self, Thread, ThreadEvents } from "./platform.ts";

/** What a Worker says before anything else, in this order. */
type Beginning = "hello" | "held";

/** What it is told in between. */
interface Begin {
  readonly lock: string;
  readonly data: unknown;
}

/** What the types of a page do not have. */
interface WorkerScope {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
  close(): void;
}

/** Put in by the build: the modules of the core as hexadecimal digits, which get smaller on the way than base64 does. */
declare const CORE_WASM: string;
declare const SCAN_WASM: string;

/** A page may not block, its Workers may. */
const IN_WORKER = typeof (globalThis as { WorkerGlobalScope?: unknown }).WorkerGlobalScope === "function";

/** The most bytes that one call of the generator gives. */
const RANDOM_BYTES_MAX = 65_536;

/** This thread's clock counts from here, ns since 1970. */
const ORIGIN_NS: bigint = BigInt(Math.round(performance.timeOrigin * 1e3)) * 1000n;

function sinceOriginNs(): bigint {
  return BigInt(Math.round(performance.now() * 1e6));
}

function spawn(entry: URL, { name, data }: { name: string; data: unknown }, events: ThreadEvents): Thread {
  const worker = new Worker(entry, { type: "module", name });
  const lock = `stillpoint ${crypto.randomUUID()}`;
  /** Messages for a Worker that has not begun. */
  let waiting: (() => void)[] | undefined = [];
  let failure: Error | undefined;
  let watched: Promise<void> | undefined;
  /** Resolves when the Worker is gone. Asked for when it has the lock, or has lost the chance to get it. */
  const gone = (): Promise<void> => {
    watched ??= navigator.locks.request(lock, () => undefined).then(() => events.exit(failure));
    return watched;
  };
  const fail = (error: Error): void => {
    failure ??= error;
    worker.terminate();
    void gone();
  };
  const beginning: Record<Beginning, () => void> = {
    hello: () => worker.postMessage({ lock, data } satisfies Begin),
    held: () => {
      void gone();
      for (const post of waiting ?? []) post();
      waiting = undefined;
    },
  };
  worker.onmessage = ({ data: message }: MessageEvent) => {
    if (waiting === undefined) events.message(message);
    else beginning[message as Beginning]();
  };
  worker.onmessageerror = () => fail(new Error("a message of the Worker could not be read"));
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.error instanceof Error ? event.error : new Error(event.message || "the Worker could not be started"));
  };
  return {
    post: (message, transfer = []) => {
      const post = (): void => worker.postMessage(message, [...transfer]);
      if (waiting === undefined) post();
      else waiting.push(post);
    },
    terminate: () => {
      worker.terminate();
      return gone();
    },
    // A page does not stay open for its Workers.
    unref: () => undefined,
  };
}

async function self(): Promise<Self> {
  if (!IN_WORKER) throw new Error("this is not a Worker");
  const scope = globalThis as unknown as WorkerScope;
  const begin = await new Promise<Begin>((resolve) => {
    scope.onmessage = ({ data }) => resolve(data as Begin);
    scope.postMessage("hello" satisfies Beginning);
  });
  await new Promise<void>((granted) => {
    void navigator.locks.request(begin.lock, () => {
      granted();
      // Held until this thread is no more.
      return new Promise(() => undefined);
    });
  });
  // The port is running, so what comes before somebody listens is kept here.
  const early: unknown[] = [];
  scope.onmessage = ({ data }) => early.push(data);
  scope.postMessage("held" satisfies Beginning);
  return {
    data: begin.data,
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    listen: (receive) => {
      scope.onmessage = ({ data }) => receive(data);
      for (const message of early.splice(0)) queueMicrotask(() => receive(message));
    },
    close: () => scope.close(),
  };
}

/** Lines on the console; what has no end yet waits for it. */
function inheritOutput(descriptor: 1 | 2): WritableStream<Uint8Array> {
  const decoder = new TextDecoder();
  let line = "";
  const print = (text: string): void => {
    if (descriptor === 1) console.log(text);
    else console.error(text);
  };
  return new WritableStream({
    write: (chunk) => {
      const lines = (line + decoder.decode(chunk, { stream: true })).split("\n");
      line = lines.pop() as string;
      for (const whole of lines) print(whole);
    },
    close: () => {
      if (line !== "") print(line);
    },
  });
}

/**
 * All of the library is one file (src/browser.ts), and what a Worker is for stands behind its address. Not in one expression with
 * `new URL`, in which development servers look for a file of that name.
 */
function thisFileFor(hash: string): URL {
  const url = new URL(import.meta.url);
  url.hash = hash;
  return url;
}

const bytesOf = (digits: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

export const platform: Platform = {
  name: "browser",
  mayBlock: IN_WORKER,
  nowNs: () => ORIGIN_NS + sinceOriginNs(),
  // The system's clock may be set while the page is open, and only Date follows it.
  wallNs: () => BigInt(Date.now()) * 1_000_000n,
  random: (into) => {
    for (let at = 0; at < into.length; at += RANDOM_BYTES_MAX) {
      const bytes = crypto.getRandomValues(new Uint8Array(Math.min(RANDOM_BYTES_MAX, into.length - at)));
      into.set(bytes, at);
    }
  },
  readCore: async () => ({ core: bytesOf(CORE_WASM), scan: bytesOf(SCAN_WASM) }),
  workers: { host: thisFileFor("stillpoint-host"), workshop: thisFileFor("stillpoint-workshop") },
  spawn,
  self,
  files: undefined,
  openJournal: undefined,
  closeDescriptor: () => undefined,
  publish: () => undefined,
  // Nobody types into a page's console.
  inheritInput: () => new ReadableStream({ start: (controller) => controller.close() }),
  isTerminal: () => false,
  inheritOutput,
};
