/**
 * The host: one Worker that runs one guest on one version of the services.
 *
 *   boot       attach services → instantiate → enter → boot export → command: _start … end
 *                                                                  → reactor: _initialize, leave, then: enter, call, leave; …
 *   hand over  guest frozen and recalled → this thread comes out of the guest → yield: what the next host needs
 *              → dispose (replaced), or keep: go on here after all
 *   stand by   attach services → instantiate → adopt: restore → release → go on where the guest stopped, then as above
 *              → or dispose (abandoned)
 *
 * Before it leaves an idle guest it puts into the ledger, and tells the owner, what another host needs if this one dies (rest).
 * Nothing of the guest is touched before enter() and after leave(); in between, guest code polls by itself. Everything that
 * goes wrong is said in one message to the owner, and then this thread has nothing left to do.
 */

import { EXPORT_BOOT, EXPORT_SLOW, OFF_BEGUN, OFF_UNWINDING, SLOW_POLL, SLOW_WAIT32, SLOW_WAIT64 } from "../abi.ts";
import { attachCore, type Core, NO, WANTED } from "../core/core.ts";
import type { Platform, Self } from "../platform/platform.ts";
import type { ContinuationModule } from "../resume/resume.ts";
import { ExitSignal } from "../wasi/host.ts";
import type { Wasi } from "../wasi/wasi.ts";
import { attachServices, attachWasi, type HostSide, provided, resolveImports } from "./attach.ts";
import { BeginError, cloneable, failureOf, messageOf } from "./failure.ts";
import { glimpsing } from "./glimpse.ts";
import type { Activity, CallOutcome, Failure, FromHost, Handed, HostData, Rest, ToHost } from "./messages.ts";
import { hostNotices } from "./notices.ts";
import { Pinning } from "./pinning.ts";
import { STAND_IN, STAND_IN_EXPORTS, standInContinuation, standInData, standInHanded } from "./rehearsal.ts";
import { STDERR, STDOUT } from "./rings.ts";
import type { Services } from "./services.ts";
import { Stack } from "./stack.ts";
import { Waiting } from "./waiting.ts";

/** Deep enough for the frames of an interpreter at its recursion limit. */
const STACK_FRAMES = 200;

const IDLE: Activity = { kind: "idle" };

/** Thrown by the core when the guest has gone to another host: unwinds this thread out of it. */
class LostSignal {}

type Ran =
  | { readonly kind: "returned"; readonly value: unknown }
  /** The stack is in the ledger: the guest has been recalled. */
  | { readonly kind: "captured" }
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
  readonly #pinning: Pinning;
  readonly #side: HostSide;
  readonly #words: Int32Array;
  #wasi: Wasi | undefined;
  #services: Services = { imports: {} };
  #exports: WebAssembly.Exports | undefined;
  #stack: Stack | undefined;
  /** What the guest is in the middle of. */
  #activity: Activity = IDLE;
  /** Whether it has left this thread, and nobody has said yet that it is to go on here. */
  #away = false;
  /** Whether its stack lies in the ledger, and what lets it go on from there. */
  #captured = false;
  #continuation: (() => unknown) | undefined;
  /** How many calls of WASI there had been when the owner was last told what it would go on from. */
  #told: number | undefined;
  /** Whether the guest has been given to this host. */
  #has: boolean;
  /** The last exception that was thrown into the guest; whatever was thrown, undefined included. */
  #escaped: { readonly error: unknown } | undefined;

  constructor(platform: Platform, self: Self, data: HostData) {
    this.#self = self;
    this.#data = data;
    this.#words = new Int32Array(data.ledger.buffer);
    this.#has = data.role === "boot";
    const { memory, ledger } = data;
    this.#core = attachCore(data.core, ledger, {
      number: data.host,
      now: glimpsing(platform.nowNs, this.#words, (places) => this.#post({ type: "glimpsed", places })),
      lost: () => {
        throw new LostSignal();
      },
      // Guest code has checked the address by a load of its own.
      wait32: (address, expected, timeoutNs) =>
        waiting.waitAtomic(new Int32Array(memory.buffer), { index: address >>> 2, expected, timeoutNs }),
      wait64: (address, expected, timeoutNs) =>
        waiting.waitAtomic(new BigInt64Array(memory.buffer), { index: address >>> 3, expected, timeoutNs }),
    });
    this.#pinning = new Pinning(this.#core, ledger);
    const waiting = new Waiting(this.#core, this.#pinning, { ledger, wallNs: platform.wallNs });
    const exports = (): WebAssembly.Exports => {
      if (this.#exports === undefined) throw new Error("the guest's exports are valid once it is instantiated");
      return this.#exports;
    };
    const notices = data.notices && hostNotices(data.notices.board, (ids) => this.#post({ type: "approve", ids }));
    this.#side = { platform, data, core: this.#core, waiting, pinning: this.#pinning, notices, exports };
  }

  // ---- beginning ----

  async run(): Promise<void> {
    try {
      await this.#begin();
      if (this.#data.role === "boot") this.#restore(undefined);
    } catch (error) {
      return this.#fail(failureOf(error, "SP_SERVICES_INVALID"));
    }
    this.#self.listen((message) => this.#guarded(() => this.#receive(message as ToHost)));
    if (this.#data.role === "standby") this.#post({ type: "standby", examinable: this.#examinable });
    else this.#guarded(() => this.#boot());
  }

  /** Attaches the services and instantiates the image. */
  async #begin(): Promise<void> {
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
    if (this.#data.movable) {
      this.#stack = new Stack(this.#data, exports);
      if (this.#data.role === "standby") this.#stack.attach();
      this.#rehearse();
    }
    const slow = exports[EXPORT_SLOW] as WebAssembly.Table;
    slow.set(SLOW_POLL, this.#core.poll);
    slow.set(SLOW_WAIT32, this.#core.guestWait32);
    slow.set(SLOW_WAIT64, this.#core.guestWait64);
  }

  /** Takes over a guest that is nobody's, which then comes to its end, and gives it away again. */
  #rehearse(): void {
    const host = new Host(this.#side.platform, STAND_IN, standInData(this.#data));
    host.#wasi = attachWasi(host.#side);
    host.#stack = new Stack(host.#data, STAND_IN_EXPORTS);
    const handed = standInHanded(host.#wasi.snapshot());
    host.#receive({ type: "adopt", handed, continuations: [standInContinuation()] });
    host.#yield();
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

  /** Lets the services go on from what the ones before them left, and asks whether they can. */
  #restore(state: unknown): void {
    this.#services.restore?.(state);
    if (this.#services.healthy?.() === false) {
      throw new BeginError("SP_SERVICES_INVALID", `services ${this.#data.services}: not healthy`);
    }
  }

  #boot(): void {
    const exports = this.#exports as WebAssembly.Exports;
    if (this.#core.enter() === NO) return this.#self.close();
    // Nothing of the guest's own is on the stack in here that could be captured: a recall finds it pinned.
    const booted = this.#pinning.outside(() => this.#ran(exports[EXPORT_BOOT], { inside: true }));
    if (!this.#goesOn(booted)) return;
    if (this.#data.style === "command") {
      this.#activity = { kind: "command" };
      this.#post({ type: "ready", examinable: this.#examinable });
      this.#finished(this.#ran(exports._start, { inside: true }));
      return;
    }
    if (exports._initialize !== undefined) {
      const initialized = this.#pinning.outside(() => this.#ran(exports._initialize, { inside: true }));
      if (!this.#goesOn(initialized)) return;
    }
    const wanted = this.#leave();
    this.#post({ type: "ready", examinable: this.#examinable });
    if (wanted) this.#yield();
  }

  // ---- messages ----

  /** What the core throws when the guest has gone elsewhere ends here, wherever it was thrown. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof LostSignal)) throw error;
      this.#self.close();
    }
  }

  #receive(message: ToHost): void {
    switch (message.type) {
      case "call":
        return this.#call(message);
      case "end":
        return this.#exit(0);
      case "yield":
        return this.#core.heed() === 0 ? undefined : this.#yield();
      case "prepare":
        return this.#prepare(message.continuations);
      case "expect":
        return this.#expect(message.rest);
      case "adopt":
        return this.#adopt(message.handed, message.continuations);
      case "keep":
        return this.#keep(message.continuations);
      case "examine":
        return this.#post({ type: "examined", healthy: this.#healthy() });
      case "dispose":
        return this.#dispose(message.reason);
    }
  }

  // ---- running ----

  /** Runs a function, the guest's own (`inside`) or one of the services around it, and says what came of it. */
  #ran(run: unknown, { args = [], inside }: { args?: readonly unknown[]; inside: boolean }): Ran {
    this.#escaped = undefined;
    try {
      const value = (run as (...args: readonly unknown[]) => unknown)(...args);
      if (this.#words[OFF_UNWINDING >> 2] === 0) return { kind: "returned", value };
      this.#words[OFF_UNWINDING >> 2] = 0;
      return { kind: "captured" };
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

  /** Whether there is an outcome to tell; ends the guest, or leaves it to the next host, otherwise. */
  #goesOn(ran: Ran): boolean {
    switch (ran.kind) {
      case "returned":
      case "thrown":
        return true;
      case "captured":
        this.#captured = true;
        this.#yield();
        return false;
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

  /** The command, or the call that is under way, has come to an end, here or after any number of other hosts. */
  #finished(ran: Ran): void {
    if (!this.#goesOn(ran)) return;
    const activity = this.#activity;
    if (activity.kind === "command") return this.#exit(0);
    // Made before leave(): a result may be a view of guest memory.
    const outcome = activity.kind === "call" ? this.#outcomeOf(activity.name, ran) : undefined;
    const wanted = this.#leave();
    if (activity.kind === "call" && outcome !== undefined) this.#outcome(activity.id, outcome);
    if (wanted) this.#yield();
  }

  /** Done with the guest for now. True if it is recalled at this very moment: then the last step is the next host's. */
  #leave(): boolean {
    this.#pinning.clear();
    this.#rest();
    const wanted = this.#core.leave() === WANTED;
    this.#activity = wanted ? { kind: "leaving" } : IDLE;
    return wanted;
  }

  /** Leaves what another host needs if this one dies before the next call: the globals, and what the services are. */
  #rest(): void {
    // Tables that the program changes would have to be searched at each call's end.
    if (this.#stack === undefined || this.#data.changedTables.length > 0) return;
    this.#stack.rest();
    const { made } = this.#wasi as Wasi;
    if (made === this.#told && this.#services.snapshot === undefined) return;
    this.#told = made;
    try {
      const rest = { services: this.#services.snapshot?.(), wasi: (this.#wasi as Wasi).snapshot() };
      this.#post({ type: "rested", rest });
    } catch (error) {
      // A handover would fail of it as well. The guest goes on, and dies with its host.
      console.error(error);
      this.#post({ type: "rested", rest: undefined });
    }
  }

  #call({ id, name, args }: { id: number; name: string; args: readonly unknown[] }): void {
    // It has not begun, and whoever has the guest next gets it anew. To wait for the release here would keep what is to go on first.
    if (this.#away) return;
    const own = provided(this.#services.calls, name);
    const run = own ?? (name.startsWith("stillpoint:") ? undefined : this.#exports?.[name]);
    if (typeof run !== "function") {
      const message = `neither the services nor the guest have a function ${name}`;
      return this.#outcome(id, { kind: "thrown", code: "SP_EXPORT_MISSING", message, cause: undefined });
    }
    const entered = this.#entered();
    // The call has not begun; the owner learns that from what this host yields.
    if (entered === WANTED) return this.#yield();
    if (entered === NO) return;
    this.#activity = { kind: "call", id, name };
    this.#stack?.clear();
    Atomics.store(this.#words, OFF_BEGUN >> 2, id);
    if (own === undefined) this.#finished(this.#ran(run, { args, inside: true }));
    else this.#finished(this.#pinning.outside(() => this.#ran(run, { args, inside: false })));
  }

  /** As the core's enter(); NO, too, if the idle guest has gone to another host, which gets the call as well. */
  #entered(): number {
    try {
      return this.#core.enter();
    } catch (error) {
      if (!(error instanceof LostSignal)) throw error;
      return NO;
    }
  }

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

  // ---- handing over ----

  /** The guest is frozen and this thread is out of it: says what the next host needs. */
  #yield(): void {
    const from = performance.now();
    this.#away = true;
    const stack = this.#stack as Stack;
    if (!this.#captured) stack.clear();
    const saved = stack.save();
    const handed: Handed = {
      activity: this.#activity,
      captured: this.#captured,
      deadlineNs: this.#pinning.deadlineNs,
      tables: stack.tables(),
      services: undefined,
      wasi: (this.#wasi as Wasi).snapshot(),
    };
    const say = (handed: Handed): void =>
      this.#post({ type: "yielded", handed, taken: { ...saved, captureMs: performance.now() - from } });
    try {
      say({ ...handed, services: this.#services.snapshot?.() });
    } catch (error) {
      // It threw, or gave what cannot be sent. The guest stays here then.
      say({ ...handed, failure: failureOf(error, "SP_SERVICES_INVALID") });
    }
  }

  #prepare(continuations: readonly ContinuationModule[]): void {
    const stack = this.#stack as Stack;
    stack.add(continuations);
    stack.prepare();
    this.#post({ type: "prepared" });
  }

  /** Everything up to the guest's first instruction here. */
  #adopt(handed: Handed, continuations: readonly ContinuationModule[]): void {
    const adopted = this.#goesOnFrom(handed, (stack) => {
      stack.load(handed.tables);
      stack.add(continuations);
      this.#continuation = handed.captured ? stack.continuation() : undefined;
      this.#activity = handed.activity;
      this.#captured = handed.captured;
      this.#pinning.deadlineNs = handed.deadlineNs;
      if (handed.activity.kind === "idle") stack.rest();
    });
    if (adopted) this.#goOn();
  }

  /** As far as a guest can be adopted that another host may still run. Nothing of the ledger is touched. */
  #expect(rest: Rest): void {
    this.#goesOnFrom(rest, (stack) => stack.expect());
  }

  /** Whether the services are where the last host's were, and the stack is what `take` makes of it. */
  #goesOnFrom({ services, wasi }: Rest, take: (stack: Stack) => void): boolean {
    try {
      const from = performance.now();
      (this.#wasi as Wasi).restore(wasi);
      this.#restore(services);
      take(this.#stack as Stack);
      this.#has = true;
      this.#post({ type: "adopted", restoreMs: performance.now() - from });
      return true;
    } catch (error) {
      this.#post({ type: "failed", failure: failureOf(error, "SP_SERVICES_INVALID") });
      return false;
    }
  }

  /** Nobody took the guest: what was taken off is put back here. */
  #keep(continuations: readonly ContinuationModule[]): void {
    this.#away = false;
    const stack = this.#stack as Stack;
    stack.loadGlobals();
    stack.add(continuations);
    if (this.#activity.kind === "idle") stack.rest();
    if (this.#captured) this.#continuation = stack.continuation();
    this.#goOn();
  }

  /** Goes on where the guest stopped, as soon as it is released. */
  #goOn(): void {
    if (this.#activity.kind === "idle") return;
    if (this.#core.takeUp() === WANTED) return this.#yield();
    if (this.#captured) {
      this.#captured = false;
      return this.#finished(this.#ran(this.#continuation, { inside: true }));
    }
    if (this.#leave()) this.#yield();
  }

  get #examinable(): boolean {
    return this.#services.healthy !== undefined;
  }

  #healthy(): boolean {
    try {
      return this.#services.healthy?.() !== false;
    } catch (error) {
      // The answer says that it is so; this says why.
      console.error(error);
      return false;
    }
  }

  #dispose(reason: "replaced" | "abandoned"): void {
    this.#disposeAll(reason);
    this.#post({ type: "disposed" });
    this.#self.close();
  }

  // ---- ending ----

  #exit(code: number): void {
    this.#end({ type: "exited", code });
  }

  #fail(failure: Failure): void {
    this.#end({ type: "failed", failure });
  }

  #end(message: FromHost): void {
    if (!this.#has) {
      // The guest is another host's, and so is its end; this one only says why it cannot begin.
      this.#post(message);
    } else if (this.#core.end()) {
      for (const ring of [STDOUT, STDERR]) this.#core.endRing(ring);
      this.#disposeAll("exited");
      this.#post(message);
    }
    this.#self.close();
  }

  #disposeAll(reason: "replaced" | "abandoned" | "exited"): void {
    try {
      this.#services.dispose?.(reason);
    } catch (error) {
      // Whatever the services make of it, the guest has gone or ended.
      console.error(error);
    }
    this.#wasi?.dispose(reason);
  }

  #post(message: FromHost): void {
    this.#self.post(message);
  }

  #outcome(id: number, outcome: CallOutcome): void {
    try {
      this.#post({ type: "outcome", id, outcome });
    } catch (error) {
      const message = `the result cannot be sent: ${messageOf(error)}`;
      const failed = { kind: "thrown", code: "SP_CALL_FAILED", message, cause: cloneable(error) } as const;
      this.#post({ type: "outcome", id, outcome: failed });
    }
  }
}

export async function runHost(platform: Platform, self: Self): Promise<void> {
  Error.stackTraceLimit = STACK_FRAMES;
  await new Host(platform, self, self.data as HostData).run();
}
