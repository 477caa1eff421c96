/**
 * Runs CPython for bench/programs/cpython.ts, with Node's own WASI under every variant. Standard input waits for the owner's turn;
 * the CPU time between two reads is the time of a piece of work.
 */

import { WASI } from "node:wasi";
import { workerData } from "node:worker_threads";
import { start } from "../support/variants.ts";
import { CHECKSUM, CPU_MS, type CpythonTask, NO_WORK, OWNERS, TURN, WORK } from "./cpython.ts";
import { threadCpuMs } from "./program.ts";

const { variant, shared, program } = workerData as CpythonTask;
const words = new Int32Array(shared);
const numbers = new Float64Array(shared);
const wasi = new WASI({ version: "preview1", args: ["python", "-c", program], env: {}, returnOnExit: true });
const calls = { ...wasi.wasiImport } as Record<string, (...args: number[]) => number>;
let memory: WebAssembly.Memory;
let fromMs = 0;

/** The first of the guest's buffers, large enough for what is read and written here. */
function buffer(vectors: number): Uint8Array {
  const view = new DataView(memory.buffer);
  return new Uint8Array(memory.buffer, view.getUint32(vectors, true), view.getUint32(vectors + 4, true));
}

function answer(sizePtr: number, bytes: number): number {
  new DataView(memory.buffer).setUint32(sizePtr, bytes, true);
  return 0;
}

function read(descriptor: number, vectors: number, count: number, sizePtr: number): number {
  if (descriptor !== 0) return wasi.wasiImport.fd_read(descriptor, vectors, count, sizePtr);
  numbers[CPU_MS] = threadCpuMs() - fromMs;
  Atomics.store(words, TURN, OWNERS);
  Atomics.notify(words, TURN);
  Atomics.wait(words, TURN, OWNERS);
  const work = Atomics.load(words, WORK);
  const text = work === NO_WORK ? "" : `${work}\n`;
  new TextEncoder().encode(text).forEach((byte, i) => {
    buffer(vectors)[i] = byte;
  });
  fromMs = threadCpuMs();
  return answer(sizePtr, text.length);
}

function write(descriptor: number, vectors: number, count: number, sizePtr: number): number {
  if (descriptor !== 1) return wasi.wasiImport.fd_write(descriptor, vectors, count, sizePtr);
  const bytes = buffer(vectors).slice();
  numbers[CHECKSUM] = Number(new TextDecoder().decode(bytes));
  return answer(sizePtr, bytes.length);
}

const exports = start(variant, { wasi_snapshot_preview1: { ...calls, fd_read: read, fd_write: write } });
memory = exports.memory as WebAssembly.Memory;
wasi.start({ exports } as WebAssembly.Instance);
