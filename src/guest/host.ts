/**
 * The host: one Worker that runs one guest on one version of the services.
 *
 *   attach services → instantiate → enter → boot export → command: _start … end
 *                                                       → reactor: _initialize, leave, then: enter, call, leave; …
 *
 * Nothing of the guest is touched before enter() and after leave(); in between, guest code polls by itself. Everything that
 * goes wrong is said in one message to the owner, and then this thread has nothing left to do.
 */

import {
  EXPORT_BOOT,
  EXPORT_SLOW,
  IMPORT_LEDGER,
  IMPORT_MODULE,
  OFF_BELL,
  SLOW_POLL,
  SLOW_WAIT32,
  SLOW_WAIT64,
} from "../abi.ts";
import { attachCore, type Core } from "../core/core.ts";
import type { Platform, Self } from "../platform/platform.ts";
import { ExitSignal } from "../wasi/host.ts";
import { createWasi, type Wasi } from "../wasi/wasi.ts";
import { Descriptors } from "./descriptors.ts";
import type { CallOutcome, Failure, FromHost, HostData, OutputMode, ToHost } from "./messages.ts";
import { NOWHERE, RingReader, RingWriter, STDERR, STDIN, STDOUT } from "./rings.ts";
import type { Attach, Services, ServicesHost } from "./services.ts";
import { Waiting } from "./waiting.ts";

/** Deep enough for the frames of an interpreter at its recursion limit. */
const STACK_FRAMES = 200;

/** Thrown by the core when the guest has gone to another host: unwinds this thread out of it. */
class LostSignal {}

/** Why a host cannot begin. */
class BeginError extends Error {
  readonly code: Failure["code"];
  constructor(code: Failure["code"], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

type Ran =
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "lost" }
  /** Went through guest frames: the guest is in no state to go on. */
  | { readonly kind: "trap"; readonly error: unknown }
  /** Thrown by the services' own JavaScript, with no guest frame under it. */
  | { readonly kind: "thrown"; readonly error: unknown };

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error in a form that survives the way to the owner, whatever was thrown. */
function cloneable(error: unknown): unknown {
  try {
    return structuredClone(error);
  } catch {
    return new Error(messageOf(error));
  }
}

class Host {
  readonly #self: Self;
  readonly #data: HostData;
  readonly #core: Core;
  readonly #waiting: Waiting;
  readonly #wasi: Wasi;
  readonly #platform: Platform;
  #services: Services = { imports: {} };
  #exports: WebAssembly.Exports | undefined;
  /** The last exception that a service threw into the guest. */
  #escaped: unknown;

  constructor(platform: Platform, self: Self, data: HostData) {
    this.#platform = platform;
    this.#self = self;
    this.#data = data;
    this.#core = attachCore(data.core, data.ledger, {
      number: data.host,
      now: platform.nowNs,
      lost: () => {
        throw new LostSignal();
      },
      wait32: (address, expected, timeoutNs) =>
        this.#atomicWait(new Int32Array(data.memory.buffer), address >>> 2, expected, timeoutNs),
      wait64: (address, expected, timeoutNs) =>
        this.#atomicWait(new BigInt64Array(data.memory.buffer), address >>> 3, expected, timeoutNs),
    });
    this.#waiting = new Waiting(this.#core, platform.wallNs);
    this.#wasi = this.#createWasi();
  }

  // ---- services ----

  #createWasi(): Wasi {
    const data = this.#data;
    const core = this.#core;
    const words = new Int32Array(data.ledger.buffer);
    const output = (mode: OutputMode, ring: number) =>
      mode === "ignore" ? NOWHERE : new RingWriter(core, data.ledger, ring);
    return createWasi({
      args: data.args,
      env: data.env,
      memory: data.memory,
      clock: { wallNs: this.#platform.wallNs, monotonicNs: core.monotonicNs, cpuNs: core.cpuNs },
      bell: () => Atomics.load(words, OFF_BELL >> 2),
      wait: ({ seen, until }) => this.#waiting.wait({ words, index: OFF_BELL >> 2, value: seen, until }),
      mark: ({ ptr, bytes }) => core.markRange(ptr, bytes),
      random: this.#platform.random,
      stdin: new RingReader(core, data.ledger, STDIN),
      stdout: output(data.stdout, STDOUT),
      stderr: output(data.stderr, STDERR),
      files: this.#platform.files,
      descriptors: new Descriptors(data.ledger),
      preopens: data.preopens,
    });
  }

  /** memory.atomic.wait of a program that shares its memory, as a wait that can be frozen. The address has been checked. */
  #atomicWait<T extends Int32Array | BigInt64Array>(
    words: T,
    index: number,
    expected: T extends Int32Array ? number : bigint,
    timeoutNs: bigint,
  ): number {
    const untilNs = timeoutNs < 0n ? undefined : this.#core.monotonicNs() + timeoutNs;
    for (;;) {
      const leftNs = untilNs === undefined ? undefined : this.#core.untilMonotonicNs(untilNs);
      if (!this.#core.beginWait()) throw new Error("this guest does not run");
      const timeoutMs = leftNs === undefined ? Number.POSITIVE_INFINITY : Number(leftNs) / 1e6;
      const answer = Atomics.wait(words as Int32Array, index, expected as number, timeoutMs);
      this.#core.endWait();
      if (answer === "ok") return 0;
      if (answer === "not-equal") return 1;
      if (untilNs !== undefined && this.#core.untilMonotonicNs(untilNs) <= 0n) return 2;
    }
  }

  #servicesHost(): ServicesHost {
    const { guest, args, env, memory } = this.#data;
    const core = this.#core;
    const idle = new Int32Array(new SharedArrayBuffer(4));
    const exportsOf = (): WebAssembly.Exports => {
      if (this.#exports === undefined) throw new Error("the guest's exports are valid once it is instantiated");
      return this.#exports;
    };
    return {
      guest,
      args: [...args],
      env: { ...env },
      memory,
      get exports() {
        return exportsOf();
      },
      clock: {
        wallMs: () => Number(this.#platform.wallNs()) / 1e6,
        monotonicMs: () => Number(core.monotonicNs()) / 1e6,
      },
      wait: ({ untilMs, wake }) => {
        const { words, index, value } = wake ?? { words: idle, index: 0, value: 0 };
        const until =
          untilMs === undefined ? undefined : ({ clock: "monotonic", ns: BigInt(Math.round(untilMs * 1e6)) } as const);
        return this.#waiting.wait({ words, index, value, until });
      },
      mark: ({ ptr, bytes }) => core.markRange(ptr, bytes),
    };
  }

  async #attachServices(): Promise<void> {
    if (this.#data.services === undefined) return;
    const invalid = (why: string, cause?: unknown): BeginError =>
      new BeginError("SP_SERVICES_INVALID", `services ${this.#data.services}: ${why}`, { cause });
    let attach: Attach;
    try {
      attach = ((await import(this.#data.services)) as { default: Attach }).default;
    } catch (error) {
      throw invalid(`the module cannot be loaded: ${messageOf(error)}`, error);
    }
    if (typeof attach !== "function") throw invalid("the module has no default export that is a function");
    try {
      this.#services = await attach(this.#servicesHost());
    } catch (error) {
      throw invalid(`attach failed: ${messageOf(error)}`, error);
    }
    if (typeof this.#services?.imports !== "object" || this.#services.imports === null) {
      throw invalid("attach answered no object with imports");
    }
  }

  /** Notes what a service throws into the guest, so that it can be told from what its own calls throw. */
  #noting(service: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
    return (...args) => {
      try {
        return service(...args);
      } catch (error) {
        this.#escaped = error;
        throw error;
      }
    };
  }

  // ---- beginning ----

  #imports(): WebAssembly.Imports {
    const data = this.#data;
    const own: Record<string, Record<string, WebAssembly.ImportValue>> = {
      [IMPORT_MODULE]: { [IMPORT_LEDGER]: data.ledger },
    };
    (own[data.memoryImport.module] ??= {})[data.memoryImport.name] = data.memory;
    const imports: WebAssembly.Imports = {};
    const missing: string[] = [];
    for (const { module, name, kind } of WebAssembly.Module.imports(data.module)) {
      const service = this.#services.imports[module]?.[name];
      const wasi = module === "wasi_snapshot_preview1" ? this.#wasi.imports[name] : undefined;
      const value = own[module]?.[name] ?? service ?? wasi;
      if (value === undefined) missing.push(`${kind} ${module}.${name}`);
      else {
        (imports[module] ??= {})[name] =
          typeof value === "function" && value === service ? this.#noting(value as () => unknown) : value;
      }
    }
    if (missing.length > 0) {
      throw new BeginError("SP_IMPORT_MISSING", `nothing provides ${missing.join(", ")}`);
    }
    return imports;
  }

  async #instantiate(): Promise<WebAssembly.Exports> {
    const imports = this.#imports();
    let instance: WebAssembly.Instance;
    try {
      instance = await WebAssembly.instantiate(this.#data.module, imports);
    } catch (error) {
      if (error instanceof WebAssembly.LinkError) {
        throw new BeginError("SP_IMPORT_MISSING", messageOf(error), { cause: error });
      }
      // Element segments that do not fit trap here; everything else of the guest happens in its boot export.
      throw new BeginError(error instanceof WebAssembly.RuntimeError ? "SP_GUEST_TRAP" : "SP_LIMIT", messageOf(error), {
        cause: error,
      });
    }
    const slow = instance.exports[EXPORT_SLOW] as WebAssembly.Table;
    slow.set(SLOW_POLL, this.#core.poll);
    slow.set(SLOW_WAIT32, this.#core.guestWait32);
    slow.set(SLOW_WAIT64, this.#core.guestWait64);
    this.#exports = instance.exports;
    return instance.exports;
  }

  async run(): Promise<void> {
    let exports: WebAssembly.Exports;
    try {
      await this.#attachServices();
      exports = await this.#instantiate();
      this.#services.restore?.(undefined);
      if (this.#services.healthy?.() === false) {
        throw new BeginError("SP_SERVICES_INVALID", `services ${this.#data.services}: not healthy`);
      }
    } catch (error) {
      const begin = error instanceof BeginError ? error : undefined;
      this.#fail(begin?.code ?? "SP_SERVICES_INVALID", begin?.cause ?? error, messageOf(error));
      return;
    }
    if (!this.#core.enter()) return;
    const booted = this.#ran(exports[EXPORT_BOOT], { inside: true });
    if (!this.#goesOn(booted)) return;
    if (this.#data.style === "command") {
      this.#post({ type: "ready" });
      const ran = this.#ran(exports._start, { inside: true });
      if (this.#goesOn(ran)) this.#exit(0);
      return;
    }
    if (exports._initialize !== undefined && !this.#goesOn(this.#ran(exports._initialize, { inside: true }))) return;
    this.#core.leave();
    this.#self.listen((message) => this.#receive(message as ToHost));
    this.#post({ type: "ready" });
  }

  // ---- running ----

  /** Runs a function, the guest's own (`inside`) or one of the services around it, and says what came of it. */
  #ran(run: unknown, { args = [], inside }: { args?: readonly unknown[]; inside: boolean }): Ran {
    this.#escaped = undefined;
    try {
      return { kind: "returned", value: (run as (...args: readonly unknown[]) => unknown)(...args) };
    } catch (error) {
      if (error instanceof ExitSignal) return { kind: "exit", code: error.code };
      if (error instanceof LostSignal) return { kind: "lost" };
      const trapped =
        inside ||
        error === this.#escaped ||
        error instanceof WebAssembly.RuntimeError ||
        error instanceof WebAssembly.Exception ||
        // V8's own word for a guest that has used up its stack.
        (error instanceof RangeError && error.message.includes("call stack"));
      return { kind: trapped ? "trap" : "thrown", error };
    }
  }

  /** Whether the guest goes on after this; ends it otherwise. */
  #goesOn(ran: Ran): boolean {
    switch (ran.kind) {
      case "returned":
      case "thrown":
        return true;
      case "exit":
        this.#exit(ran.code);
        return false;
      case "lost":
        this.#self.close();
        return false;
      case "trap":
        this.#fail("SP_GUEST_TRAP", ran.error, messageOf(ran.error));
        return false;
    }
  }

  #receive(message: ToHost): void {
    if (message.type === "end") {
      this.#exit(0);
      return;
    }
    const { id, name, args } = message;
    const own = this.#services.calls?.[name];
    const exported = this.#exports?.[name];
    const run = own ?? (typeof exported === "function" && !name.startsWith("stillpoint:") ? exported : undefined);
    if (run === undefined) {
      const message = `neither the services nor the guest have a function ${name}`;
      this.#outcome(id, { kind: "thrown", code: "SP_EXPORT_MISSING", message, cause: undefined });
      return;
    }
    let ran: Ran;
    try {
      if (!this.#core.enter()) return;
      ran = this.#ran(run, { args, inside: own === undefined });
      if (!this.#goesOn(ran)) return;
      this.#core.leave();
    } catch (error) {
      if (error instanceof LostSignal) return this.#self.close();
      throw error;
    }
    if (ran.kind === "returned") this.#result(id, name, ran.value);
    else if (ran.kind === "thrown") {
      const message = `call ${name} failed: ${messageOf(ran.error)}`;
      this.#outcome(id, { kind: "thrown", code: "SP_CALL_FAILED", message, cause: cloneable(ran.error) });
    }
  }

  #result(id: number, name: string, value: unknown): void {
    const failed = (why: string): void =>
      this.#outcome(id, { kind: "thrown", code: "SP_CALL_FAILED", message: `call ${name}: ${why}`, cause: undefined });
    if (value instanceof Promise) {
      // What it would still do, it would do while the guest counts as idle.
      value.catch(() => {});
      return failed("the services answered a promise; calls are synchronous");
    }
    // A view of guest memory would go on changing in the caller's hands.
    const lives = ArrayBuffer.isView(value) && value.buffer === this.#data.memory.buffer;
    try {
      this.#outcome(id, { kind: "result", value: lives ? structuredCopy(value) : value });
    } catch (error) {
      failed(`the result cannot be sent: ${messageOf(error)}`);
    }
  }

  // ---- ending ----

  #exit(code: number): void {
    this.#end(() => this.#post({ type: "exited", code }));
  }

  #fail(code: Failure["code"], cause: unknown, message: string): void {
    const stack = cause instanceof Error ? (cause.stack ?? "") : "";
    this.#end(() => this.#post({ type: "failed", failure: { code, message, cause: cloneable(cause), stack } }));
  }

  #end(tell: () => void): void {
    if (!this.#core.end()) return this.#self.close();
    for (const ring of [STDOUT, STDERR]) this.#core.endRing(ring);
    try {
      this.#services.dispose?.("exited");
      this.#wasi.dispose("exited");
    } finally {
      tell();
      this.#self.close();
    }
  }

  #post(message: FromHost): void {
    this.#self.post(message);
  }

  #outcome(id: number, outcome: CallOutcome): void {
    this.#post({ type: "outcome", id, outcome });
  }
}

/** A copy of a typed array that shares nothing with guest memory. */
function structuredCopy(view: ArrayBufferView): Uint8Array | ArrayBufferView {
  if (view instanceof DataView) return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  return (view as Uint8Array).slice();
}

export async function runHost(platform: Platform, self: Self, data: HostData): Promise<void> {
  Error.stackTraceLimit = STACK_FRAMES;
  await new Host(platform, self, data).run();
}
