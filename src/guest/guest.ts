/**
 * A guest in its owner's hands: one program with its memory, its ledger and its name, running in a Worker.
 *
 *   booting ──▶ idle ◀──▶ running ◀──▶ waiting          a command is running or waiting until it exits
 *               any of these ──▶ freezing ──▶ frozen ──▶ the state that the freeze found
 *               any of these ──▶ exited | failed         final; memory stays readable
 *
 * idle, running, waiting, freezing and frozen are read from the ledger, where host and owner agree on them; the others are
 * known here alone. `state` events tell of what the owner does or hears of: a guest that begins or ends a wait by itself
 * tells nobody.
 */

import { ENDED, FREEZING, FROZEN, IDLE, OFF_EPOCH, RUNNING, WAITING } from "../abi.ts";
import type { Core } from "../core/core.ts";
import { GuestStateError, HostLostError, StillpointError } from "../errors.ts";
import type { Platform, Thread, ThreadEvents } from "../platform/platform.ts";
import { type CallOptions, Calls } from "./calls.ts";
import { Descriptors } from "./descriptors.ts";
import { type Eligibility, eligibilityOf } from "./eligibility.ts";
import type { FreezeOptions, Freezing } from "./freezing.ts";
import type { Ground } from "./ground.ts";
import { type HandoverOptions, handOver, tryOut } from "./handover.ts";
import { examine } from "./health.ts";
import { HostLink } from "./link.ts";
import { Listeners } from "./listeners.ts";
import type { GuestMemory } from "./memory.ts";
import type { Failure, FromHost, HostData, ToHost } from "./messages.ts";
import { checkTrackMode } from "./options.ts";
import { reattach } from "./reattach.ts";
import { mustCapture, pause, type RecallSide } from "./recall.ts";
import type {
  DirtyReport,
  Exit,
  FreezeReport,
  GuestEventMap,
  GuestEvents,
  GuestState,
  HandoverReport,
  ResumeReport,
} from "./reports.ts";
import { STDERR, STDOUT } from "./rings.ts";
import type { InputPump, OutputPump } from "./streams.ts";
import { TierUp, type TierUpSide } from "./tier-up.ts";
import { type Trackers, type Tracking, type TrackMode, trackingFromNow, trackingSinceBoot } from "./tracking.ts";
import { trapError } from "./trap.ts";

/** How long an idle guest's services get to dispose of themselves at the end, ms. */
const DISPOSE_MS_MAX = 1000;

/** How often an idle guest is attached to a new host without having served a call in between. */
const REATTACH_MAX = 3;

/** How long the way from a guest's end to the word of it may take, ms. */
const END_TOLD_MS = 1000;

/** How long terminate() waits for streams of the caller's to take the last output, ms. */
const DRAIN_MS_MAX = 1000;

const WORDS: Record<number, GuestState> = {
  [IDLE]: "idle",
  [WAITING]: "waiting",
  [RUNNING]: "running",
  [FREEZING]: "freezing",
  [FROZEN]: "frozen",
};

/** What boot puts together for a guest. */
export interface GuestParts {
  readonly name: string;
  readonly ground: Ground;
  /** The same program, with or without marks in its code. */
  groundFor(track: "none" | "marks"): Promise<Ground>;
  readonly platform: Platform;
  readonly core: Core;
  readonly ledger: WebAssembly.Memory;
  readonly memory: GuestMemory;
  readonly freezing: Freezing;
  readonly track: TrackMode;
  readonly trackers: Trackers;
  readonly stdin: InputPump;
  readonly stdout: OutputPump;
  readonly stderr: OutputPump;
  readonly callQueueMax: number;
  /** Starts a Worker for this guest; what differs from host to host is given here. */
  spawn(host: Pick<HostData, "host" | "role" | "services">, ground: Ground, events: ThreadEvents): Thread;
  readonly services: string | undefined;
  /** Events that may start, as far as this guest is concerned. */
  approve(ids: readonly string[]): void;
  readonly tierUp: boolean | undefined;
}

/** The number of a guest's first host; later ones count on. */
export const FIRST_HOST = 1;

export class Guest implements AsyncDisposable {
  readonly name: string;
  /** Memory 0 itself: reads tear unless the guest is frozen, and growth replaces `buffer`. */
  readonly memory: WebAssembly.Memory;
  readonly events: GuestEvents;
  /** How the guest ended. Never rejects. */
  readonly exited: Promise<Exit>;
  readonly #parts: GuestParts;
  readonly #calls: Calls;
  readonly #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #exited: PromiseWithResolvers<Exit> = Promise.withResolvers();
  /** Resolved when nobody waits any longer for the last output to be taken. */
  readonly #hurried: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #descriptors: Descriptors;
  readonly #words: Int32Array;
  readonly #listeners: Listeners = new Listeners();
  readonly #tierUp: TierUp | undefined;
  #host: HostLink | undefined;
  /** Of the last host that was started. */
  #hostNumber = FIRST_HOST;
  #services: string | undefined;
  #ground: Ground;
  #tracking: Tracking | undefined;
  /** Over when nothing changes the tracking. */
  #lastTrack: Promise<unknown> = Promise.resolve();
  #handingOver = false;
  /** How often its host has died since the last outcome of a call. */
  #reattached = 0;
  /** Of the caller's. */
  #holds = 0;
  /** Over when nothing takes the guest off its thread. */
  #last: Promise<void> = Promise.resolve();
  /** Set in "booting", "exited" and "failed", which the ledger does not know. */
  #stage: "booting" | "exited" | "failed" | undefined = "booting";
  #told: GuestState = "booting";
  #ending: Promise<void> | undefined;
  /** Resolved when it is known how the guest ended. */
  readonly #over = Promise.withResolvers<void>();

  constructor(parts: GuestParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.memory = parts.memory.memory;
    this.exited = this.#exited.promise;
    this.events = this.#listeners as GuestEvents;
    this.#services = parts.services;
    this.#words = new Int32Array(parts.ledger.buffer);
    this.#descriptors = new Descriptors(parts.ledger);
    this.#calls = new Calls(parts.name, { queueMax: parts.callQueueMax, post: (message) => this.#post(message) });
    this.#ground = parts.ground;
    this.#tracking = trackingSinceBoot(parts.track, parts.trackers);
    if (parts.tierUp !== false && parts.ground.image.info.options.capture) this.#tierUp = this.#startTierUp();
    // Whoever boots a guest awaits this; a failure that nobody awaits is still told by `exited`.
    this.#ready.promise.catch(() => undefined);
  }

  /** The services module that the guest has under it, if it is not WASI alone. */
  get services(): URL | undefined {
    return this.#services === undefined ? undefined : new URL(this.#services);
  }

  get state(): GuestState {
    // A guest that has ended, without its host having said how, is still what it was when it was last heard of.
    return this.#stage ?? WORDS[this.#parts.freezing.state] ?? this.#told;
  }

  /** What the guest wrote to standard output, if it was booted with "pipe". */
  get stdout(): ReadableStream<Uint8Array> | null {
    return this.#parts.stdout.stream;
  }

  /** The same of standard error. */
  get stderr(): ReadableStream<Uint8Array> | null {
    return this.#parts.stderr.stream;
  }

  // ---- freezing ----

  /**
   * Freezes the guest and adds a hold: it executes nothing until resume() has been called as often.
   *
   * On failure the request is withdrawn and the guest runs on, memory untouched. Aborting rejects with the signal's reason;
   * a freeze that had been granted by then is released.
   *
   * @throws {FreezeTimeoutError} SP_FREEZE_TIMEOUT: no safepoint within the budget
   * @throws {GuestStateError} SP_GUEST_STATE: the guest has ended
   */
  async freeze(options?: FreezeOptions): Promise<FreezeReport> {
    this.#mustLive("it cannot be frozen");
    const freezing = this.#parts.freezing.freeze(options);
    this.#tell();
    this.#calls.hold();
    try {
      return this.#froze(await freezing);
    } finally {
      this.#settle();
    }
  }

  /** The same where the thread may block, and for when even a turn of the event loop is too long. */
  freezeSync(options: { budgetMs: number }): FreezeReport {
    this.#mustLive("it cannot be frozen");
    this.#mustBlock();
    this.#calls.hold();
    try {
      return this.#froze(this.#parts.freezing.freezeSync(options));
    } finally {
      this.#settle();
    }
  }

  #froze(report: FreezeReport): FreezeReport {
    this.#holds++;
    this.#tell();
    this.#dispatch("freeze", report);
    return report;
  }

  /**
   * Releases one hold. After the last one the guest goes on, its clock put right, and the report waits for its first moment.
   *
   * @throws {GuestStateError} SP_GUEST_STATE: the guest is not frozen
   */
  async resume(): Promise<ResumeReport> {
    this.#takeHold();
    return this.#resumed(await this.#parts.freezing.resume());
  }

  resumeSync(): ResumeReport {
    this.#mustBlock();
    this.#takeHold();
    return this.#resumed(this.#parts.freezing.resumeSync());
  }

  /** A guest may be frozen for reasons of the library's own, and those are not the caller's to release. */
  #takeHold(): void {
    this.#mustLive("there is nothing to resume");
    if (this.#holds === 0) throw new GuestStateError(this.name, this.state, "it was not frozen by freeze()");
    this.#holds--;
  }

  #resumed(report: ResumeReport): ResumeReport {
    this.#settle();
    this.#dispatch("resume", report);
    return report;
  }

  /** The state; of a guest that has ended, as soon as its host has said how, or has had the time to. */
  async #toldState(): Promise<GuestState> {
    if (this.#parts.freezing.state === ENDED) await Promise.race([this.#over.promise, pause(END_TOLD_MS)]);
    return this.state;
  }

  /** Calls wait while the guest is frozen or about to be. */
  #settle(): void {
    this.#tell();
    const state = this.#parts.freezing.state;
    if (state !== FROZEN && state !== FREEZING) this.#calls.unhold();
  }

  /** Freezes, runs `work` on the memory at rest, resumes, whatever came of it. */
  async withFrozen<T>(work: (memory: WebAssembly.Memory) => T | Promise<T>, options?: FreezeOptions): Promise<T> {
    await this.freeze(options);
    try {
      return await work(this.memory);
    } finally {
      // A guest that was ended meanwhile has nothing to resume.
      if (this.#alive() && this.#parts.freezing.state === FROZEN) await this.resume();
    }
  }

  /**
   * Takes the guest off its Worker and lets it go on in another, under `services` or the same ones anew, from the very
   * instruction where it stopped, its memory where it is. Calls that wait are served afterwards, in order.
   *
   * On failure the guest goes on in its old host: nothing is lost, and the error says why. Aborting rejects with the signal's
   * reason; the guest goes on in its old host.
   *
   * @throws {HandoverError} SP_HANDOVER_FAILED, with `report`, `guestState` and `cause`
   * @throws {GuestStateError} SP_GUEST_STATE: the guest has ended, or is being handed over already
   * @throws {StillpointError} SP_MODULE_UNSUPPORTED: it is not eligible
   */
  async handover(options: HandoverOptions = {}): Promise<HandoverReport> {
    this.#mustLive("it cannot be handed over");
    if (this.#stage === "booting" || this.#handingOver) {
      throw new GuestStateError(this.name, this.state, "it is being booted or handed over already");
    }
    this.#mustMove();
    const services = this.#servicesFor(options);
    this.#handingOver = true;
    try {
      return await this.#alone(async () => {
        const whole = await this.#handOver(options, services, this.#ground);
        this.#dispatch("handover", whole);
        this.#tierUp?.begin();
        return whole;
      });
    } finally {
      this.#handingOver = false;
    }
  }

  /** `moved` is called when the guest is the new host's, and still frozen. */
  async #handOver(
    options: HandoverOptions,
    services: string | undefined,
    ground: Ground,
    moved: () => void = () => undefined,
  ): Promise<HandoverReport> {
    const copied = this.#parts.memory.bytesCopied;
    const report = await handOver(
      {
        ...this.#recallSide(),
        next: ground.maker,
        underWay: () => this.#calls.underWay,
        startStandby: () => this.#startHost("standby", services, ground),
        moved: (to) => {
          this.#moved(to, services);
          this.#ground = ground;
          moved();
        },
        state: () => this.#toldState(),
      },
      options,
    );
    return { ...report, guestBytesCopied: this.#parts.memory.bytesCopied - copied };
  }

  #mustMove(): void {
    const eligibility = eligibilityOf(this.#ground.image);
    if (eligibility.ok) return;
    throw new StillpointError(eligibility.code, `guest ${this.name} cannot be handed over: ${eligibility.reason}`);
  }

  /**
   * Starts a new host on these services as far as it comes without the guest, and ends it again: the module loads, attaches and has
   * what the guest imports. The guest is not touched; the services attach, and are disposed of as "abandoned".
   *
   * @throws {StillpointError} what a handover to these services would fail of; nothing was changed
   */
  async trial(options: HandoverOptions = {}): Promise<void> {
    this.#mustLive("nothing can be tried for it");
    await tryOut(() => this.#startHost("standby", this.#servicesFor(options), this.#ground), options);
  }

  #servicesFor({ services }: HandoverOptions): string | undefined {
    return services === undefined ? this.#services : services?.href;
  }

  /** Whether the guest can be handed over. Touches nothing: a plan asks it before anything happens. */
  async eligibility(): Promise<Eligibility> {
    if (!this.#alive()) return { ok: false, code: "SP_GUEST_STATE", reason: `the guest is ${this.state}` };
    return eligibilityOf(this.#ground.image);
  }

  /**
   * Asks the services that the guest runs on whether they are well: at a short freeze, with the guest off its thread. True where
   * they cannot say, without a freeze. An answer that comes too late, or a throw, is false; services that hang in it hang the
   * guest, as in any other call.
   *
   * On failure nobody was asked and the guest runs on. Aborting rejects with the signal's reason; the guest runs on.
   *
   * @throws {StillpointError} SP_FREEZE_TIMEOUT: the guest could not leave its thread within the budget
   * @throws {StillpointError} SP_MODULE_UNSUPPORTED: the image was prepared without capture
   * @throws {GuestStateError} SP_GUEST_STATE: the guest is being booted, or has ended
   */
  async healthy(options: FreezeOptions = {}): Promise<boolean> {
    this.#mustLive("its services cannot be asked");
    if (this.#stage === "booting") throw new GuestStateError(this.name, this.state, "its services cannot be asked yet");
    return this.#alone(async () => {
      if (this.#host?.examinable !== true) return true;
      mustCapture(this.#ground.image, this.name);
      return examine(this.#recallSide(), options);
    });
  }

  /** Whatever takes the guest off its thread has it for itself, in the order in which it came. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const mine = Promise.withResolvers<void>();
    this.#last = mine.promise;
    await before;
    try {
      this.#mustLive("it cannot leave its thread");
      return await work();
    } finally {
      this.#settle();
      mine.resolve();
    }
  }

  #recallSide(): RecallSide {
    return {
      guest: this.name,
      core: this.#parts.core,
      freezing: this.#parts.freezing,
      host: this.#host as HostLink,
      maker: this.#ground.maker,
      words: this.#words,
      hold: () => this.#calls.hold(),
      again: () => this.#calls.again(),
    };
  }

  #startTierUp(): TierUp {
    const side: TierUpSide = {
      codeBytes: () => (this.#ground.maker.modules.length > 0 ? 0 : this.#ground.image.info.sizes.code),
      doing: () => (this.#ground.image.info.style === "command" ? 0 : this.#calls.underWay),
      state: () => this.#parts.freezing.state,
      alone: (work) => this.#alone(() => work(this.#recallSide())),
      tell: (report) => this.#dispatch("tierUp", report),
      broken: (error) => {
        // It lies in the ledger for good; its memory can still be read.
        if (this.#alive()) void this.#end({ kind: "failed", error: error as StillpointError });
        return undefined;
      },
    };
    return new TierUp(this.name, side, { always: this.#parts.tierUp === true });
  }

  #moved(to: HostLink, services: string | undefined): void {
    // Ended in this very moment: the new host goes the way of the old one.
    if (this.#ending !== undefined) void to.terminate();
    this.#host = to;
    this.#services = services;
  }

  // ---- memory ----

  /** A copy of guest memory. Only while frozen, or after the guest has ended. */
  read(range: { ptr: number; bytes: number }): Uint8Array<ArrayBuffer> {
    if (this.#alive()) this.#mustBeFrozen("its memory can be read only while it is frozen");
    return this.#parts.memory.read(range);
  }

  /** Writes guest memory, and marks what it writes. Only while frozen. */
  write(range: { ptr: number; data: Uint8Array }): void {
    this.#mustLive("its memory can no longer be written");
    this.#mustBeFrozen("its memory can be written only while it is frozen");
    this.#parts.memory.write(range);
  }

  /**
   * Has written pages known from here on, in another way or no longer, whatever the guest is in the middle of. Marks are in the
   * code: the guest is handed over to the image's twin, under the same services anew, once that has been prepared, which happens in
   * the background and once for each image. The map is empty then, and its `epoch` says since when; a `track` event says what it took.
   *
   * On failure the guest goes on as it was, tracked as it was. In the order of the calls; the same mode again begins anew.
   *
   * @throws {HandoverError} SP_HANDOVER_FAILED, as from handover()
   * @throws {StillpointError} SP_MODULE_UNSUPPORTED: it is not eligible; SP_CONFIG_INVALID: no such mode
   * @throws {GuestStateError} SP_GUEST_STATE: the guest is being booted, or has ended
   */
  track(mode: TrackMode): Promise<void> {
    const work = this.#lastTrack.then(() => this.#track(mode));
    this.#lastTrack = work.catch(() => undefined);
    return work;
  }

  async #track(mode: TrackMode): Promise<void> {
    checkTrackMode(mode);
    this.#mustLive("it cannot be tracked");
    if (this.#stage === "booting") throw new GuestStateError(this.name, this.state, "it cannot be tracked yet");
    const from = performance.now();
    const track = mode === "marks" ? "marks" : "none";
    const moves = this.#ground.image.info.options.track !== track;
    if (moves) this.#mustMove();
    const ground = moves ? await this.#parts.groundFor(track) : this.#ground;
    // To open a large image takes a thread a while: that is no part of the handover, and of its budget.
    if (moves) await ground.maker.warm();
    const imageMs = performance.now() - from;
    const begin = (): void => {
      const epoch = Atomics.load(this.#words, OFF_EPOCH >> 2);
      this.#tracking = trackingFromNow(mode, this.#parts.trackers, epoch);
    };
    const blackoutMs = moves
      ? (await this.#alone(() => this.#handOver({}, this.#services, ground, begin))).blackoutMs
      : (await this.#frozenFor(begin)).blackoutMs;
    this.#dispatch("track", { guest: this.name, mode, blackoutMs, imageMs, imageBytes: ground.image.bytes.length });
    if (moves) this.#tierUp?.begin();
  }

  /** Does something with the guest at rest, when nothing takes it off its thread. */
  #frozenFor(work: () => void): Promise<ResumeReport> {
    return this.#alone(async () => {
      const { freezing } = this.#parts;
      await freezing.freeze();
      try {
        work();
      } catch (error) {
        // What cannot be done to it is no reason for it to stand still.
        await freezing.resume();
        throw error;
      }
      return freezing.resume();
    });
  }

  /**
   * Which pages were written since the map was last cleared, or since boot. Freezes the guest for the time of the sweep.
   *
   * @throws {StillpointError} SP_CONFIG_INVALID: the guest is not tracked
   */
  async dirty({ clear = false, ...options }: { clear?: boolean } & FreezeOptions = {}): Promise<DirtyReport> {
    const tracking = this.#tracking;
    if (tracking === undefined) {
      const message = `guest ${this.name} is not tracked; boot it with track "marks" or "scan", or call track() before`;
      throw new StillpointError("SP_CONFIG_INVALID", message);
    }
    const sweep = (): DirtyReport => tracking.sweep({ clear, epoch: Atomics.load(this.#words, OFF_EPOCH >> 2) });
    return this.#alive() ? this.withFrozen(sweep, options) : sweep();
  }

  // ---- calls ----

  /**
   * Calls a function of the services, or else an export of the guest. Calls run one after another in the order in which they
   * were made; while the guest is frozen they wait.
   *
   * A call gets exactly one outcome and is never issued twice. Aborting, or `timeoutMs`, takes back a call that still waits;
   * one that is under way goes on in the guest, its result is dropped, and later calls wait for it.
   *
   * @throws {StillpointError} SP_QUEUE_FULL, SP_EXPORT_MISSING, SP_CALL_FAILED (the services threw; the guest is well),
   *   SP_CALL_TIMEOUT, SP_GUEST_TRAP and SP_HOST_LOST (the guest has failed), SP_GUEST_STATE (it ended before)
   */
  call<T = unknown>(name: string, args: readonly unknown[] = [], options: CallOptions = {}): Promise<T> {
    if (this.#ground.image.info.style === "command") {
      return Promise.reject(new GuestStateError(this.name, this.state, "a command runs by itself and takes no calls"));
    }
    const outcome = this.#calls.call(name, args, options) as Promise<T>;
    this.#tierUp?.called();
    this.#tell();
    return outcome;
  }

  // ---- life ----

  /** Starts the guest's first host. Resolves when the guest has booted. For fleet.boot alone. */
  start(): Promise<void> {
    // Unless it was ended before it began: the fleet was closed meanwhile.
    if (this.#ending === undefined) this.#host = this.#startHost("boot", this.#services, this.#ground);
    return this.#ready.promise;
  }

  #startHost(role: HostData["role"], services: string | undefined, ground: Ground): HostLink {
    const number = this.#hostNumber++;
    const link: HostLink = new HostLink(this.name, number, ground.maker.modules.length, {
      spawn: (events) => this.#parts.spawn({ host: number, role, services }, ground, events),
      // A host that does not have the guest has nothing to say about it.
      events: {
        message: (message) => {
          if (link === this.#host) this.#receive(message);
        },
        gone: (error) => {
          if (link === this.#host) void this.#hostGone(link, error);
        },
      },
    });
    return link;
  }

  #receive(message: FromHost): void {
    switch (message.type) {
      case "ready":
        this.#stage = undefined;
        this.#tell();
        this.#ready.resolve();
        this.#tierUp?.called();
        return;
      case "outcome":
        this.#reattached = 0;
        this.#calls.outcome(message.id, message.outcome);
        this.#tell();
        return;
      case "approve":
        this.#parts.approve(message.ids);
        return;
      case "exited":
        void this.#end({ kind: "code", code: message.code });
        return;
      case "failed":
        void this.#end({ kind: "failed", error: this.#failure(message.failure) });
        return;
      default:
        // Answers that nobody waits for any longer.
        return;
    }
  }

  #failure({ code, message, stack, cause }: Failure): StillpointError {
    if (code === "SP_GUEST_TRAP") return trapError(this.name, this.#ground.image, { message, stack, cause });
    return new StillpointError(code, `guest ${this.name}: ${message}`, { cause });
  }

  /** The Worker is gone without having said how the guest ended. */
  async #hostGone(host: HostLink, error: Error | undefined): Promise<void> {
    // Nothing else moves the state word now.
    const was = this.#parts.core.bury();
    const why = error === undefined ? "its Worker ended" : error.message;
    let cause: unknown = error;
    if (was === IDLE && this.#stage === undefined && ++this.#reattached <= REATTACH_MAX) {
      try {
        return await this.#reattach(host);
      } catch (failed) {
        cause = failed;
      }
    }
    const lost = new HostLostError(this.name, `${why}; the guest was ${WORDS[was] ?? "ended"}`, { cause });
    await this.#end({ kind: "failed", error: lost });
  }

  async #reattach(host: HostLink): Promise<void> {
    mustCapture(this.#ground.image, this.name);
    this.#calls.hold();
    await this.#alone(async () => {
      // A handover that was under way has brought it to another.
      if (host !== this.#host) return;
      await reattach({
        ...this.#recallSide(),
        startStandby: () => this.#startHost("standby", this.#services, this.#ground),
        moved: (to) => this.#moved(to, this.#services),
        underWay: () => this.#calls.underWay,
        lost: (error) => this.#calls.lost(error),
      });
    });
  }

  /** Once, whoever comes first: the guest's own end, its host's, or terminate(). */
  #end(exit: Exit): Promise<void> {
    this.#ending ??= this.#finish(exit);
    return this.#ending;
  }

  async #finish(exit: Exit): Promise<void> {
    const { core, stdin, stdout, stderr, platform } = this.#parts;
    const error = exit.kind === "failed" ? exit.error : undefined;
    const over = new GuestStateError(
      this.name,
      error === undefined ? "exited" : "failed",
      error === undefined ? "it serves no more calls" : error.message,
    );
    stdin.stop();
    this.#tierUp?.end();
    await this.#host?.terminate();
    core.bury();
    for (const descriptor of this.#descriptors.drain()) platform.closeDescriptor(descriptor);
    // A dead host may have left its outputs open; what lies in them is still delivered.
    for (const ring of [STDOUT, STDERR]) core.endRing(ring);
    this.#stage = error === undefined ? "exited" : "failed";
    this.#over.resolve();
    this.#tell();
    this.#calls.end({ running: error ?? over, later: over });
    await Promise.race([Promise.all([stdout.drained, stderr.drained]), this.#hurried.promise]);
    this.#ready.reject(error ?? over);
    this.#exited.resolve(exit);
  }

  /**
   * Ends the guest: an idle one after its services have disposed of themselves (`exited` then says code 0), any other at
   * once, wherever it is (`exited` then says SP_HOST_LOST). Resolves when its thread is gone and its output delivered; what
   * a stream does not take within a second is dropped. Never rejects.
   */
  async terminate(): Promise<void> {
    if (this.#ending === undefined && this.state === "idle" && !this.#calls.busy) {
      this.#post({ type: "end" });
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, DISPOSE_MS_MAX);
      });
      await Promise.race([this.exited, late]);
      clearTimeout(timer);
    }
    const ended = this.#end({ kind: "failed", error: new HostLostError(this.name, "it was terminated by its owner") });
    const timer = setTimeout(() => this.#hurried.resolve(), DRAIN_MS_MAX);
    await ended;
    clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }

  // ---- small things ----

  #alive(): boolean {
    return this.#ending === undefined && this.#parts.freezing.state !== ENDED;
  }

  #mustLive(what: string): void {
    if (!this.#alive()) throw new GuestStateError(this.name, this.#stage ?? "ended", what);
  }

  #mustBeFrozen(what: string): void {
    if (this.#parts.freezing.state !== FROZEN) throw new GuestStateError(this.name, this.state, what);
  }

  #mustBlock(): void {
    if (this.#parts.platform.mayBlock) return;
    throw new StillpointError("SP_ENGINE_UNSUPPORTED", "this thread may not block; use freeze() and resume()");
  }

  #post(message: ToHost): void {
    this.#host?.post(message);
  }

  /** Tells of a state that is not the one told last. */
  #tell(): void {
    const to = this.state;
    const from = this.#told;
    if (from === to) return;
    this.#told = to;
    this.#dispatch("state", { guest: this.name, from, to });
  }

  #dispatch<K extends keyof GuestEventMap>(type: K, detail: GuestEventMap[K]["detail"]): void {
    this.#parts.platform.publish(`stillpoint:guest:${type}`, detail);
    this.#listeners.tell(type, detail);
  }
}
