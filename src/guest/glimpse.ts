/**
 * A glimpse of a running guest's stack, which stays where it is. Engines print frames of WebAssembly in the stack trace of any
 * error, with their functions and byte offsets; so a host can tell where its guest is without taking it off the thread. An
 * engine may print less or count otherwise, and with JavaScript's own limit of frames in a trace it is the innermost ones.
 */

import { OFF_GLIMPSE } from "../abi.ts";
import type { CodePlace } from "../resume/site.ts";

/** V8 prints `URL:wasm-function[INDEX]:0xOFFSET`, with a URL for each module. */
const FRAME = /([^\s()@]+):wasm-function\[(\d+)\]:(0x[0-9a-f]+)/g;

/** `now`, which the core asks on the guest's stack, for instance just before it stands still; tells where that is if it is asked to. */
export function glimpsing(
  now: () => bigint,
  words: Int32Array,
  tell: (places: readonly CodePlace[]) => void,
): () => bigint {
  return () => {
    const ns = now();
    if (words[OFF_GLIMPSE >> 2] !== 0 && Atomics.exchange(words, OFF_GLIMPSE >> 2, 0) !== 0) {
      tell(placesIn(new Error().stack ?? ""));
    }
    return ns;
  };
}

/** The frames of the guest's module in a stack trace: it is not the innermost one, which is the core's. */
function placesIn(trace: string): CodePlace[] {
  const frames = [...trace.matchAll(FRAME)];
  const core = frames[0]?.[1];
  return frames
    .filter(([, url]) => url !== core)
    .map(([, , index, offset]) => ({ functionIndex: Number(index), offset: Number(offset) }));
}
