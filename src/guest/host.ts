/**
 * The host: one Worker that runs one guest on one version of the services.
 *
 *   attach services → instantiate → enter → boot export → command: _start … end
 *                                                       → reactor: _initialize, leave, then: enter, call, leave; …
 *
 * Nothing of the guest is touched before enter() and after leave(); in between, guest code polls by itself. Everything that
 * goes wrong is said in one message to the owner, and then this thread has nothing left to do.
 */

import { EXPORT_BOOT, EXPORT_SLOW, SLOW_POLL, SLOW_WAIT32, SLOW_WAIT64 } from "../abi.ts";
import { attachCore, type Core } from "../core/core.ts";
import type { Platform, Self } from "../platform/platform.ts";
import { ExitSignal } from "../wasi/host.ts";
import type { Wasi } from "../wasi/wasi.ts";
import { attachServices, attachWasi, type HostSide, provided, resolveImports } from "./attach.ts";
import { BeginError, cloneable, failureOf, messageOf } from "./failure.ts";
import type { CallOutcome, Failure, FromHost, HostData, ToHost } from "./messages.ts";
import { STDERR, STDOUT } from "./rings.ts";
import type { Services } from "./services.ts";
import { Waiting } from "./waiting.ts";

/** Deep enough for the frames of an interpreter at its recursion limit. */
const STACK_FRAMES = 200;

/** Thrown by the core when the guest has gone to another host: unwinds this thread out of it. */
class LostSignal {}

type Ran =
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "lost" }
  /** Went through guest frames: the guest is in no state to go on. */
  | { readonly kind: "trap"; readonly error: unknown }
  /** Thrown by the services' own JavaScript, with no guest frame under it. */
  | { readonly kind: "thrown"; readonly error: unknown };

class Host {
  readonly #self: Self;
  readonly #data: HostData;
  readonly #core: Core;
  readonly #side: HostSide;
  #wasi: Wasi | undefined;
  #services: Services = { imports: {} };
  #exports: WebAssembly.Exports | undefined;
  /** The last exception that was thrown into the guest; whatever was thrown, undefined included. */
  #escaped: { readonly error: unknown } | undefined;

  constructor(platform: Platform, self: Self, data: HostData) {
    this.#self = self;
    this.#data = data;
    const { memory } = data;
    this.#core = attachCore(data.core, data.ledger, {
      number: data.host,
      now: platform.nowNs,
      lost: () => {
        throw new LostSignal();
      },
      // Guest code has checked the address by a load of its own.
      wait32: (address, expected, timeoutNs) =>
        waiting.waitAtomic(new Int32Array(memory.buffer), { index: address >>> 2, expected, timeoutNs }),
      wait64: (address, expected, timeoutNs) =>
        waiting.waitAtomic(new BigInt64Array(memory.buffer), { index: address >>> 3, expected, timeoutNs }),
    });
    const waiting = new Waiting(this.#core, platform.wallNs);
    const exports = (): WebAssembly.Exports => {
      if (this.#exports === undefined) throw new Error("the guest's exports are valid once it is instantiated");
      return this.#exports;
    };
    this.#side = { platform, data, core: this.#core, waiting, exports };
  }

  // ---- beginning ----

  async run(): Promise<void> {
    let exports: WebAssembly.Exports;
    try {
      exports = await this.#begin();
    } catch (error) {
      return this.#fail(failureOf(error, "SP_SERVICES_INVALID"));
    }
    if (!this.#core.enter()) return this.#self.close();
    if (!this.#goesOn(this.#ran(exports[EXPORT_BOOT], { inside: true }))) return;
    if (this.#data.style === "command") {
      this.#post({ type: "ready" });
      if (this.#goesOn(this.#ran(exports._start, { inside: true }))) this.#exit(0);
      return;
    }
    if (exports._initialize !== undefined && !this.#goesOn(this.#ran(exports._initialize, { inside: true }))) return;
    this.#core.leave();
    this.#self.listen((message) => this.#receive(message as ToHost));
    this.#post({ type: "ready" });
  }

  /** Everything up to the guest's first instruction. */
  async #begin(): Promise<WebAssembly.Exports> {
    const wasi = attachWasi(this.#side);
    this.#wasi = wasi;
    this.#services = await attachServices(this.#side);
    const imports = resolveImports(this.#side, {
      services: this.#services,
      wasi,
      escaped: (error) => {
        this.#escaped = { error };
      },
    });
    const { exports } = await this.#instantiate(imports);
    this.#exports = exports;
    const slow = exports[EXPORT_SLOW] as WebAssembly.Table;
    slow.set(SLOW_POLL, this.#core.poll);
    slow.set(SLOW_WAIT32, this.#core.guestWait32);
    slow.set(SLOW_WAIT64, this.#core.guestWait64);
    this.#services.restore?.(undefined);
    if (this.#services.healthy?.() === false) {
      throw new BeginError("SP_SERVICES_INVALID", `services ${this.#data.services}: not healthy`);
    }
    return exports;
  }

  async #instantiate(imports: WebAssembly.Imports): Promise<WebAssembly.Instance> {
    try {
      return await WebAssembly.instantiate(this.#data.module, imports);
    } catch (cause) {
      const code =
        cause instanceof WebAssembly.LinkError
          ? "SP_IMPORT_MISSING"
          : // Element segments that do not fit trap here; everything else of the guest happens in its boot export.
            cause instanceof WebAssembly.RuntimeError
            ? "SP_GUEST_TRAP"
            : "SP_LIMIT";
      throw new BeginError(code, messageOf(cause), { cause });
    }
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
        this.#wentThroughGuest(error) ||
        error instanceof WebAssembly.RuntimeError ||
        error instanceof WebAssembly.Exception ||
        // V8's own word for a guest that has used up its stack.
        (error instanceof RangeError && error.message.includes("call stack"));
      return { kind: trapped ? "trap" : "thrown", error };
    }
  }

  #wentThroughGuest(error: unknown): boolean {
    return this.#escaped !== undefined && Object.is(this.#escaped.error, error);
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
        this.#fail(failureOf(ran.error, "SP_GUEST_TRAP"));
        return false;
    }
  }

  #receive(message: ToHost): void {
    if (message.type === "end") this.#exit(0);
    else this.#outcome(message.id, this.#serve(message));
  }

  /** One call; undefined when the guest has ended in it, or has gone elsewhere. */
  #serve({ name, args }: { name: string; args: readonly unknown[] }): CallOutcome | undefined {
    const own = provided(this.#services.calls, name);
    const exported = name.startsWith("stillpoint:") ? undefined : this.#exports?.[name];
    const run = own ?? exported;
    if (typeof run !== "function") {
      const message = `neither the services nor the guest have a function ${name}`;
      return { kind: "thrown", code: "SP_EXPORT_MISSING", message, cause: undefined };
    }
    try {
      if (!this.#core.enter()) return undefined;
      const ran = this.#ran(run, { args, inside: own === undefined });
      if (!this.#goesOn(ran)) return undefined;
      const outcome = this.#outcomeOf(name, ran);
      this.#core.leave();
      return outcome;
    } catch (error) {
      if (!(error instanceof LostSignal)) throw error;
      this.#self.close();
      return undefined;
    }
  }

  /** Made before leave(): a result may be a view of guest memory. */
  #outcomeOf(name: string, ran: Ran): CallOutcome {
    const failed = (why: string, cause?: unknown): CallOutcome => ({
      kind: "thrown",
      code: "SP_CALL_FAILED",
      message: `call ${name}: ${why}`,
      cause,
    });
    if (ran.kind !== "returned") {
      const error = ran.kind === "thrown" ? ran.error : undefined;
      return failed(messageOf(error), cloneable(error));
    }
    const { value } = ran;
    if (value instanceof Promise) {
      // What it would still do, it would do while the guest counts as idle.
      value.catch(() => undefined);
      return failed("the services answered a promise; calls are synchronous");
    }
    return { kind: "result", value: this.#detached(value) };
  }

  /** The value as it is now: a view of guest memory would go on changing in the caller's hands. */
  #detached(value: unknown): unknown {
    if (!ArrayBuffer.isView(value) || value.buffer !== this.#data.memory.buffer) return value;
    if (!(value instanceof DataView)) return (value as Uint8Array).slice();
    return new DataView(new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice().buffer);
  }

  // ---- ending ----

  #exit(code: number): void {
    this.#end({ type: "exited", code });
  }

  #fail(failure: Failure): void {
    this.#end({ type: "failed", failure });
  }

  #end(message: FromHost): void {
    if (this.#core.end()) {
      for (const ring of [STDOUT, STDERR]) this.#core.endRing(ring);
      try {
        this.#services.dispose?.("exited");
      } catch (error) {
        // The guest has ended as the message says, whatever its services make of it.
        console.error(error);
      }
      this.#wasi?.dispose("exited");
      this.#post(message);
    }
    this.#self.close();
  }

  #post(message: FromHost): void {
    this.#self.post(message);
  }

  #outcome(id: number, outcome: CallOutcome | undefined): void {
    if (outcome === undefined) return;
    try {
      this.#post({ type: "outcome", id, outcome });
    } catch (error) {
      const message = `the result cannot be sent: ${messageOf(error)}`;
      const failed = { kind: "thrown", code: "SP_CALL_FAILED", message, cause: cloneable(error) } as const;
      this.#post({ type: "outcome", id, outcome: failed });
    }
  }
}

export async function runHost(platform: Platform, self: Self, data: HostData): Promise<void> {
  Error.stackTraceLimit = STACK_FRAMES;
  await new Host(platform, self, data).run();
}
