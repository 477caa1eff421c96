/** A fleet: all hosts and guests of one process, with what is announced to them and what is updated under them. */

import { platform } from "#platform";
import { invalid } from "../checks.ts";
import { StillpointError } from "../errors.ts";
import { bootGuest } from "../guest/boot.ts";
import { capabilities } from "../guest/capabilities.ts";
import type { Guest } from "../guest/guest.ts";
import { type BootOptions, checkBootOptions } from "../guest/options.ts";
import type { Platform } from "../platform/platform.ts";
import type { Image } from "../prepare/image.ts";
import { Makers } from "../resume/makers.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type ApprovalPolicies, ScheduledEvents } from "./events.ts";
import { GuestResident } from "./guest-resident.ts";
import { type Committed, History, type InterruptedWave } from "./history.ts";
import type { NoticeOption } from "./notice.ts";
import { NoticeBoards } from "./notice-boards.ts";
import { type DomainCounts, type Placement, Placements } from "./placement.ts";
import type { Plan } from "./plan.ts";
import type { Update } from "./update.ts";
import type { Wave } from "./wave.ts";
import { Waves, type WavesOptions } from "./waves.ts";

export interface FleetOptions extends DomainCounts, WavesOptions {
  /** How long before an event its guests learn of it. Default: the least that the protocol knows for each type. */
  readonly noticeMs?: NoticeOption;
  /** What is approved without being asked. */
  readonly approvals?: ApprovalPolicies;
  /** Default: the system's. */
  readonly clock?: Clock;
  /**
   * A directory for the journal, of which one process at a time writes. It says which versions update domains were brought to, for
   * the process after this one. Without it that is known for the life of this fleet alone.
   */
  readonly journal?: string | URL;
  /** Ends the fleet and everything in it. */
  readonly signal?: AbortSignal;
}

export class Fleet implements AsyncDisposable {
  readonly #platform: Platform;
  readonly #plainPolls: boolean;
  readonly #makers: Makers;
  readonly #placements: Placements;
  readonly #boards: NoticeBoards;
  readonly #history: History;
  readonly #waves: Waves;
  /** What is announced to the guests of this fleet. */
  readonly events: ScheduledEvents;
  readonly #guests = new Map<string, Guest>();
  /** Boots under way, by name: the name is taken already, though there may be no guest to show yet. */
  readonly #booting = new Map<string, Promise<Guest>>();
  /** Guests that have booted, as waves see them. One that is started again stays the same. */
  readonly #residents = new Map<string, GuestResident>();
  #closed = false;

  private constructor(
    parts: { platform: Platform; plainPolls: boolean; placements: Placements; history: History },
    { clock = systemClock, noticeMs, approvals, ...options }: FleetOptions,
  ) {
    const { platform, plainPolls, placements, history } = parts;
    this.#platform = platform;
    this.#plainPolls = plainPolls;
    this.#makers = new Makers(platform);
    this.#placements = placements;
    this.#history = history;
    this.events = new ScheduledEvents({
      clock,
      placements,
      ...(noticeMs !== undefined && { noticeMs }),
      ...(approvals !== undefined && { approvals }),
      isDown: (guest) => !this.#guests.has(guest),
      incarnations: { first: history.firstIncarnation, reserve: (upTo) => history.reserve(upTo) },
    });
    this.#boards = new NoticeBoards(this.events, clock);
    const residents = this.#residents;
    this.#waves = new Waves({ clock, events: this.events, history, noticeMs, placements, residents }, options);
  }

  /**
   * Opens a fleet, after a look at what this engine can do.
   *
   * @throws {StillpointError} SP_ENGINE_UNSUPPORTED, with every missing thing and its reason; SP_CONFIG_INVALID;
   *   SP_JOURNAL_LOCKED, SP_JOURNAL_INVALID, SP_JOURNAL_FAILED
   */
  static async open(options: FleetOptions = {}): Promise<Fleet> {
    const { signal } = options;
    signal?.throwIfAborted();
    const placements = new Placements(options);
    const { ok, missing, plainPolls } = await capabilities();
    if (!ok) {
      const reasons = missing.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
      throw new StillpointError("SP_ENGINE_UNSUPPORTED", `this engine cannot run guests: ${reasons}`);
    }
    signal?.throwIfAborted();
    const history = openHistory(platform, options);
    let fleet: Fleet;
    try {
      fleet = new Fleet({ platform, plainPolls, placements, history }, options);
    } catch (error) {
      history.close();
      throw error;
    }
    signal?.addEventListener("abort", () => void fleet[Symbol.asyncDispose]());
    return fleet;
  }

  /** Guests that have not ended, by name. */
  get guests(): ReadonlyMap<string, Guest> {
    return this.#guests;
  }

  /** Where a guest is; undefined when there is none of that name. */
  placement(guest: string): Placement | undefined {
    return this.#placements.of(guest);
  }

  /** The update domain that the next guest of a set gets, unless it asks for one. */
  nextUpdateDomain(set: string): number {
    return this.#placements.next(set);
  }

  // ---- updates ----

  /**
   * What an update would do, without doing any of it. New services are tried: they attach once for each image, and are disposed of
   * as "abandoned".
   *
   * @throws {StillpointError} SP_CONFIG_INVALID
   */
  plan(update: Update): Promise<Plan> {
    return this.#waves.plan(update);
  }

  /**
   * Begins an update of the guests that have booted, one update domain after the other. The wave says how it goes, and its `result`
   * what became of it.
   *
   * @throws {StillpointError} SP_CONFIG_INVALID
   */
  update(update: Update): Wave {
    if (this.#closed) throw invalid("the fleet is closed");
    return this.#waves.begin(update);
  }

  /** Waves that have not ended. */
  get waves(): readonly Wave[] {
    return this.#waves.current;
  }

  /**
   * What an update domain of a set was brought to, by this process or, with a journal, by those before it. A guest that is booted
   * there without `services` gets these services; one that names its own gets its own. An update that leaves guests of the domain
   * out says nothing of it as a whole.
   */
  committed(set: string, updateDomain: number): Committed | undefined {
    return this.#history.committed(set, updateDomain);
  }

  /**
   * Waves that a process before this one began and did not live to end, as its journal has them. Their guests are gone, and nothing
   * of them is gone on with. They are told of until another wave is begun.
   */
  get interrupted(): readonly InterruptedWave[] {
    return this.#history.interrupted;
  }

  // ---- guests ----

  /**
   * Boots a guest in a Worker of its own. Resolves when a reactor is idle, or when a command is about to start. Without `services` it
   * gets those that its update domain was brought to.
   *
   * @throws {StillpointError} SP_NAME_TAKEN, SP_CONFIG_INVALID, SP_LIMIT, SP_IMPORT_MISSING, SP_SERVICES_INVALID,
   *   SP_GUEST_TRAP, SP_HOST_LOST: no guest exists then, and its name is free again
   */
  async boot(image: Image, options: BootOptions): Promise<Guest> {
    checkBootOptions(options);
    const { name } = options;
    if (this.#closed) throw invalid("the fleet is closed");
    if (this.#guests.has(name) || this.#booting.has(name) || this.#residents.has(name)) {
      throw new StillpointError("SP_NAME_TAKEN", `the fleet has a guest ${name} already`);
    }
    const { set, updateDomain } = this.#placements.place(name, options);
    const services = options.services?.href ?? this.committed(set, updateDomain)?.services;
    const given = { ...options, ...(services !== undefined && { services: new URL(services) }) };
    const booting = this.#boot(image, given, set);
    this.#booting.set(name, booting);
    try {
      const guest = await booting;
      this.#settleIn(guest, image, given, set);
      return guest;
    } finally {
      this.#booting.delete(name);
      // It failed, perhaps before there was a guest.
      if (!this.#guests.has(name)) this.#leave(name);
    }
  }

  #boot(image: Image, options: BootOptions, set: string): Promise<Guest> {
    const { name } = options;
    return bootGuest(image, options, {
      platform: this.#platform,
      plainPolls: this.#plainPolls,
      makers: this.#makers,
      notices: { board: () => this.#boards.of(set).memory, approve: (ids) => this.#approve(name, ids) },
      created: (guest) => {
        this.#guests.set(name, guest);
        void guest.exited.then(() => {
          this.#guests.delete(name);
          if (this.#residents.get(name)?.rebooting !== true) this.#leave(name);
        });
        // Closed while the image was compiled.
        if (this.#closed) void guest.terminate();
      },
    });
  }

  /** From here on the guest is concerned by updates. */
  #settleIn(guest: Guest, image: Image, options: BootOptions, set: string): void {
    if (!this.#guests.has(guest.name)) return;
    const reboot = (image: Image, options: BootOptions): Promise<Guest> => this.#boot(image, options, set);
    const resident = new GuestResident({ guest, image, options, reboot, gone: () => this.#leave(guest.name) });
    this.#residents.set(guest.name, resident);
  }

  /** A guest is gone: from what is announced first, while it is still known where it was. */
  #leave(name: string): void {
    const set = this.#placements.of(name)?.set;
    this.#residents.delete(name);
    this.events.leave(name);
    this.#placements.remove(name);
    if (set === undefined || this.#placements.members(set).length > 0) return;
    this.#boards.forget(set);
    this.#waves.forget(set);
  }

  /** A guest says that events may start. What it has just missed the end of, nobody minds. */
  #approve(guest: string, ids: readonly string[]): void {
    for (const id of ids) {
      try {
        this.events.approve([id], { guest });
      } catch (error) {
        if (!(error instanceof StillpointError) || error.code !== "SP_EVENT_UNKNOWN") throw error;
      }
    }
  }

  /** Cancels every wave, then ends every guest, and those that are about to be booted. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#waves.end();
    const ends = [...this.#guests.values()].map((guest) => guest.terminate());
    await Promise.allSettled([...ends, ...this.#booting.values()]);
    await this.#makers.end();
    this.#history.close();
  }
}

/** @throws {StillpointError} SP_CONFIG_INVALID, SP_JOURNAL_LOCKED, SP_JOURNAL_INVALID, SP_JOURNAL_FAILED */
function openHistory(platform: Platform, { journal, clock = systemClock }: FleetOptions): History {
  if (journal === undefined) return new History();
  if (platform.openJournal === undefined) {
    throw invalid("there are no directories here in which a journal could be kept");
  }
  return platform.openJournal(journal, clock.nowMs());
}
