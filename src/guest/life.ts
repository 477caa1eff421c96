/**
 * A guest's life as its owner knows it: its state and who is told of it, who may take it off its thread, and its end.
 *
 *   booting ──▶ idle ◀──▶ running ◀──▶ waiting          a command is running or waiting until it exits
 *               any of these ──▶ freezing ──▶ frozen ──▶ the state that the freeze found
 *               any of these ──▶ exited | failed         final; memory stays readable
 *
 * idle, running, waiting, freezing and frozen are read from the ledger, where host and owner agree on them; the others are
 * known here alone. `state` events tell of what the owner does or hears of: a guest that begins or ends a wait by itself
 * tells nobody.
 */

import { ENDED, FREEZING, FROZEN, IDLE, RUNNING, WAITING } from "../abi.ts";
import type { Core } from "../core/core.ts";
import { GuestStateError } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import type { Calls } from "./calls.ts";
import { Descriptors } from "./descriptors.ts";
import type { Freezing } from "./freezing.ts";
import { Listeners } from "./listeners.ts";
import { inTime } from "./recall.ts";
import type { Exit, GuestEventMap, GuestEvents, GuestState } from "./reports.ts";
import { STDERR, STDOUT } from "./rings.ts";
import type { InputPump, OutputPump } from "./streams.ts";

/** How long the way from a guest's end to the word of it may take, ms. */
const END_TOLD_MS = 1000;

const WORDS: Record<number, GuestState> = {
  [IDLE]: "idle",
  [WAITING]: "waiting",
  [RUNNING]: "running",
  [FREEZING]: "freezing",
  [FROZEN]: "frozen",
};

/** What a state word of the ledger is called; undefined for that of a guest that has ended. */
export function stateOf(word: number): GuestState | undefined {
  return WORDS[word];
}

export interface LifeParts {
  readonly name: string;
  readonly platform: Platform;
  readonly core: Core;
  readonly ledger: WebAssembly.Memory;
  readonly freezing: Freezing;
  readonly calls: Calls;
  readonly stdin: InputPump;
  readonly stdout: OutputPump;
  readonly stderr: OutputPump;
  /** Ends what runs the guest, and what acts upon it by itself. */
  retire(): Promise<void>;
}

export class Life {
  /** Resolves when the guest has booted; rejects if it ends before. */
  readonly ready: Promise<void>;
  /** How the guest ended. Never rejects. */
  readonly exited: Promise<Exit>;
  readonly #parts: LifeParts;
  readonly #listeners: Listeners = new Listeners();
  readonly #descriptors: Descriptors;
  readonly #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #exited: PromiseWithResolvers<Exit> = Promise.withResolvers();
  /** Resolved when nobody waits any longer for the last output to be taken. */
  readonly #hurried: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Resolved when it is known how the guest ended. */
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers();
  /** What the ledger does not know. */
  #stage: "booting" | "exited" | "failed" | undefined = "booting";
  #told: GuestState = "booting";
  #ending: Promise<void> | undefined;
  /** Over when nothing takes the guest off its thread. */
  #last: Promise<void> = Promise.resolve();

  constructor(parts: LifeParts) {
    this.#parts = parts;
    this.#descriptors = new Descriptors(parts.ledger);
    this.ready = this.#ready.promise;
    this.exited = this.#exited.promise;
    // Whoever boots a guest awaits this; a failure that nobody awaits is still told by `exited`.
    this.ready.catch(() => undefined);
  }

  get events(): GuestEvents {
    return this.#listeners as GuestEvents;
  }

  get state(): GuestState {
    // A guest that has ended, without its host having said how, is still what it was when it was last heard of.
    return this.#stage ?? stateOf(this.#parts.freezing.state) ?? this.#told;
  }

  /** The state; of a guest that has ended, as soon as its host has said how, or has had the time to. */
  async toldState(): Promise<GuestState> {
    if (this.#parts.freezing.state === ENDED) await inTime(this.#over.promise, END_TOLD_MS);
    return this.state;
  }

  get booting(): boolean {
    return this.#stage === "booting";
  }

  /** Whether nobody has begun to end it, and it has not ended by itself. */
  get alive(): boolean {
    return !this.ending && this.#parts.freezing.state !== ENDED;
  }

  get ending(): boolean {
    return this.#ending !== undefined;
  }

  mustLive(what: string): void {
    if (!this.alive) throw new GuestStateError(this.#parts.name, this.#stage ?? "ended", what);
  }

  mustHaveBooted(what: string): void {
    this.mustLive(what);
    if (this.booting) throw new GuestStateError(this.#parts.name, this.state, `${what}: it is being booted`);
  }

  mustBeFrozen(what: string): void {
    if (this.#parts.freezing.state !== FROZEN) throw new GuestStateError(this.#parts.name, this.state, what);
  }

  booted(): void {
    this.#stage = undefined;
    this.tell();
    this.#ready.resolve();
  }

  /** Whatever takes the guest off its thread has it for itself, in the order in which it came. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const mine = Promise.withResolvers<void>();
    this.#last = mine.promise;
    await before;
    try {
      this.mustLive("it cannot leave its thread");
      return await work();
    } finally {
      this.settle();
      mine.resolve();
    }
  }

  /** Calls wait while the guest is frozen or about to be. */
  settle(): void {
    this.tell();
    const { freezing, calls } = this.#parts;
    if (freezing.state !== FROZEN && freezing.state !== FREEZING) calls.unhold();
  }

  /** Tells of a state that is not the one told last. */
  tell(): void {
    const to = this.state;
    const from = this.#told;
    if (from === to) return;
    this.#told = to;
    this.dispatch("state", { guest: this.#parts.name, from, to });
  }

  dispatch<K extends keyof GuestEventMap>(type: K, detail: GuestEventMap[K]["detail"]): void {
    this.#parts.platform.publish(type, detail);
    this.#listeners.tell(type, detail);
  }

  /** Once, whoever comes first: the guest's own end, its host's, or its owner. */
  end(exit: Exit): Promise<void> {
    this.#ending ??= this.#finish(exit);
    return this.#ending;
  }

  async #finish(exit: Exit): Promise<void> {
    const { name, core, calls, stdin, stdout, stderr, platform } = this.#parts;
    stdin.stop();
    await this.#parts.retire();
    core.bury();
    const error = exit.kind === "failed" ? exit.error : undefined;
    const over =
      error === undefined
        ? new GuestStateError(name, "exited", "it serves no more calls")
        : new GuestStateError(name, "failed", error.message);
    for (const descriptor of this.#descriptors.drain()) platform.closeDescriptor(descriptor);
    // A dead host may have left its outputs open; what lies in them is still delivered.
    for (const ring of [STDOUT, STDERR]) core.endRing(ring);
    this.#stage = error === undefined ? "exited" : "failed";
    this.#over.resolve();
    this.tell();
    calls.end({ running: error ?? over, later: over });
    await Promise.race([Promise.all([stdout.drained, stderr.drained]), this.#hurried.promise]);
    this.#ready.reject(error ?? over);
    this.#exited.resolve(exit);
  }

  /** The end waits no longer for the last output to be taken. */
  hurry(): void {
    this.#hurried.resolve();
  }
}
