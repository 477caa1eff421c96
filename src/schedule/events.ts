/**
 * All scheduled events of a fleet: who raised what, who approved it, and what each set of guests reads of it.
 *
 * Every guest of a set sees the events of the whole set, in one document with one incarnation, whatever version it asks for; operators
 * see all sets in one more document with an incarnation of its own. An incarnation counts changes: it grows by one with each, so that
 * equal numbers mean equal content. It is kept for sets whose guests have gone, because a name may come back.
 *
 * Each event names guests of one set and of one update domain in it: that is what a reader may rely on to know which of its
 * neighbours stay up.
 *
 * The counters go on across processes if somebody keeps them (`incarnations`): each number is reserved before it is served, and the
 * next process begins above all that were reserved.
 *
 * Listeners are told after the change has been made, in the order in which changes were made, even if one of them makes another.
 */

import { checkCount, checkOneOf, invalid } from "../checks.ts";
import { StillpointError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import { documentOf, EVENT_VERSION_NEWEST, type EventDocument } from "./document.ts";
import {
  type Change,
  type EventHandle,
  EventLife,
  type EventSource,
  type EventType,
  type Keeper,
  type ScheduledEvent,
} from "./event.ts";
import { checkEventType, checkNotice, checkStart, type NoticeOption, notBeforeOf, noticeMsOf } from "./notice.ts";
import type { Placements } from "./placement.ts";

export interface EventsOptions {
  readonly clock: Clock;
  /** Who is in a set, and which set and domain a guest is in. */
  readonly placements: Pick<Placements, "of" | "members">;
  /** Default: the least notice that the protocol knows for each type. */
  readonly noticeMs?: NoticeOption;
  readonly approvals?: ApprovalPolicies;
  /** Whether a guest executes nothing and so can approve nothing. Default: none is. */
  readonly isDown?: (guest: string) => boolean;
  readonly incarnations?: Incarnations;
}

/** What is approved without being asked. */
export interface ApprovalPolicies {
  /** Events of a set whose guests are all down: nobody is there to approve, or to be disturbed. Default true. */
  readonly allSetDown?: boolean;
  /** Events that users raised: they know already. Default false. */
  readonly userRaised?: boolean;
}

/** Incarnations across processes. */
export interface Incarnations {
  /** Above the last one that a process before this one served. */
  readonly first: number;
  /** Makes it durable that numbers up to this one may have been served. Must not throw. */
  reserve(upTo: number): void;
}

/** Whose events: of a set, of the set that a guest is in, or of the whole fleet. */
export interface Scope {
  readonly set?: string;
  readonly guest?: string;
}

/** An event that somebody raises. */
export interface EventRequest {
  readonly type: EventType;
  /** Names of guests, of one set and one update domain. */
  readonly resources: readonly string[];
  /** Default: the fleet's. */
  readonly noticeMs?: number;
  /** Instead of `noticeMs`. */
  readonly notBefore?: Date;
  /** For people. Default "". */
  readonly description?: string;
  /** Expected interruption; 0: none, -1 (default): unknown. */
  readonly durationSeconds?: number;
  /** Default "User". */
  readonly source?: EventSource;
}

export interface ScheduledEventsMap {
  scheduled: CustomEvent<ScheduledEvent>;
  started: CustomEvent<ScheduledEvent>;
  completed: CustomEvent<ScheduledEvent>;
  canceled: CustomEvent<ScheduledEvent>;
  /** The document of a set has changed, for any of these reasons or because a guest left an event. Told before the reason is. */
  changed: CustomEvent<{ readonly set: string; readonly incarnation: number }>;
}

type Listener<K extends keyof ScheduledEventsMap> =
  | ((event: ScheduledEventsMap[K]) => void)
  | { handleEvent(event: ScheduledEventsMap[K]): void }
  | null;

interface TypedTarget extends EventTarget {
  addEventListener<K extends keyof ScheduledEventsMap>(
    type: K,
    listener: Listener<K>,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof ScheduledEventsMap>(
    type: K,
    listener: Listener<K>,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** An EventTarget as any other: only for types are its events known. */
const TypedTarget: new () => TypedTarget = EventTarget;

/** What one document tells. */
interface Board {
  incarnation: number;
  readonly lives: Map<string, EventLife>;
}

/** Ids of events that are over which are remembered, so that an approval which lost the race with the end is no error. */
const GONE_MAX = 10_000;

export class ScheduledEvents extends TypedTarget {
  readonly #options: EventsOptions;
  readonly #firstIncarnation: number;
  readonly #fleet: Board;
  readonly #sets = new Map<string, Board>();
  /** The set of each event that is over, by id; the oldest are forgotten. */
  readonly #gone = new Map<string, string>();
  readonly #untold: Event[] = [];
  #telling = false;

  readonly #keeper: Keeper;

  /** @throws {StillpointError} SP_CONFIG_INVALID */
  constructor(options: EventsOptions) {
    super();
    checkNotice(options.noticeMs);
    this.#options = options;
    this.#firstIncarnation = options.incarnations?.first ?? 1;
    checkCount(this.#firstIncarnation, "the first incarnation");
    options.incarnations?.reserve(this.#firstIncarnation);
    this.#fleet = this.#newBoard();
    this.#keeper = {
      clock: options.clock,
      approves: (event) => this.#approvesItself(event),
      holdsBack: (life) => this.#holdsBack(life),
      changed: (life, change) => this.#changed(life, change),
      look: (set) => this.#look(set),
    };
  }

  /** The events that are not over, oldest first. A guest that is not there sees none. */
  list(scope: Scope = {}): readonly ScheduledEvent[] {
    return Array.from(this.#boardOf(scope)?.lives.values() ?? [], ({ event }) => event);
  }

  /** What `document` has as DocumentIncarnation. */
  incarnation(scope: Scope = {}): number {
    return this.#boardOf(scope)?.incarnation ?? this.#firstIncarnation;
  }

  /**
   * The document as a reader of this version sees it; without a scope that of the whole fleet.
   *
   * @throws {StillpointError} SP_CONFIG_INVALID for a version that does not exist
   */
  document(apiVersion: string = EVENT_VERSION_NEWEST, scope: Scope = {}): EventDocument {
    return documentOf(this.list(scope), this.incarnation(scope), apiVersion);
  }

  /**
   * Agrees that these events start before their time. All of them or, if one is unknown, none. An event that was approved before, that
   * has started or is over is none the worse for it.
   *
   * @param by - the guest that asks: only what it sees exists for it. Without it the platform asks
   * @throws {StillpointError} SP_EVENT_UNKNOWN
   */
  approve(ids: Iterable<string>, by: { readonly guest?: string } = {}): void {
    const set = by.guest === undefined ? undefined : this.#options.placements.of(by.guest)?.set;
    const lives: EventLife[] = [];
    for (const id of ids) {
      const key = String(id).toUpperCase();
      const life = this.#fleet.lives.get(key);
      const of = life?.event.set ?? this.#gone.get(key);
      if (of === undefined || (by.guest !== undefined && of !== set)) {
        throw new StillpointError("SP_EVENT_UNKNOWN", `there is no event ${JSON.stringify(String(id).slice(0, 64))}`);
      }
      if (life !== undefined) lives.push(life);
    }
    for (const life of lives) life.approve();
    for (const of of new Set(lives.map(({ event }) => event.set))) this.#look(of);
  }

  /**
   * Announces something that is going to happen to guests. It starts, ends and can be withdrawn through the handle.
   *
   * @throws {StillpointError} SP_CONFIG_INVALID: no such guests, or not of one set and update domain; no such type; no such time
   */
  schedule(request: EventRequest): EventHandle {
    const set = this.#setOf(request);
    const life = new EventLife(this.#keeper, {
      id: crypto.randomUUID().toUpperCase(),
      set,
      type: request.type,
      resources: Object.freeze([...request.resources]),
      notBefore: this.#notBeforeOf(request),
      description: request.description ?? "",
      source: request.source ?? "User",
      durationSeconds: request.durationSeconds ?? -1,
    });
    this.#changed(life, "scheduled");
    return life;
  }

  /** A guest has ended: events go on without it, and those of it alone are over. To be called while it still has its place. */
  leave(guest: string): void {
    for (const life of this.#boardOf({ guest })?.lives.values() ?? []) life.leave(guest);
  }

  #setOf({ type, resources, durationSeconds, source }: EventRequest): string {
    checkEventType(type);
    checkOneOf(source, "source", ["User", "Platform"]);
    checkCount(durationSeconds, "durationSeconds", { min: -1 });
    if (!Array.isArray(resources) || resources.length === 0) throw invalid("an event needs the names of its guests");
    if (new Set(resources).size < resources.length) throw invalid("an event names each guest once");
    const [first, ...others] = resources.map((name) => {
      const placement = this.#options.placements.of(name);
      if (placement === undefined) throw invalid(`there is no guest ${JSON.stringify(name)}`);
      return { name, ...placement };
    });
    for (const other of others) {
      for (const key of ["set", "updateDomain"] as const) {
        if (other[key] === first![key]) continue;
        const word = key === "set" ? "sets" : "update domains";
        throw invalid(
          `an event names guests of one set and update domain; ${first!.name} and ${other.name} are of ${word} ${first![key]} and ${other[key]}`,
        );
      }
    }
    return first!.set;
  }

  #notBeforeOf({ type, ...start }: EventRequest): Date {
    checkStart(start);
    const { noticeMs = noticeMsOf(type, this.#options.noticeMs), notBefore } = start;
    return notBefore === undefined ? notBeforeOf(this.#options.clock.nowMs(), noticeMs) : new Date(notBefore);
  }

  #newBoard(): Board {
    return { incarnation: this.#firstIncarnation, lives: new Map() };
  }

  #boardOf({ set, guest }: Scope): Board | undefined {
    if (set === undefined && guest === undefined) return this.#fleet;
    const name = set ?? this.#options.placements.of(guest!)?.set;
    return name === undefined ? undefined : this.#sets.get(name);
  }

  #approvesItself({ source, set }: ScheduledEvent): boolean {
    const { approvals: { allSetDown = true, userRaised = false } = {}, isDown, placements } = this.#options;
    if (userRaised && source === "User") return true;
    return allSetDown && isDown !== undefined && placements.members(set).every((guest) => isDown(guest));
  }

  /** While one guest's end is neither approved nor due, no other of the set is ended before its time. */
  #holdsBack(life: EventLife): boolean {
    if (life.event.type !== "Terminate") return false;
    const siblings = this.#sets.get(life.event.set)?.lives.values() ?? [];
    return [...siblings].some((other) => other !== life && other.event.type === "Terminate" && other.pending);
  }

  #look(set: string): void {
    for (const life of this.#sets.get(set)?.lives.values() ?? []) life.look();
  }

  #changed(life: EventLife, change: Change): void {
    const { id, set } = life.event;
    let board = this.#sets.get(set);
    if (board === undefined) this.#sets.set(set, (board = this.#newBoard()));
    const over = change === "completed" || change === "canceled";
    for (const each of [board, this.#fleet]) {
      if (over) each.lives.delete(id);
      else each.lives.set(id, life);
      each.incarnation++;
      this.#options.incarnations?.reserve(each.incarnation);
    }
    if (over) this.#forget(id, set);
    // Before anybody is told, so that what a policy approves is told as approved.
    this.#look(set);
    this.#untold.push(new CustomEvent("changed", { detail: { set, incarnation: board.incarnation } }));
    if (change !== "reduced") this.#untold.push(new CustomEvent(change, { detail: life.event }));
    this.#tell();
  }

  #forget(id: string, set: string): void {
    this.#gone.set(id, set);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= GONE_MAX) break;
      this.#gone.delete(oldest);
    }
  }

  /** A listener that makes a change finds itself in here; what it made is told after what it heard of, to everybody. */
  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) this.dispatchEvent(next);
    } finally {
      this.#telling = false;
    }
  }
}
