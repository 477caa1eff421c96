/** A fleet: all hosts and guests of one process. */

import { StillpointError } from "../errors.ts";
import { bootGuest } from "../guest/boot.ts";
import { capabilities } from "../guest/capabilities.ts";
import type { Guest } from "../guest/guest.ts";
import { type BootOptions, checkBootOptions } from "../guest/options.ts";
import { loadPlatform, type Platform } from "../platform/platform.ts";
import type { Image } from "../prepare/image.ts";
import { type DomainCounts, type Placement, Placements } from "./placement.ts";

export interface FleetOptions extends DomainCounts {
  /** Ends the fleet and everything in it. */
  readonly signal?: AbortSignal;
}

export class Fleet implements AsyncDisposable {
  readonly #platform: Platform;
  readonly #plainPolls: boolean;
  readonly #placements: Placements;
  readonly #guests = new Map<string, Guest>();
  /** Boots under way, by name: the name is taken already, though there may be no guest to show yet. */
  readonly #booting = new Map<string, Promise<Guest>>();
  #closed = false;

  private constructor(platform: Platform, plainPolls: boolean, placements: Placements) {
    this.#platform = platform;
    this.#plainPolls = plainPolls;
    this.#placements = placements;
  }

  /**
   * Opens a fleet, after a look at what this engine can do.
   *
   * @throws {StillpointError} SP_ENGINE_UNSUPPORTED, with every missing thing and its reason; SP_CONFIG_INVALID
   */
  static async open({ signal, ...domains }: FleetOptions = {}): Promise<Fleet> {
    signal?.throwIfAborted();
    const placements = new Placements(domains);
    const { ok, missing, plainPolls } = await capabilities();
    if (!ok) {
      const reasons = missing.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
      throw new StillpointError("SP_ENGINE_UNSUPPORTED", `this engine cannot run guests: ${reasons}`);
    }
    const fleet = new Fleet(await loadPlatform(), plainPolls, placements);
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
    this.#placements.place(name, options);
    const booting = bootGuest(image, options, {
      platform: this.#platform,
      plainPolls: this.#plainPolls,
      created: (guest) => {
        this.#guests.set(name, guest);
        void guest.exited.then(() => {
          this.#guests.delete(name);
          this.#placements.remove(name);
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
      if (!this.#guests.has(name)) this.#placements.remove(name);
    }
  }

  /** Ends every guest, and those that are about to be booted. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const ends = [...this.#guests.values()].map((guest) => guest.terminate());
    await Promise.allSettled([...ends, ...this.#booting.values()]);
  }
}
