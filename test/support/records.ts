/**
 * Guests that are records: they stand behind the same interface as guests in Workers, by the thousand, on a clock that goes when it is
 * told to. A record does what its manners say, and whatever is done to it is watched: that its event has started, and that no other
 * update domain of its set is impacted at that moment.
 */

import { StillpointError } from "../../dist/index.js";
import type { ScheduledEvent } from "../../dist/schedule/event.js";
import { ScheduledEvents } from "../../dist/schedule/events.js";
import { History } from "../../dist/schedule/history.js";
import { Placements } from "../../dist/schedule/placement.js";
import type { Limits, Replaced, Resident } from "../../dist/schedule/resident.js";
import type { Change, Update, Verdict } from "../../dist/schedule/update.js";
import { Waves, type WavesOptions } from "../../dist/schedule/waves.js";
import { VirtualClock } from "./clock.ts";

/** What a record does when it is asked. Times pass on the virtual clock. */
export interface Manners {
  /** How long replacing it takes. */
  takesMs?: number;
  /** For how long it executes nothing meanwhile. */
  blackoutMs?: number;
  /** Replacing it fails in the end; it runs on as before. */
  refuses?: boolean;
  /** Going back fails so often. */
  sticks?: number;
  sick?: boolean;
  /** What can be done to it. */
  verdict?: (change: Change) => Verdict;
  expectedMs?: number;
  /** Ends in the middle of being replaced. */
  endsMeanwhile?: "exited" | "failed";
  /** Ends right after it was replaced. */
  endsAfter?: "exited" | "failed";
  passes?: boolean | Promise<boolean>;
}

export class Record implements Resident {
  readonly name: string;
  readonly ended: Promise<void>;
  manners: Manners;
  state: "running" | "exited" | "failed" = "running";
  /** What it runs on. */
  services: string | undefined = "old";
  boots = 1;
  readonly #world: World;
  readonly #end = Promise.withResolvers<void>();

  constructor(name: string, world: World, manners: Manners) {
    this.name = name;
    this.ended = this.#end.promise;
    this.manners = manners;
    this.#world = world;
  }

  get expectedMs(): number | undefined {
    return this.manners.expectedMs;
  }

  /** Ends it, as a guest ends by itself. */
  end(how: "exited" | "failed"): void {
    if (this.state !== "running") return;
    this.state = how;
    this.#end.resolve();
    this.#world.gone(this);
  }

  async verdict(change: Change): Promise<Verdict> {
    return this.manners.verdict?.(change) ?? { ok: true };
  }

  async replace(change: Change, limits: Limits): Promise<Replaced> {
    const { takesMs = 10, blackoutMs = 1, refuses = false, endsMeanwhile, endsAfter } = this.manners;
    const before = this.services;
    await this.#impacted(async () => {
      await this.#world.passed(takesMs, limits.signal);
      if (endsMeanwhile !== undefined) this.end(endsMeanwhile);
      if (this.state !== "running") throw new StillpointError("SP_GUEST_STATE", `record ${this.name} has ended`);
      if (refuses || takesMs > limits.budgetMs) throw new StillpointError("SP_FREEZE_TIMEOUT", `${this.name} cannot`);
      this.services = change.services?.href ?? this.services;
      if (change.way === "reboot") this.boots++;
    });
    if (endsAfter !== undefined) this.end(endsAfter);
    return { blackoutMs, back: (back) => this.#back(before, change, back) };
  }

  async #back(before: string | undefined, change: Change, limits: Limits): Promise<{ blackoutMs: number }> {
    const { takesMs = 10, blackoutMs = 1, sticks = 0 } = this.manners;
    if (limits.signal !== undefined) throw new Error("a way back cannot be given up");
    await this.#impacted(async () => {
      await this.#world.passed(takesMs, undefined);
      if (this.state !== "running") throw new StillpointError("SP_GUEST_STATE", `record ${this.name} has ended`);
      if (sticks > 0) {
        this.manners.sticks = sticks - 1;
        throw new StillpointError("SP_HANDOVER_FAILED", `${this.name} sticks`);
      }
      this.services = before;
      if (change.way === "reboot") this.boots++;
    });
    return { blackoutMs };
  }

  async healthy(): Promise<boolean> {
    return this.state === "running" && this.manners.sick !== true;
  }

  passes(health: NonNullable<Update["health"]>, signal: AbortSignal): boolean | Promise<boolean> {
    return this.manners.passes ?? health(undefined as never, { signal });
  }

  /** Something is done to it. */
  async #impacted(work: () => Promise<void>): Promise<void> {
    this.#world.enter(this.name);
    try {
      await work();
    } finally {
      this.#world.leave(this.name);
    }
  }
}

export interface WorldOptions extends WavesOptions {
  readonly updateDomainCount?: number;
  readonly history?: History;
  readonly noticeMs?: number;
}

/** A fleet of records, and what was seen of it. */
export class World {
  readonly clock: VirtualClock = new VirtualClock();
  readonly placements: Placements;
  readonly events: ScheduledEvents;
  readonly history: History;
  readonly waves: Waves;
  readonly records: Map<string, Record> = new Map();
  /** What was seen that must not be. */
  readonly wrong: string[] = [];
  /** What was told of events, in order: `scheduled Freeze a,b`. */
  readonly told: string[] = [];
  /** What every domain of a set is to be left to recover from another, ms. */
  recoveryMs: number;
  /** The most records that were being replaced at once. */
  busyMax = 0;
  readonly #busy = new Map<string, string>();
  readonly #incarnations = new Map<string, number>();
  readonly #lives = new Map<string, string>();

  constructor({ updateDomainCount = 5, history = new History(), noticeMs, ...options }: WorldOptions = {}) {
    const { clock } = this;
    this.placements = new Placements({ updateDomainCount });
    this.history = history;
    this.events = new ScheduledEvents({
      clock,
      placements: this.placements,
      ...(noticeMs !== undefined && { noticeMs }),
    });
    this.recoveryMs = options.recoveryMs ?? 30 * 60_000;
    this.#watch();
    const { events, placements, records: residents } = this;
    this.waves = new Waves({ clock, events, placements, history, noticeMs, residents }, options);
  }

  add(name: string, { set, updateDomain, ...manners }: Manners & { set?: string; updateDomain?: number } = {}): Record {
    const record = new Record(name, this, manners);
    this.placements.place(name, {
      ...(set !== undefined && { set }),
      ...(updateDomain !== undefined && { updateDomain }),
    });
    this.records.set(name, record);
    return record;
  }

  gone({ name }: Record): void {
    this.events.leave(name);
    this.placements.remove(name);
    this.records.delete(name);
  }

  /** Time passes, unless the signal is aborted first. */
  passed(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const callOff = this.clock.after(ms, resolve);
      signal?.addEventListener("abort", () => {
        callOff();
        reject(signal.reason);
      });
    });
  }

  enter(name: string): void {
    const { set, updateDomain } = this.placements.of(name)!;
    const event = this.events
      .list({ set })
      .find(({ resources, status }) => status === "Started" && resources.includes(name));
    if (event === undefined) this.wrong.push(`${name} is impacted, and no event has said so`);
    for (const other of this.#busy.keys()) {
      const place = this.placements.of(other);
      if (place?.set === set && place.updateDomain !== updateDomain) this.wrong.push(`${name} and ${other} at once`);
    }
    this.#busy.set(name, set);
    this.busyMax = Math.max(this.busyMax, this.#busy.size);
  }

  leave(name: string): void {
    this.#busy.delete(name);
  }

  /** Events come in order, incarnations without a gap, and what another domain of a set needs to recover is left to it. */
  #watch(): void {
    const last = new Map<string, { updateDomain: number | undefined; endedMs: number }>();
    const orders: { [type: string]: readonly (string | undefined)[] } = {
      scheduled: [undefined],
      started: ["scheduled"],
      completed: ["started"],
      canceled: ["scheduled"],
    };
    for (const type of ["scheduled", "started", "completed", "canceled"] as const) {
      this.events.addEventListener(type, ({ detail }: CustomEvent<ScheduledEvent>) => {
        if (!orders[type]!.includes(this.#lives.get(detail.id))) this.wrong.push(`${type} out of order: ${detail.id}`);
        this.#lives.set(detail.id, type);
        this.told.push(`${type} ${detail.type} ${detail.resources.join(",")}`);
        const updateDomain = this.placements.of(detail.resources[0]!)?.updateDomain;
        const nowMs = this.clock.nowMs();
        const before = last.get(detail.set);
        if (type === "completed") last.set(detail.set, { updateDomain, endedMs: nowMs });
        if (type !== "started") return;
        if (before !== undefined && before.updateDomain !== updateDomain && nowMs - before.endedMs < this.recoveryMs) {
          this.wrong.push(`${detail.set} had ${nowMs - before.endedMs} ms to recover`);
        }
        for (const other of this.events.list({ set: detail.set })) {
          if (other.status !== "Started" || other.id === detail.id) continue;
          const [here, there] = [detail, other].map(({ resources }) => this.placements.of(resources[0]!)?.updateDomain);
          if (here !== there) this.wrong.push(`domains ${here} and ${there} of ${detail.set} have started at once`);
        }
      });
    }
    this.events.addEventListener("changed", ({ detail: { set, incarnation } }) => {
      const before = this.#incarnations.get(set);
      if (before !== undefined && incarnation !== before + 1)
        this.wrong.push(`incarnation ${before}, then ${incarnation}`);
      this.#incarnations.set(set, incarnation);
    });
  }

  /** What each record runs on, by name. */
  get running(): { [name: string]: string | undefined } {
    return Object.fromEntries(Array.from(this.records.values(), ({ name, services }) => [name, services]));
  }

  /** Whatever came of it, this holds when no wave is left. */
  settled(): string[] {
    const left = this.events.list().map(({ id, status }) => `event ${id} is left, ${status}`);
    if (this.waves.current.length > 0) left.push("a wave is left");
    if (this.#busy.size > 0) left.push("a record is still being replaced");
    return [...this.wrong, ...left];
  }
}
