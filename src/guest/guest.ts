/**
 * A guest in its owner's hands: one program with its memory, its ledger and its name, running in a Worker. What is public about it is
 * here; its states and its end are in life.ts, the Workers under it in hosts.ts.
 */

import { FROZEN, OFF_EPOCH } from "../abi.ts";
import { invalid } from "../checks.ts";
import { GuestStateError, HostLostError, StillpointError } from "../errors.ts";
import { type CallOptions, Calls } from "./calls.ts";
import { type Eligibility, eligibilityOf } from "./eligibility.ts";
import type { FreezeOptions } from "./freezing.ts";
import type { Ground } from "./ground.ts";
import { type HandoverOptions, handOver, tryOut } from "./handover.ts";
import { examine } from "./health.ts";
import { Hosts, type HostsParts } from "./hosts.ts";
import { Life, type LifeParts } from "./life.ts";
import type { GuestMemory } from "./memory.ts";
import { checkTrackMode } from "./options.ts";
import { inTime, mustCapture } from "./recall.ts";
import type {
  DirtyReport,
  Exit,
  FreezeReport,
  GuestEvents,
  GuestState,
  HandoverReport,
  ResumeReport,
} from "./reports.ts";
import { TierUp, type TierUpSide } from "./tier-up.ts";
import { type Trackers, type Tracking, type TrackMode, trackingFromNow, trackingSinceBoot } from "./tracking.ts";

/** How long an idle guest's services get to dispose of themselves at the end, ms. */
const DISPOSE_MS_MAX = 1000;

/** How long terminate() waits for streams of the caller's to take the last output, ms. */
const DRAIN_MS_MAX = 1000;

/** What boot puts together for a guest. */
export interface GuestParts extends HostsParts, Omit<LifeParts, "calls" | "retire"> {
  /** The same program, with or without marks in its code. */
  groundFor(track: "none" | "marks"): Promise<Ground>;
  readonly memory: GuestMemory;
  readonly track: TrackMode;
  readonly trackers: Trackers;
  readonly callQueueMax: number;
  readonly tierUp: boolean | undefined;
}

export class Guest implements AsyncDisposable {
  readonly name: string;
  /** Memory 0 itself: reads tear unless the guest is frozen, and growth replaces `buffer`. */
  readonly memory: WebAssembly.Memory;
  readonly events: GuestEvents;
  /** How the guest ended. Never rejects. */
  readonly exited: Promise<Exit>;
  readonly #parts: GuestParts;
  readonly #calls: Calls;
  readonly #life: Life;
  readonly #hosts: Hosts;
  readonly #tierUp: TierUp | undefined;
  #tracking: Tracking | undefined;
  /** Over when nothing changes the tracking. */
  #lastTrack: Promise<unknown> = Promise.resolve();
  #handingOver = false;
  /** Of the caller's. */
  #holds = 0;

  constructor(parts: GuestParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.memory = parts.memory.memory;
    const { callQueueMax: queueMax } = parts;
    this.#calls = new Calls(parts.name, { queueMax, post: (message) => this.#hosts.post(message) });
    this.#life = new Life({ ...parts, calls: this.#calls, retire: () => this.#retire() });
    this.#hosts = new Hosts(parts, this.#life, this.#calls);
    this.exited = this.#life.exited;
    this.events = this.#life.events;
    this.#tracking = trackingSinceBoot(parts.track, parts.trackers);
    if (parts.tierUp !== false && parts.ground.image.info.options.capture) this.#tierUp = this.#startTierUp();
  }

  /** The services module that the guest has under it, if it is not WASI alone. */
  get services(): URL | undefined {
    const { services } = this.#hosts;
    return services === undefined ? undefined : new URL(services);
  }

  get state(): GuestState {
    return this.#life.state;
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
    this.#life.mustLive("it cannot be frozen");
    const freezing = this.#parts.freezing.freeze(options);
    this.#life.tell();
    this.#calls.hold();
    try {
      return this.#froze(await freezing);
    } finally {
      this.#life.settle();
    }
  }

  /** The same where the thread may block, and for when even a turn of the event loop is too long. */
  freezeSync(options: { budgetMs: number }): FreezeReport {
    this.#life.mustLive("it cannot be frozen");
    this.#mustBlock();
    this.#calls.hold();
    try {
      return this.#froze(this.#parts.freezing.freezeSync(options));
    } finally {
      this.#life.settle();
    }
  }

  #froze(report: FreezeReport): FreezeReport {
    this.#holds++;
    this.#life.tell();
    this.#life.dispatch("freeze", report);
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
    this.#life.mustLive("there is nothing to resume");
    if (this.#holds === 0) throw new GuestStateError(this.name, this.state, "it was not frozen by freeze()");
    this.#holds--;
  }

  #resumed(report: ResumeReport): ResumeReport {
    this.#life.settle();
    this.#life.dispatch("resume", report);
    return report;
  }

  /** Freezes, runs `work` on the memory at rest, resumes, whatever came of it. */
  async withFrozen<T>(work: (memory: WebAssembly.Memory) => T | Promise<T>, options?: FreezeOptions): Promise<T> {
    await this.freeze(options);
    try {
      return await work(this.memory);
    } finally {
      // A guest that was ended meanwhile has nothing to resume.
      if (this.#life.alive && this.#parts.freezing.state === FROZEN) await this.resume();
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
    this.#life.mustHaveBooted("it cannot be handed over");
    if (this.#handingOver) throw new GuestStateError(this.name, this.state, "it is being handed over already");
    this.#mustMove();
    const services = this.#servicesFor(options);
    this.#handingOver = true;
    try {
      return await this.#life.alone(async () => {
        const whole = await this.#handOver(options, services, this.#hosts.ground);
        this.#life.dispatch("handover", whole);
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
        ...this.#hosts.recallSide(),
        next: ground.maker,
        underWay: () => this.#calls.underWay,
        startStandby: () => this.#hosts.standby(services, ground),
        moved: (to) => {
          this.#hosts.moved(to, services, ground);
          moved();
        },
        state: () => this.#life.toldState(),
      },
      options,
    );
    return { ...report, guestBytesCopied: this.#parts.memory.bytesCopied - copied };
  }

  #mustMove(): void {
    const eligibility = eligibilityOf(this.#hosts.ground.image);
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
    this.#life.mustLive("nothing can be tried for it");
    await tryOut(() => this.#hosts.standby(this.#servicesFor(options), this.#hosts.ground), options);
  }

  #servicesFor({ services }: HandoverOptions): string | undefined {
    return services === undefined ? this.#hosts.services : services?.href;
  }

  /** Whether the guest can be handed over. Touches nothing: a plan asks it before anything happens. */
  async eligibility(): Promise<Eligibility> {
    if (!this.#life.alive) return { ok: false, code: "SP_GUEST_STATE", reason: `the guest is ${this.state}` };
    return eligibilityOf(this.#hosts.ground.image);
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
    this.#life.mustHaveBooted("its services cannot be asked");
    return this.#life.alone(async () => {
      if (!this.#hosts.examinable) return true;
      mustCapture(this.#hosts.ground.image, this.name);
      return examine(this.#hosts.recallSide(), options);
    });
  }

  #startTierUp(): TierUp {
    const side: TierUpSide = {
      codeBytes: () => (this.#hosts.ground.maker.modules.length > 0 ? 0 : this.#hosts.ground.image.info.sizes.code),
      doing: () => (this.#hosts.ground.image.info.style === "command" ? 0 : this.#calls.underWay),
      state: () => this.#parts.freezing.state,
      alone: (work) => this.#life.alone(() => work(this.#hosts.recallSide())),
      tell: (report) => this.#life.dispatch("tierUp", report),
      broken: (error) => {
        // It lies in the ledger for good; its memory can still be read.
        if (this.#life.alive) void this.#life.end({ kind: "failed", error: error as StillpointError });
        return undefined;
      },
    };
    return new TierUp(this.name, side, { always: this.#parts.tierUp === true });
  }

  // ---- memory ----

  /** A copy of guest memory. Only while frozen, or after the guest has ended. */
  read(range: { ptr: number; bytes: number }): Uint8Array<ArrayBuffer> {
    if (this.#life.alive) this.#life.mustBeFrozen("its memory can be read only while it is frozen");
    return this.#parts.memory.read(range);
  }

  /** Writes guest memory, and marks what it writes. Only while frozen. */
  write(range: { ptr: number; data: Uint8Array }): void {
    this.#life.mustLive("its memory can no longer be written");
    this.#life.mustBeFrozen("its memory can be written only while it is frozen");
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
    this.#life.mustHaveBooted("it cannot be tracked");
    const from = performance.now();
    const track = mode === "marks" ? "marks" : "none";
    const moves = this.#hosts.ground.image.info.options.track !== track;
    if (moves) this.#mustMove();
    const ground = moves ? await this.#parts.groundFor(track) : this.#hosts.ground;
    // To open a large image takes a thread a while: that is no part of the handover, and of its budget.
    if (moves) await ground.maker.warm();
    const imageMs = performance.now() - from;
    const begin = (): void => {
      this.#tracking = trackingFromNow(mode, this.#parts.trackers, this.#epoch());
    };
    const blackoutMs = moves
      ? (await this.#life.alone(() => this.#handOver({}, this.#hosts.services, ground, begin))).blackoutMs
      : (await this.#frozenFor(begin)).blackoutMs;
    this.#life.dispatch("track", {
      guest: this.name,
      mode,
      blackoutMs,
      imageMs,
      imageBytes: ground.image.bytes.length,
    });
    if (moves) this.#tierUp?.begin();
  }

  /** Does something with the guest at rest, when nothing takes it off its thread. */
  #frozenFor(work: () => void): Promise<ResumeReport> {
    return this.#life.alone(async () => {
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
      throw invalid(message);
    }
    const sweep = (): DirtyReport => tracking.sweep({ clear, epoch: this.#epoch() });
    return this.#life.alive ? this.withFrozen(sweep, options) : sweep();
  }

  #epoch(): number {
    return Atomics.load(new Int32Array(this.#parts.ledger.buffer), OFF_EPOCH >> 2);
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
    if (this.#hosts.ground.image.info.style === "command") {
      return Promise.reject(new GuestStateError(this.name, this.state, "a command runs by itself and takes no calls"));
    }
    const outcome = this.#calls.call(name, args, options) as Promise<T>;
    this.#tierUp?.called();
    this.#life.tell();
    return outcome;
  }

  // ---- life ----

  /** Starts the guest's first host. Resolves when the guest has booted. For fleet.boot alone. */
  async start(): Promise<void> {
    // Unless it was ended before it began: the fleet was closed meanwhile.
    if (!this.#life.ending) this.#hosts.boot();
    await this.#life.ready;
    this.#tierUp?.called();
  }

  async #retire(): Promise<void> {
    this.#tierUp?.end();
    await this.#hosts.retire();
  }

  /**
   * Ends the guest: an idle one after its services have disposed of themselves (`exited` then says code 0), any other at
   * once, wherever it is (`exited` then says SP_HOST_LOST). Resolves when its thread is gone and its output delivered; what
   * a stream does not take within a second is dropped. Never rejects.
   */
  async terminate(): Promise<void> {
    if (!this.#life.ending && this.state === "idle" && !this.#calls.busy) {
      this.#hosts.post({ type: "end" });
      await inTime(this.exited, DISPOSE_MS_MAX);
    }
    const error = new HostLostError(this.name, "it was terminated by its owner");
    const ended = this.#life.end({ kind: "failed", error });
    await inTime(ended, DRAIN_MS_MAX);
    this.#life.hurry();
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }

  #mustBlock(): void {
    if (this.#parts.platform.mayBlock) return;
    throw new StillpointError("SP_ENGINE_UNSUPPORTED", "this thread may not block; use freeze() and resume()");
  }
}
