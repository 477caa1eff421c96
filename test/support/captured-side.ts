/**
 * One more side of a comparison (test/support/sides.ts): a prepared module whose calls are captured at every n-th of their
 * safepoints and go on from continuations, which are captured in their turn, on the same instance. Instances that share functions
 * or tables with others are left in peace: a stack that lies in several instances cannot be captured.
 */
import * as assert from "uvu/assert";
import { OFF_FRAMES_TOP, OFF_PINNED, OFF_UNWINDING } from "../../dist/abi.js";
import type { Image } from "../../dist/prepare/image.js";
import { type PrepareOptions, prepareSync } from "../../dist/prepare/prepare.js";
import { readFrames } from "../../dist/resume/frames.js";
import { Attachment, ContinuationCache } from "../../dist/resume/resume.js";
import { synthesisOf } from "../../dist/resume/synthesis.js";
import { caller } from "./bridge.ts";
import { type Host, prepared, type Running, type Side } from "./sides.ts";
import type { FunctionType } from "./signatures.ts";
import type { Value } from "./values.ts";

export interface Forced {
  /** Calls that could be captured, and those that were. */
  calls: number;
  captured: number;
  captures: number;
  /** Safepoints at which a frame on the stack could not be saved. */
  pinned: number;
  framesMax: number;
}

export function newForced(): Forced {
  return { calls: 0, captured: 0, captures: 0, pinned: 0, framesMax: 0 };
}

const OPTIONS: PrepareOptions = { capture: true };
/** Of one call: one that polls a million times shall not take minutes, and one that recurses without end shall come to it. */
const CAPTURES_MAX = process.env.SP_FULL === "1" ? 1000 : 200;

function standsAlone({ info }: Image): boolean {
  return (
    info.imports.every(({ module, kind }) => kind !== "table" && (kind !== "function" || module === "spectest")) &&
    info.exports.every(({ kind }) => kind !== "table")
  );
}

class Captured {
  readonly #words: Int32Array;
  readonly #ledger: WebAssembly.Memory;
  readonly #attachment: Attachment;
  readonly #every: number;
  readonly #forced: Forced;
  /** Safepoints of the present call so far, without those met again after a capture. */
  #polls = 0;
  #captures = 0;
  #again = false;

  constructor({ exports, memory, ledger }: Running, image: Image, every: number, forced: Forced) {
    this.#ledger = ledger!;
    this.#words = new Int32Array(ledger!.buffer);
    this.#attachment = new Attachment(
      { exports, memory: memory!, ledger: ledger! },
      new ContinuationCache(synthesisOf(image)),
    );
    this.#every = every;
    this.#forced = forced;
  }

  poll(): void {
    if (this.#again) {
      this.#again = false;
      return;
    }
    if (++this.#polls % this.#every !== 0 || this.#captures >= CAPTURES_MAX) return;
    if (this.#words[OFF_PINNED >> 2] !== 0) this.#forced.pinned++;
    else this.#words[OFF_UNWINDING >> 2] = 1;
  }

  call(target: unknown, type: FunctionType, args: readonly Value[]): Value[] {
    this.#polls = this.#captures = 0;
    this.#words[OFF_PINNED >> 2] = 0;
    this.#forced.calls++;
    try {
      let results = caller(target, type)(args);
      while (this.#words[OFF_UNWINDING >> 2] !== 0) {
        this.#words[OFF_UNWINDING >> 2] = 0;
        this.#forced.framesMax = Math.max(this.#forced.framesMax, readFrames(this.#ledger).length);
        this.#captures++;
        this.#attachment.saveGlobals();
        this.#attachment.loadGlobals();
        this.#again = true;
        results = caller(this.#attachment.continuation(), { params: [], results: type.results })([]);
      }
      return results;
    } finally {
      this.#forced.captures += this.#captures;
      if (this.#captures > 0) this.#forced.captured++;
      assert.is(this.#words[OFF_FRAMES_TOP >> 2], 0, "frames are left over");
    }
  }
}

/** Captured at every `every`-th safepoint of a call; what came of it is added to `forced`. */
export function capturedSide(every: number, forced: Forced): Side {
  const side = prepared(OPTIONS);
  return {
    name: `captured at every ${every}. safepoint`,
    shared: true,
    load(bytes) {
      const program = side.load(bytes);
      const image = prepareSync(bytes, OPTIONS);
      if (!standsAlone(image)) return program;
      return {
        instantiate(imports, host) {
          let captured: Captured | undefined;
          let calling = false;
          const polling: Host = {
            poll() {
              host.poll();
              // Not in its start function, nor while it is called by another instance.
              if (calling) captured!.poll();
            },
          };
          const running = program.instantiate(imports, polling);
          captured = new Captured(running, image, every, forced);
          return {
            ...running,
            invoke(target, type, args) {
              calling = true;
              try {
                return captured.call(target, type, args);
              } finally {
                calling = false;
              }
            },
          };
        },
      };
    },
  };
}
