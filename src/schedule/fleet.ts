/** A fleet: all hosts and guests of one process. */

import { StillpointError } from "../errors.ts";
import { bootGuest } from "../guest/boot.ts";
import { capabilities } from "../guest/capabilities.ts";
import type { Guest } from "../guest/guest.ts";
import { type BootOptions, checkBootOptions } from "../guest/options.ts";
import { loadPlatform, type Platform } from "../platform/platform.ts";
import type { Image } from "../prepare/image.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type ApprovalPolicies, ScheduledEvents } from "./events.ts";
import type { NoticeOption } from "./notice.ts";
import { NoticeBoards } from "./notice-boards.ts";
import { type DomainCounts, type Placement, Placements } from "./placement.ts";

export interface FleetOptions extends DomainCounts {
  /** How long before an event its guests learn of it. Default: the least that the protocol knows for each type. */
  readonly noticeMs?: NoticeOption;
  /** What is approved without being asked. */
  readonly approvals?: ApprovalPolicies;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Ends the fleet and everything in it. */
  readonly signal?: AbortSignal;
}

export class Fleet implements AsyncDisposable {
  readonly #platform: Platform;
  readonly #plainPolls: boolean;
  readonly #placements: Placements;
  readonly #boards: NoticeBoards;
  /** What is announced to the guests of this fleet. */
  readonly events: ScheduledEvents;
  readonly #guests = new Map<string, Guest>();
  /** Boots under way, by name: the name is taken already, though there may be no guest to show yet. */
  readonly #booting = new Map<string, Promise<Guest>>();
  #closed = false;

  private constructor(
    { platform, plainPolls, placements }: { platform: Platform; plainPolls: boolean; placements: Placements },
    { clock = systemClock, noticeMs, approvals }: FleetOptions,
  ) {
    this.#platform = platform;
    this.#plainPolls = plainPolls;
    this.#placements = placements;
    this.events = new ScheduledEvents({
      clock,
      placements,
      ...(noticeMs !== undefined && { noticeMs }),
      ...(approvals !== undefined && { approvals }),
      isDown: (guest) => !this.#guests.has(guest),
    });
    this.#boards = new NoticeBoards(this.events, clock);
  }

  /**
   * Opens a fleet, after a look at what this engine can do.
   *
   * @throws {StillpointError} SP_ENGINE_UNSUPPORTED, with every missing thing and its reason; SP_CONFIG_INVALID
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
    const fleet = new Fleet({ platform: await loadPlatform(), plainPolls, placements }, options);
    signal?.throwIfAborted();
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

  /**
   * Boots a guest in a Worker of its own. Resolves when a reactor is idle, or when a command is about to start.
   *
   * @throws {StillpointError} SP_NAME_TAKEN, SP_CONFIG_INVALID, SP_LIMIT, SP_IMPORT_MISSING, SP_SERVICES_INVALID,
   *   SP_GUEST_TRAP, SP_HOST_LOST: no guest exists then, and its name is free again
   */
  async boot(image: Image, options: BootOptions): Promise<Guest> {
    checkBootOptions(options);
    const { name } = options;
    if (this.#closed) throw new StillpointError("SP_CONFIG_INVALID", "the fleet is closed");
    if (this.#guests.has(name) || this.#booting.has(name)) {
      throw new StillpointError("SP_NAME_TAKEN", `the fleet has a guest ${name} already`);
    }
    const { set } = this.#placements.place(name, options);
    const booting = bootGuest(image, options, {
      platform: this.#platform,
      plainPolls: this.#plainPolls,
      notices: { board: () => this.#boards.of(set).memory, approve: (ids) => this.#approve(name, ids) },
      created: (guest) => {
        this.#guests.set(name, guest);
        void guest.exited.then(() => {
          this.#guests.delete(name);
          this.#leave(name);
        });
        // Closed while the image was compiled.
        if (this.#closed) void guest.terminate();
      },
    });
    this.#booting.set(name, booting);
    try {
      return await booting;
    } finally {
      this.#booting.delete(name);
      // It failed before there was a guest.
      if (!this.#guests.has(name)) this.#leave(name);
    }
  }

  /** A guest is gone: from what is announced first, while it is still known where it was. */
  #leave(name: string): void {
    const set = this.#placements.of(name)?.set;
    this.events.leave(name);
    this.#placements.remove(name);
    if (set !== undefined && this.#placements.members(set).length === 0) this.#boards.forget(set);
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

  /** Ends every guest, and those that are about to be booted. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const ends = [...this.#guests.values()].map((guest) => guest.terminate());
    await Promise.allSettled([...ends, ...this.#booting.values()]);
  }
}
