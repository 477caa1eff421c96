/**
 * What lies under a guest: WASI, the user's services over it, and the guest's imports resolved against both. All of it is
 * made before the guest is touched, on a host that may never get to run it.
 */

import { IMPORT_LEDGER, IMPORT_MODULE, OFF_BELL } from "../abi.ts";
import type { Core } from "../core/core.ts";
import type { Platform } from "../platform/platform.ts";
import type { OutputStream, WasiHost } from "../wasi/host.ts";
import type { Notices } from "../wasi/notice-files.ts";
import { createWasi, type Wasi } from "../wasi/wasi.ts";
import { Descriptors } from "./descriptors.ts";
import { BeginError, messageOf } from "./failure.ts";
import type { HostData, OutputMode } from "./messages.ts";
import { noticeCalls } from "./notice-calls.ts";
import type { Pinning } from "./pinning.ts";
import { NOWHERE, RingReader, RingWriter, STDERR, STDIN, STDOUT } from "./rings.ts";
import type { Attach, Services, ServicesHost } from "./services.ts";
import type { Waiting } from "./waiting.ts";

const WASI_MODULE = "wasi_snapshot_preview1";

/** What a host gives to everything that lies under its guest. */
export interface HostSide {
  readonly platform: Platform;
  readonly data: HostData;
  readonly core: Core;
  readonly waiting: Waiting;
  readonly pinning: Pinning;
  /** What is announced for the guest, if anybody announces anything. */
  readonly notices: Notices | undefined;
  /** Throws as long as the guest is not instantiated. */
  exports(): WebAssembly.Exports;
}

export function attachWasi(side: HostSide): Wasi {
  return createWasi(wasiHost(side));
}

function wasiHost({ platform, data, core, waiting, notices }: HostSide): WasiHost {
  const words = new Int32Array(data.ledger.buffer);
  const index = OFF_BELL >> 2;
  const output = (mode: OutputMode, ring: number): OutputStream =>
    mode === "ignore" ? NOWHERE : new RingWriter(core, data.ledger, ring, { terminal: data.terminals[ring] ?? false });
  return {
    args: data.args,
    env: data.env,
    memory: data.memory,
    clock: { wallNs: platform.wallNs, monotonicNs: core.monotonicNs, cpuNs: core.cpuNs },
    bell: () => Atomics.load(words, index),
    wait: ({ seen, until }) => waiting.wait({ words, index, value: seen, until, pins: false }),
    mark: ({ ptr, bytes }) => core.markRange(ptr, bytes),
    random: platform.random,
    stdin: new RingReader(core, data.ledger, STDIN, { terminal: data.terminals[STDIN] }),
    stdout: output(data.stdout, STDOUT),
    stderr: output(data.stderr, STDERR),
    files: platform.files,
    descriptors: new Descriptors(data.ledger),
    preopens: data.preopens,
    readOnly: data.readOnly,
    notices: data.notices?.files === true ? notices : undefined,
  };
}

function servicesHost({ platform, data, core, waiting, pinning, exports }: HostSide): ServicesHost {
  const { guest, args, env, memory } = data;
  // A wait without a word of the caller's sleeps on one that never changes.
  const still = new Int32Array(new SharedArrayBuffer(4));
  return {
    guest,
    args: [...args],
    env: { ...env },
    memory,
    get exports() {
      return exports();
    },
    clock: {
      wallMs: () => Number(platform.wallNs()) / 1e6,
      monotonicMs: () => Number(core.monotonicNs()) / 1e6,
    },
    wait: ({ untilMs = Number.POSITIVE_INFINITY, wake }) => {
      const { words, index, value } = wake ?? { words: still, index: 0, value: 0 };
      const asked = untilMs === Number.POSITIVE_INFINITY ? undefined : BigInt(Math.round(untilMs * 1e6));
      const ns = pinning.deadlineNs ?? asked;
      pinning.deadlineNs = ns;
      const until = ns === undefined ? undefined : ({ clock: "monotonic", ns } as const);
      const waited = waiting.wait({ words, index, value, until, pins: true });
      pinning.deadlineNs = undefined;
      return waited;
    },
    mark: ({ ptr, bytes }) => core.markRange(ptr, bytes),
  };
}

/** Loads and attaches the services module, if there is one. */
export async function attachServices(side: HostSide): Promise<Services> {
  const { services } = side.data;
  if (services === undefined) return { imports: {} };
  const invalid = (why: string, cause?: unknown): BeginError =>
    new BeginError("SP_SERVICES_INVALID", `services ${services}: ${why}`, { cause });
  let attach: Attach;
  try {
    attach = ((await import(services)) as { default: Attach }).default;
  } catch (error) {
    throw invalid(`the module cannot be loaded: ${messageOf(error)}`, error);
  }
  if (typeof attach !== "function") throw invalid("the module has no default export that is a function");
  let attached: Services;
  try {
    attached = await attach(servicesHost(side));
  } catch (error) {
    throw invalid(`attach failed: ${messageOf(error)}`, error);
  }
  if (typeof attached?.imports !== "object" || attached.imports === null) {
    throw invalid("attach answered no object with imports");
  }
  return attached;
}

/** What a record has under a name that a stranger chose: nothing that every JavaScript object has unasked. */
export function provided<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  if (record === undefined || (name in Object.prototype && !Object.hasOwn(record, name))) return undefined;
  return record[name];
}

/**
 * The guest's imports: ours, then the services', then those of WASI and of notices. `escaped` hears of whatever is thrown into the guest, so that
 * it can be told from what the services throw among themselves.
 */
export function resolveImports(
  { data, core, pinning, notices }: HostSide,
  { services, wasi, escaped }: { services: Services; wasi: Wasi; escaped(error: unknown): void },
): WebAssembly.Imports {
  const own = (module: string, name: string): WebAssembly.Memory | undefined => {
    if (module === IMPORT_MODULE && name === IMPORT_LEDGER) return data.ledger;
    return module === data.memoryImport.module && name === data.memoryImport.name ? data.memory : undefined;
  };
  const mark = ({ ptr, bytes }: { ptr: number; bytes: number }): void => core.markRange(ptr, bytes);
  const modules: Readonly<Record<string, WebAssembly.ModuleImports>> = {
    [WASI_MODULE]: wasi.imports,
    ...(notices && { [IMPORT_MODULE]: noticeCalls({ memory: data.memory, mark }, notices) }),
  };
  // Without prototypes: the names are the module's, and "__proto__" is one.
  const imports: WebAssembly.Imports = Object.create(null);
  const missing: string[] = [];
  let described = 0;
  for (const { module, name, kind } of WebAssembly.Module.imports(data.module)) {
    const zero = kind === "memory" ? undefined : data.zeros[described++];
    const service = provided(provided(services.imports, module), name);
    const value = own(module, name) ?? service ?? provided(provided(modules, module), name);
    if (value === undefined) missing.push(`${kind} ${module}.${name}`);
    else {
      imports[module] ??= Object.create(null) as WebAssembly.ModuleImports;
      imports[module][name] =
        typeof value !== "function"
          ? value
          : // What is not the services' never calls back into the guest.
            pinning.wrapped(value as () => unknown, { pins: value === service, zero, escaped });
    }
  }
  if (missing.length > 0) throw new BeginError("SP_IMPORT_MISSING", `nothing provides ${missing.join(", ")}`);
  return imports;
}
