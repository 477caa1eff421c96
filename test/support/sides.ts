/**
 * The two sides of a comparison: a module as it is, and the same module prepared, run by the smallest host there can be. That
 * host gives each instance a ledger of its own with the hint set, so that every poll takes its slow path, which counts;
 * waits are real ones with a bound.
 */
import {
  EXPORT_BOOT,
  EXPORT_SLOW,
  IMPORT_LEDGER,
  IMPORT_MEMORY,
  IMPORT_MODULE,
  LEDGER_PAGES,
  OFF_HINT,
  SLOW_POLL,
  SLOW_WAIT32,
  SLOW_WAIT64,
} from "../../dist/abi.js";
import { type PrepareOptions, prepareSync } from "../../dist/prepare/prepare.js";
import { exportedFunction } from "./bridge.ts";
import { combinationName, combinations } from "./combinations.ts";
import type { FunctionType } from "./signatures.ts";
import type { Value } from "./values.ts";

export interface Running {
  readonly exports: WebAssembly.Exports;
  /** Memory 0 of a prepared instance. */
  readonly memory: WebAssembly.Memory | undefined;
  readonly ledger: WebAssembly.Memory | undefined;
  /** Calls a function of its own in a way of its own. */
  invoke?(target: unknown, type: FunctionType, args: readonly Value[]): Value[];
}

export interface Host {
  /** Called at each poll; what it throws ends the guest's call. */
  poll(): void;
}

export interface Program {
  /** Makes an instance and runs its start function. Throws what the engine throws. */
  instantiate(imports: WebAssembly.Imports, host: Host): Running;
}

export interface Side {
  readonly name: string;
  /** Whether memories are shared ones. */
  readonly shared: boolean;
  load(bytes: Uint8Array<ArrayBuffer>): Program;
}

export const original: Side = {
  name: "original",
  shared: false,
  load(bytes) {
    const module = new WebAssembly.Module(bytes);
    return {
      instantiate(imports) {
        const { exports } = new WebAssembly.Instance(module, imports);
        return { exports, memory: undefined, ledger: undefined };
      },
    };
  },
};

const I32 = [0x7f];
const I64 = [0x7e];
/** Enough to tell a wait that is woken from one that is not, and no test hangs on it. */
const WAIT_MS_MAX = 50;

function waiter(words: () => Int32Array<ArrayBufferLike> | BigInt64Array<ArrayBufferLike>) {
  return (address: number, expected: number | bigint, timeoutNs: bigint): number => {
    const array = words();
    const index = (address >>> 0) / array.BYTES_PER_ELEMENT;
    // A trap, which a guest cannot catch; it is the prepared module's to make.
    if (!Number.isInteger(index) || index >= array.length) throw new Error(`asked to wait at ${address}`);
    const timeoutMs = timeoutNs < 0n ? WAIT_MS_MAX : Math.min(Number(timeoutNs) / 1e6, WAIT_MS_MAX);
    const outcome = Atomics.wait(array as Int32Array<SharedArrayBuffer>, index, expected as number, timeoutMs);
    return ["ok", "not-equal", "timed-out"].indexOf(outcome);
  };
}

function sharedMemory(initial: number, maximum: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial, maximum, shared: true });
}

export function prepared(options: PrepareOptions): Side {
  return {
    name: combinationName(options),
    shared: true,
    load(bytes) {
      const image = prepareSync(bytes, options);
      const module = new WebAssembly.Module(image.bytes as Uint8Array<ArrayBuffer>);
      const { importModule, importName, minimumPages, maximumPages } = image.info.memory;
      return {
        instantiate(imports, host) {
          const ledger = sharedMemory(LEDGER_PAGES, LEDGER_PAGES);
          new Int32Array(ledger.buffer)[OFF_HINT >> 2] = 1;
          const own: WebAssembly.ModuleImports = { [IMPORT_LEDGER]: ledger };
          const all: WebAssembly.Imports = { ...imports, [IMPORT_MODULE]: own };
          if (importModule === IMPORT_MODULE) own[IMPORT_MEMORY] = sharedMemory(minimumPages, maximumPages);
          const { exports } = new WebAssembly.Instance(module, all);
          const memory = all[importModule]![importName] as WebAssembly.Memory;
          const slow = exports[EXPORT_SLOW] as WebAssembly.Table;
          const wait32 = waiter(() => new Int32Array(memory.buffer));
          const wait64 = waiter(() => new BigInt64Array(memory.buffer));
          slow.set(SLOW_POLL, exportedFunction({ params: [], results: [] }, host.poll));
          slow.set(SLOW_WAIT32, exportedFunction({ params: [I32, I32, I64], results: [I32] }, wait32));
          slow.set(SLOW_WAIT64, exportedFunction({ params: [I32, I64, I64], results: [I32] }, wait64));
          (exports[EXPORT_BOOT] as () => void)();
          return { exports, memory, ledger };
        },
      };
    },
  };
}

export const preparedSides: readonly Side[] = combinations.map(prepared);
