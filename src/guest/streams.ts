/**
 * Standard streams on the owner's side: what the caller gave is pumped into and out of the rings beside the ledger. A ring
 * that is full makes the guest wait, one that is empty makes the pump wait; the bytes stay in the ring when a host dies.
 */

import { OFF_RINGS, RING_HEAD, RING_STRIDE, RING_TAIL } from "../abi.ts";
import type { Core } from "../core/core.ts";
import type { Platform } from "../platform/platform.ts";
import { changed } from "./changed.ts";
import { RingReader, RingWriter, STDIN } from "./rings.ts";

/** Longest a pump sleeps before it looks again, ms: only a bound on a notification that never comes. */
const LOOK_MS = 1000;

/** Largest piece taken out of a ring at once. */
const CHUNK_BYTES = 0x10000;

export type StdinOption = "ignore" | "inherit" | string | Uint8Array | ReadableStream<Uint8Array>;
export type OutputOption = "ignore" | "inherit" | "pipe" | WritableStream<Uint8Array>;

function counter(ring: number, field: number): number {
  return (OFF_RINGS + ring * RING_STRIDE + field) >> 2;
}

function streamOf(stdin: StdinOption, platform: Platform): ReadableStream<Uint8Array> | Uint8Array | undefined {
  if (stdin === "ignore") return undefined;
  if (stdin === "inherit") return platform.inheritInput();
  return typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
}

/** Feeds standard input until its source or the guest has ended. */
export class InputPump {
  readonly #words: Int32Array;
  readonly #core: Core;
  readonly #ring: RingWriter;
  readonly #stopped = new AbortController();

  constructor(core: Core, ledger: WebAssembly.Memory, stdin: StdinOption, platform: Platform) {
    this.#words = new Int32Array(ledger.buffer);
    this.#core = core;
    this.#ring = new RingWriter(core, ledger, STDIN);
    const source = streamOf(stdin, platform);
    if (source === undefined) this.#ring.end();
    else if (source instanceof Uint8Array) void this.#feed(source).then(() => this.#ring.end());
    else void this.#pump(source);
  }

  async #feed(bytes: Uint8Array): Promise<void> {
    let fed = 0;
    while (fed < bytes.length && !this.#stopped.signal.aborted) {
      const index = counter(STDIN, RING_TAIL);
      const value = Atomics.load(this.#words, index);
      const written = this.#ring.write(bytes.subarray(fed));
      fed += written;
      if (written === 0) await changed(this.#words, { index, value, budgetMs: LOOK_MS, signal: this.#stopped.signal });
    }
  }

  async #pump(source: ReadableStream<Uint8Array>): Promise<void> {
    try {
      const reader = source.getReader();
      this.#stopped.signal.addEventListener("abort", () => void reader.cancel().catch(() => undefined));
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#stopped.signal.aborted) break;
        if (!(value instanceof Uint8Array)) throw new TypeError("standard input is made of Uint8Arrays");
        await this.#feed(value);
      }
    } catch {
      // A source that fails is a source that has ended: the guest reads end of file, the failure is the source's owner's.
    }
    this.#ring.end();
  }

  /** The guest has ended: reads no more. */
  stop(): void {
    this.#stopped.abort();
    this.#core.endRing(STDIN);
  }
}

/** Drains one output ring into whatever the caller wants it in. */
export class OutputPump {
  readonly #words: Int32Array;
  readonly #ring: number;
  readonly #reader: RingReader;
  /** What the guest wrote, with "pipe". */
  readonly stream: ReadableStream<Uint8Array> | null = null;
  /** Resolves when nothing is left to deliver: at once with "pipe", whose reader takes its time. */
  readonly drained: Promise<void> = Promise.resolve();

  constructor(core: Core, ledger: WebAssembly.Memory, ring: number, output: OutputOption, platform: Platform) {
    this.#words = new Int32Array(ledger.buffer);
    this.#ring = ring;
    this.#reader = new RingReader(core, ledger, ring);
    if (output === "ignore") return;
    if (output === "pipe") this.stream = this.#readable();
    else if (output === "inherit") this.drained = this.#drain(platform.inheritOutput(ring as 1 | 2));
    else this.drained = this.#drain(output);
  }

  /** The next bytes, or undefined at the end. */
  async #next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const index = counter(this.#ring, RING_HEAD);
    for (;;) {
      const value = Atomics.load(this.#words, index);
      const bytes = this.#reader.readable();
      if (bytes > 0) {
        const chunk = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
        this.#reader.read(chunk);
        return chunk;
      }
      if (this.#reader.ended()) return undefined;
      await changed(this.#words, { index, value, budgetMs: LOOK_MS });
    }
  }

  #readable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const chunk = await this.#next();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
        cancel: () => this.#reader.refuse(),
      },
      // Nothing is taken out of the ring before somebody asks: what is not read makes the guest wait.
      { highWaterMark: 0 },
    );
  }

  async #drain(sink: WritableStream<Uint8Array>): Promise<void> {
    try {
      const writer = sink.getWriter();
      for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
        await writer.ready;
        await writer.write(chunk);
      }
      await writer.close();
    } catch {
      // The reader has gone: the guest is told (EPIPE) at its next write.
      this.#reader.refuse();
    }
  }
}
