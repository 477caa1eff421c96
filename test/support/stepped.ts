/**
 * The core with a step before each access to the ledger that another thread may see: there a test may do what that thread
 * would do. It is the built core, taken apart into text by binaryen and put together again with a call before every atomic
 * instruction, so every order of two functions can be had in one thread and without luck.
 */

import { readFileSync } from "node:fs";
import binaryen from "binaryen";
import type { Core } from "../../dist/core/core.js";
import { noGuest } from "./core.ts";

/** The position behind the expression that begins at `from`; strings do not occur in what is looked at. */
function behind(text: string, from: number): number {
  let depth = 0;
  for (let at = from; ; at++) {
    if (text[at] === "(") depth++;
    if (text[at] === ")" && --depth === 0) return at + 1;
  }
}

function withSteps(text: string): string {
  let out = text.replace("(module", '(module (import "host" "step" (func $step))');
  const atomic = /\((i32|i64)\.atomic\.(\w+)|\(memory\.atomic\.(\w+)/g;
  for (let found = atomic.exec(out); found !== null; found = atomic.exec(out)) {
    const start = found.index;
    const end = behind(out, start);
    const result = found[2]?.startsWith("store") ? "" : `(result ${found[1] ?? "i32"}) `;
    const opening = `(block ${result}(call $step) `;
    out = `${out.slice(0, start)}${opening}${out.slice(start, end)})${out.slice(end)}`;
    atomic.lastIndex = start + opening.length + 1;
  }
  return out;
}

function stepped(): WebAssembly.Module {
  const read = binaryen.readBinary(readFileSync(new URL("../../dist/core.wasm", import.meta.url)));
  const written = binaryen.parseText(withSteps(read.emitText()));
  written.setFeatures(read.getFeatures());
  const bytes = written.emitBinary();
  read.dispose();
  written.dispose();
  return new WebAssembly.Module(bytes as BufferSource);
}

const module = stepped();

/** The core as the thread `number` has it; `step` is called before each atomic access of it. */
export function attachStepped(ledger: WebAssembly.Memory, number: number, step: () => void): Core {
  const host = { ...noGuest, number, now: process.hrtime.bigint, lost: () => {}, step };
  return new WebAssembly.Instance(module, { env: { memory: ledger }, host }).exports as unknown as Core;
}
