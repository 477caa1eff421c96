/** The compiled test guests of test/guests/ and what they export, for tests and benches. */
import { readFileSync } from "node:fs";

/** Exports of an instance, unprepared or prepared. */
export interface Kernels {
  matmul(n: number, rounds: number): number;
  hash(rounds: number): number;
  sort(n: number, seed: number): number;
  fib(n: number): number;
  copy(rounds: number): number;
  strings(rounds: number): number;
  count(n: number): number;
  spin(): void;
  spinPtr(): number;
  readonly memory: WebAssembly.Memory;
}

/** A call of each kernel that returns, with arguments that keep it under about 50 ms on a slow machine. */
export const kernelCalls: readonly (readonly [
  name: Exclude<keyof Kernels, "memory" | "spin" | "spinPtr">,
  ...args: number[],
])[] = [
  ["matmul", 96, 4],
  ["hash", 200_000],
  ["sort", 60_000, 7],
  ["fib", 27],
  ["copy", 3000],
  ["strings", 400],
  ["count", 5_000_000],
];

/** Bytes of the guest. `npm run build:guests` makes them. */
export function kernelsWasm(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL("../output/kernels.wasm", import.meta.url)));
}

/** Bytes of the guest with every control structure, test/guests/structures.ts. */
export function structuresWasm(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL("../output/structures.wasm", import.meta.url)));
}
