/**
 * One update domain's turn in a wave: the guests of that domain in every set that the wave concerns, from the notice to the end of their
 * events. Either all of them stay on what they were given, or all go back.
 *
 * Guests may end at any moment; one that has ended is left out of whatever comes next. A guest that fails after it was replaced
 * speaks against what it was given; one that ends by itself speaks against nothing.
 */

import { HandoverError, StillpointError } from "../errors.ts";
import { checkup } from "./checkup.ts";
import type { Clock } from "./clock.ts";
import type { EventHandle, EventType } from "./event.ts";
import type { ScheduledEvents } from "./events.ts";
import type { Impacts } from "./impacts.ts";
import { changesOf, eventTypeOf, type PlannedGuest } from "./plan.ts";
import type { GuestOutcome, GuestReport } from "./progress.ts";
import type { Limits, Replaced, Resident } from "./resident.ts";
import { UPDATE_BUDGET_MS, type Update } from "./update.ts";

/** How often a guest is asked to go back before it is left where it is. */
const BACK_TRIES = 3;

/** One guest on its way. */
interface Passenger extends PlannedGuest {
  readonly resident: Resident;
  outcome: GuestOutcome;
  replaced: Replaced | undefined;
  blackoutMs: number;
  error: StillpointError | undefined;
}

/** The part of a turn that is in one set, with the event that announces it. */
interface Group {
  readonly set: string;
  readonly passengers: readonly Passenger[];
  event: EventHandle | undefined;
}

export interface TurnOptions {
  readonly update: Update;
  readonly updateDomain: number;
  readonly guests: readonly PlannedGuest[];
  readonly residents: ReadonlyMap<string, Resident>;
  readonly clock: Clock;
  readonly events: ScheduledEvents;
  readonly impacts: Impacts;
  readonly told: (report: GuestReport) => void;
}

function errorOf(cause: unknown, guest: string): StillpointError {
  if (cause instanceof StillpointError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new StillpointError("SP_HANDOVER_FAILED", `guest ${guest} was not replaced: ${message}`, { cause });
}

export class Turn {
  readonly updateDomain: number;
  readonly #options: TurnOptions;
  readonly #passengers: readonly Passenger[];
  readonly #groups: readonly Group[];

  constructor(options: TurnOptions) {
    this.#options = options;
    this.updateDomain = options.updateDomain;
    this.#passengers = options.guests.map((guest) => ({
      ...guest,
      resident: options.residents.get(guest.guest)!,
      outcome: "untouched",
      replaced: undefined,
      blackoutMs: 0,
      error: undefined,
    }));
    this.#groups = [...Map.groupBy(this.#passengers, ({ set }) => set)].map(([set, passengers]) => ({
      set,
      passengers,
      event: undefined,
    }));
  }

  /** Sets that still have a guest here. */
  get sets(): readonly string[] {
    return this.#groups.filter(({ passengers }) => passengers.some(alive)).map(({ set }) => set);
  }

  /** Sets of which a guest was replaced. */
  get setsUpdated(): readonly string[] {
    return this.#groups.filter(({ passengers }) => passengers.some(wasReplaced)).map(({ set }) => set);
  }

  /** Guests that could not be given back what they had. */
  get stuck(): readonly string[] {
    return this.#passengers.filter(({ outcome }) => outcome === "stuck").map(({ guest }) => guest);
  }

  /** What has become of each guest. */
  reports(): readonly GuestReport[] {
    this.#settle();
    return this.#passengers.map(reportOf);
  }

  // ---- notice ----

  /** Raises the event of each set. */
  announce(when: (type: EventType) => { readonly noticeMs: number } | { readonly notBefore: Date }): void {
    const { update, events } = this.#options;
    for (const group of this.#groups) {
      const passengers = group.passengers.filter(alive);
      if (passengers.length === 0) continue;
      const type = eventTypeOf(
        update.kind ?? "freeze",
        passengers.map(({ way }) => way),
      );
      const expected = passengers.map(({ expectedBlackoutMs }) => expectedBlackoutMs);
      const known = expected.every((ms) => ms !== undefined);
      group.event = events.schedule({
        type,
        resources: passengers.map(({ guest }) => guest),
        ...when(type),
        description: update.description ?? describe(passengers),
        durationSeconds: known ? Math.ceil(Math.max(...expected) / 1000) : -1,
        source: "Platform",
      });
    }
  }

  /** Resolves when every event may start, or has been withdrawn because its guests have ended. */
  async ready(): Promise<void> {
    await Promise.all(this.#groups.map(({ event }) => event?.ready));
  }

  /** How long it is until no set needs time to recover from another of its domains. */
  recoveryMs(recoveryMs: number): number {
    const waits = this.sets.map((set) => this.#options.impacts.recoveryMs(set, this.updateDomain, recoveryMs));
    return Math.max(0, ...waits);
  }

  /** Scheduled → Started: from here on the domain is impacted. */
  start(): void {
    for (const { set, event } of this.#groups)
      if (event?.start() === true) this.#options.impacts.begin(set, this.updateDomain);
  }

  /** The impact does not happen. */
  withdraw(): void {
    for (const { event } of this.#groups) event?.cancel();
  }

  // ---- impact ----

  /** Replaces every guest, as many at once as there are slots. The first failure stops the others; answers what failed. */
  async replace(signal: AbortSignal): Promise<StillpointError | undefined> {
    const { update, impacts } = this.#options;
    const stop = new AbortController();
    const limits = { ...this.#limits, signal: AbortSignal.any([signal, stop.signal]) };
    const changes = changesOf(update);
    let failure: StillpointError | undefined;
    const one = async (passenger: Passenger): Promise<void> => {
      if (limits.signal.aborted || !alive(passenger)) return;
      try {
        const replaced = await passenger.resident.replace(changes[passenger.way!], limits);
        passenger.replaced = replaced;
        this.#become(passenger, "updated", replaced.blackoutMs);
        if (replaced.blackoutMs <= limits.maxImpactMs) return;
        failure ??= passenger.error = exceeded(passenger, limits);
        stop.abort();
      } catch (cause) {
        if (!alive(passenger) || limits.signal.aborted) return;
        failure ??= passenger.error = errorOf(cause, passenger.guest);
        this.#become(passenger, "rolledBack", cause instanceof HandoverError ? cause.report.blackoutMs : 0);
        stop.abort();
      }
    };
    const started = this.#groups.filter(({ event }) => event?.event.status === "Started");
    const passengers = started.flatMap((group) => group.passengers);
    await Promise.all(passengers.map((passenger) => impacts.inSlot(() => one(passenger))));
    this.#settle();
    return failure;
  }

  get #limits(): Limits {
    const { budgetMs = UPDATE_BUDGET_MS, maxImpactMs = budgetMs } = this.#options.update;
    return { budgetMs, maxImpactMs };
  }

  /** Says of those that have ended how. */
  #settle(): void {
    for (const passenger of this.#passengers) {
      const { state } = passenger.resident;
      if (state !== "running" && state !== passenger.outcome) this.#become(passenger, state);
    }
  }

  #become(passenger: Passenger, outcome: GuestOutcome, blackoutMs: number = 0): void {
    passenger.outcome = outcome;
    passenger.blackoutMs += blackoutMs;
    this.#options.told(reportOf(passenger));
  }

  // ---- health ----

  /** Asks all that were replaced how they are; answers what is wrong. */
  async check(signal: AbortSignal): Promise<StillpointError | undefined> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    let failure: StillpointError | undefined;
    const one = async (passenger: Passenger): Promise<void> => {
      const why = await checkup(passenger.resident, this.#options, both);
      if (why === undefined || both.aborted) return;
      failure ??= passenger.error = new StillpointError(
        "SP_UPDATE_UNHEALTHY",
        `guest ${passenger.guest} is not well after it was replaced: ${why}`,
      );
      stop.abort();
    };
    await Promise.all(this.#passengers.filter(wasReplaced).map(one));
    stop.abort();
    this.#settle();
    return failure;
  }

  /** The domain stays on what it was given; its events are over. */
  complete(): void {
    for (const { set, event } of this.#groups) {
      event?.complete();
      this.#options.impacts.end(set);
    }
  }

  // ---- back ----

  /** Gives back what they had to all that were replaced, under an event of its own. */
  async revert(): Promise<void> {
    const { update, events, impacts } = this.#options;
    const returns: EventHandle[] = [];
    for (const { passengers, event } of this.#groups) {
      const returning = passengers.filter((passenger) => wasReplaced(passenger) && alive(passenger));
      if (returning.length > 0) {
        const back = events.schedule({
          type: eventTypeOf(
            update.kind ?? "freeze",
            returning.map(({ way }) => way),
          ),
          resources: returning.map(({ guest }) => guest),
          noticeMs: 0,
          description: "An update is being taken back.",
          source: "Platform",
        });
        back.start();
        returns.push(back);
      }
      // Not before: the set would look as if it were well.
      event?.complete();
    }
    await Promise.all(
      this.#passengers.filter(wasReplaced).map((passenger) => impacts.inSlot(() => this.#return(passenger))),
    );
    this.#settle();
    for (const back of returns) back.complete();
    for (const { set } of this.#groups) impacts.end(set);
  }

  async #return(passenger: Passenger): Promise<void> {
    for (let tries = 1; alive(passenger); tries++) {
      try {
        const { blackoutMs } = await passenger.replaced!.back(this.#limits);
        return this.#become(passenger, "rolledBack", blackoutMs);
      } catch (cause) {
        if (cause instanceof HandoverError) passenger.blackoutMs += cause.report.blackoutMs;
        if (tries < BACK_TRIES || !alive(passenger)) continue;
        passenger.error = errorOf(cause, passenger.guest);
        return this.#become(passenger, "stuck");
      }
    }
  }
}

function exceeded({ guest, blackoutMs }: Passenger, { maxImpactMs }: Limits): StillpointError {
  const message = `guest ${guest} stood still for ${blackoutMs} ms; ${maxImpactMs} ms were allowed`;
  return new StillpointError("SP_IMPACT_EXCEEDED", message);
}

const alive = ({ resident }: Passenger): boolean => resident.state === "running";
const wasReplaced = ({ replaced }: Passenger): boolean => replaced !== undefined;

function reportOf(passenger: Passenger): GuestReport {
  const { guest, set, updateDomain, way, outcome, blackoutMs, error } = passenger;
  // One that could not be started anew was started again as it was.
  const memoryLost = way === "reboot" && (wasReplaced(passenger) || outcome === "rolledBack");
  return { guest, set, updateDomain, way, outcome, blackoutMs, memoryLost, ...(error && { error }) };
}

function describe(passengers: readonly Passenger[]): string {
  const lost = passengers.filter(({ way }) => way === "reboot").map(({ guest }) => guest);
  if (lost.length === 0) return "What is under these guests is being replaced. Their memory is kept.";
  if (lost.length === passengers.length) return "These guests are started again. Their memory is lost.";
  return `What is under these guests is being replaced. Memory is lost of ${lost.join(", ")}.`;
}
