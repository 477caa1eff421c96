/**
 * One scheduled event and its life: announced, allowed to start, started, over.
 *
 *   state       approve   NotBefore passes   start        complete   cancel       last guest leaves
 *   waiting     ready     ready              -            -          over         over
 *   ready       -         -                  started      -          over         over
 *   started     -         -                  -            over       -            over
 *   over        -         -                  -            -          -            -
 *
 * Readers know the first two as `Scheduled`, the third as `Started`; what is over has left the document. A dash changes nothing and
 * answers false. Nothing starts before NotBefore without an approval, whoever holds the event: start() refuses.
 *
 * NotBefore is wall-clock time and timers are not: a machine that slept, or whose clock was set, has them apart. So a waiting event
 * looks at the clock once a minute, and a timer that comes early looks again.
 */

import type { Clock } from "./clock.ts";

export type EventType = "Freeze" | "Reboot" | "Redeploy" | "Preempt" | "Terminate";
export type EventSource = "Platform" | "User";
export type EventStatus = "Scheduled" | "Started";

/** What is known of an event at one moment; never changes. */
export interface ScheduledEvent {
  /** A GUID in upper case, the same for the event's whole life. */
  readonly id: string;
  readonly set: string;
  readonly type: EventType;
  readonly status: EventStatus;
  /** Names of guests: of one set, and of one update domain in it. */
  readonly resources: readonly string[];
  /** Nothing happens earlier, unless the event is approved. */
  readonly notBefore: Date;
  readonly description: string;
  readonly source: EventSource;
  /** How long the interruption is expected to last; 0: none, -1: unknown. */
  readonly durationSeconds: number;
  /** Whether somebody, or a policy, has said go. */
  readonly approved: boolean;
}

/** Why an event may start: somebody agreed, or the notice has passed. Or that it never will. */
export type Readiness = "approved" | "due" | "withdrawn";

/** What whoever raised an event holds. Everything may be asked twice; each answers whether it took effect. */
export interface EventHandle {
  /** The event as it is now, or as it last was. */
  readonly event: ScheduledEvent;
  /** Resolves when the event may start, or has been withdrawn. Never rejects. */
  readonly ready: Promise<Readiness>;
  /** Scheduled → Started. Refused before `ready`. */
  start(): boolean;
  /** Started → removed. */
  complete(): boolean;
  /** Scheduled → removed. */
  cancel(): boolean;
}

/** What became of an event; `reduced`: a guest has left it, others are still concerned. */
export type Change = "scheduled" | "started" | "reduced" | "completed" | "canceled";

/** What an event asks of whoever keeps all of them. */
export interface Keeper {
  readonly clock: Clock;
  /** Whether a policy approves it without being asked. */
  approves(event: ScheduledEvent): boolean;
  /** Whether an approval alone does not suffice, because of another event. */
  holdsBack(life: EventLife): boolean;
  changed(life: EventLife, change: Change): void;
  /** Time has passed: have every event of the set look whether it may start. */
  look(set: string): void;
}

const LOOK_MS_MAX = 60_000;

export class EventLife implements EventHandle {
  readonly #keeper: Keeper;
  readonly #ready = Promise.withResolvers<Readiness>();
  #event: ScheduledEvent;
  #over = false;
  #told = false;
  #stopTimer: (() => void) | undefined;

  constructor(keeper: Keeper, event: Omit<ScheduledEvent, "status" | "approved">) {
    this.#keeper = keeper;
    this.#event = Object.freeze({ ...event, status: "Scheduled", approved: false });
  }

  get event(): ScheduledEvent {
    return this.#event;
  }

  get ready(): Promise<Readiness> {
    return this.#ready.promise;
  }

  /** Whether nobody has agreed and the notice runs. */
  get pending(): boolean {
    return this.#waits && !this.#event.approved && !this.#due;
  }

  get #waits(): boolean {
    return !this.#over && this.#event.status === "Scheduled";
  }

  get #due(): boolean {
    return this.#keeper.clock.nowMs() >= this.#event.notBefore.getTime();
  }

  get #readiness(): Readiness | undefined {
    if (this.#event.approved && !this.#keeper.holdsBack(this)) return "approved";
    return this.#due ? "due" : undefined;
  }

  #become(change: Partial<ScheduledEvent>): void {
    this.#event = Object.freeze({ ...this.#event, ...change });
  }

  #tell(readiness: Readiness): void {
    this.#told = true;
    this.#stopTimer?.();
    this.#ready.resolve(readiness);
  }

  /** Tells whoever waits if the event may start now; else looks again in time. */
  look(): void {
    if (!this.#waits || this.#told) return;
    if (this.pending && this.#keeper.approves(this.#event)) this.#become({ approved: true });
    const readiness = this.#readiness;
    if (readiness !== undefined) return this.#tell(readiness);
    this.#stopTimer?.();
    const { clock } = this.#keeper;
    const remainingMs = this.#event.notBefore.getTime() - clock.nowMs();
    this.#stopTimer = clock.after(Math.min(remainingMs, LOOK_MS_MAX), () => this.#keeper.look(this.#event.set));
  }

  approve(): void {
    if (this.#waits) this.#become({ approved: true });
  }

  start(): boolean {
    // Who was told that it may start is believed, even if an approval given now would have to wait.
    this.look();
    if (!this.#waits || !this.#told) return false;
    this.#become({ status: "Started" });
    this.#keeper.changed(this, "started");
    return true;
  }

  complete(): boolean {
    return this.#event.status === "Started" && this.#end("completed");
  }

  cancel(): boolean {
    return this.#event.status === "Scheduled" && this.#end("canceled");
  }

  /** A guest has ended: the event goes on without it, or not at all. */
  leave(guest: string): void {
    const { resources } = this.#event;
    if (this.#over || !resources.includes(guest)) return;
    if (resources.length === 1) {
      this.#end(this.#event.status === "Started" ? "completed" : "canceled");
    } else {
      this.#become({ resources: Object.freeze(resources.filter((name) => name !== guest)) });
      this.#keeper.changed(this, "reduced");
    }
  }

  #end(change: "completed" | "canceled"): boolean {
    if (this.#over) return false;
    this.#over = true;
    // Nothing happens to one who was told already: start() answers false from here on.
    this.#tell("withdrawn");
    this.#keeper.changed(this, change);
    return true;
  }
}
