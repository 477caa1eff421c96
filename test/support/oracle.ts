/**
 * The oracle of capture tests: the same calls on the same image, once undisturbed and once captured wherever `wants` says. What
 * they return, what they tell the host, the exported globals after each, the number of polls, and all of memory at the end must
 * be equal. The number of polls is what catches nearly everything: no turn of a loop may be lost or repeated. With marks on, all
 * that changed since boot lies in pages that are marked, or in the slack behind one.
 */
import * as assert from "uvu/assert";
import { DIRTY_SLACK_BYTES, EXPORT_TAG, OFF_DIRTY_MAP, OFF_FRAMES_TOP, OFF_UNWINDING } from "../../dist/abi.js";
import { type PrepareOptions, prepareSync } from "../../dist/prepare/prepare.js";
import { ContinuationCache } from "../../dist/resume/resume.js";
import { synthesisOf } from "../../dist/resume/synthesis.js";
import { globalBits, isConcrete } from "./bridge.ts";
import { CapturedGuest, type Counts } from "./captured.ts";
import { FUEL } from "./loops.ts";
import { readSignatures } from "./signatures.ts";
import type { Value } from "./values.ts";

export interface Call {
  readonly name: string;
  readonly args: readonly Value[];
}

export interface Ways {
  /** The guest goes on where it was. */
  readonly sameInstance?: boolean;
  readonly sharedLoopBytesMin?: number;
  /** Told, before the captured run, how many polls and host calls `wants` will be asked at if it never wants. */
  readonly chances?: (count: number) => void;
}

interface Seen {
  readonly steps: readonly string[];
  readonly memory: Uint8Array;
  readonly counts: Counts;
}

const valueText = (value: Value): string =>
  typeof value === "bigint" ? `0x${value.toString(16)}` : value === null ? "null" : typeof value;

/** Which of the module's tags it has, and the numbers it carries. */
function exceptionText(exception: WebAssembly.Exception, exports: WebAssembly.Exports): string {
  for (let index = 0; exports[EXPORT_TAG + index] !== undefined; index++) {
    const tag = exports[EXPORT_TAG + index] as WebAssembly.Tag;
    if (!exception.is(tag)) continue;
    const payload: string[] = [];
    try {
      for (let i = 0; ; i++) payload.push(`${typeof exception.getArg(tag, i)} ${exception.getArg(tag, i)}`);
    } catch {
      // There are no more.
    }
    return `threw tag ${index}: ${payload}`;
  }
  return "threw a tag that is not the module's";
}

const PAGE_BYTES = 4096;

function checkMarks(place: string, before: Uint8Array, now: Uint8Array, map: Uint8Array): void {
  for (let page = 0; page < now.length / PAGE_BYTES; page++) {
    if (map[page] !== 0) continue;
    const slackBytes = page > 0 && map[page - 1] !== 0 ? DIRTY_SLACK_BYTES : 0;
    for (let at = page * PAGE_BYTES + slackBytes; at < (page + 1) * PAGE_BYTES; at++) {
      if (now[at] !== (before[at] ?? 0)) assert.unreachable(`${place}: byte ${at} changed without a mark`);
    }
  }
}

/**
 * Fails unless capturing changes nothing; gives what the captured run came by. Host functions of these imports get the guest
 * last, whatever it calls them with first; what they return is part of what is compared by what the guest does with it.
 */
export function compareCaptured(
  place: string,
  bytes: Uint8Array<ArrayBuffer>,
  options: PrepareOptions,
  calls: readonly Call[],
  imports: (log: (entry: string) => void) => Record<string, Record<string, unknown>>,
  wants: () => boolean,
  { sameInstance = false, sharedLoopBytesMin, chances }: Ways = {},
): Counts {
  const image = prepareSync(bytes, { ...options, capture: true });
  const module = new WebAssembly.Module(image.moduleBytes());
  const { functions, globals: all } = readSignatures(bytes);
  // What is of a type that only this module can name stays inside.
  const globals = [...all].filter(([, { type }]) => !isConcrete(type));
  const run = (asked: () => boolean): Seen => {
    const log: string[] = [];
    const cache = new ContinuationCache(synthesisOf(image, sharedLoopBytesMin));
    const guest = new CapturedGuest(
      image,
      module,
      imports((entry) => log.push(entry)),
      asked,
      { sameInstance, cache },
    );
    try {
      guest.boot();
    } catch (error) {
      if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) throw error;
      return { steps: [`boot: ${error}; ${log.join(" ")}`], memory: new Uint8Array(0), counts: guest.counts };
    }
    const words = new Int32Array(guest.ledger.buffer);
    const booted = new Uint8Array(guest.memory.buffer).slice();
    const steps = calls.map(({ name, args }) => {
      const { fuel } = guest.exports;
      if (fuel instanceof WebAssembly.Global) fuel.value = FUEL;
      let result: string;
      try {
        result = guest.call(name, functions.get(name)!, args).map(valueText).join();
      } catch (error) {
        if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) throw error;
        result = error instanceof WebAssembly.Exception ? exceptionText(error, guest.exports) : String(error);
        words[OFF_UNWINDING >> 2] = 0;
      }
      assert.is(words[OFF_FRAMES_TOP >> 2], 0, `${place}: frames are left over`);
      const seen = globals.map(([name, type]) => `${name}=${valueText(globalBits(guest.exports[name], type))}`);
      return `${name}: ${result}; ${seen}; ${log.join(" ")}; ${guest.counts.polls} polls`;
    });
    const memory = new Uint8Array(guest.memory.buffer).slice();
    if (options.track === "marks")
      checkMarks(place, booted, memory, new Uint8Array(guest.ledger.buffer, OFF_DIRTY_MAP));
    return { steps, memory, counts: guest.counts };
  };
  let count = 0;
  const undisturbed = run(() => {
    count++;
    return false;
  });
  chances?.(count);
  const captured = run(wants);
  for (const [i, step] of undisturbed.steps.entries()) assert.is(captured.steps[i], step, place);
  assert.is(Buffer.compare(captured.memory, undisturbed.memory), 0, `${place}: memory differs`);
  return captured.counts;
}
