/**
 * The guests of a configuration: booted from it, or from what the journal says their update domain was brought to, and remembered when
 * they have ended, so that one can ask how.
 */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Exit, Fleet, Guest, Image } from "../../index.ts";
import { imageOf, prepared, readModule } from "../module-file.ts";
import type { GuestConfiguration } from "./configuration.ts";
import { fieldsOf, type Log } from "./log.ts";

/** Where the library publishes changes of state. */
const STATES = "stillpoint:guest:state";

/** What is known of a guest, for whoever asks. Part of the control API: names stay. */
export interface Residence {
  readonly name: string;
  readonly state: string;
  readonly set: string | null;
  readonly updateDomain: number | null;
  readonly faultDomain: number | null;
  readonly services: string | null;
  readonly memoryBytes: number | null;
  readonly module: string;
  /** Its exit code, if it came to its own end. */
  readonly exitCode: number | null;
  /** Why it failed, if it did. */
  readonly error: string | null;
}

export class Residences {
  readonly #fleet: Fleet;
  readonly #log: Log;
  readonly #configured = new Map<string, GuestConfiguration>();
  readonly #exits = new Map<string, Exit>();
  readonly #images = new Map<string, Promise<Image>>();

  constructor(fleet: Fleet, log: Log) {
    this.#fleet = fleet;
    this.#log = log;
    subscribe(STATES, this.#begun);
  }

  /**
   * Boots all of them, at once. If one cannot be booted, those that have been are the caller's to end.
   *
   * @throws {CommandError} naming the line of what cannot be
   */
  async boot(guests: readonly GuestConfiguration[]): Promise<void> {
    for (const guest of guests) this.#configured.set(guest.boot.name, guest);
    // Modules first: preparing takes seconds, and placing guests in order none.
    await Promise.all(guests.map((guest) => this.#image(guest)));
    await Promise.all(guests.map((guest) => this.#boot(guest)));
  }

  #image({ module, boot, error }: GuestConfiguration): Promise<Image> {
    const track = boot.track === "marks" ? "marks" : "none";
    const key = `${track} ${module}`;
    let image = this.#images.get(key);
    if (image === undefined) {
      image = readModule(module)
        .then((bytes) => imageOf(bytes) ?? prepared(bytes, { track }))
        .catch((cause: Error) => {
          throw error("module", cause.message);
        });
      this.#images.set(key, image);
    }
    return image;
  }

  async #boot(configuration: GuestConfiguration): Promise<void> {
    const image = await this.#image(configuration);
    const { boot, error } = configuration;
    const { name, set = name } = boot;
    const updateDomain = boot.updateDomain ?? this.#fleet.nextUpdateDomain(set);
    const committed = this.#fleet.committed(set, updateDomain);
    const services = committed?.services === undefined ? boot.services : new URL(committed.services);
    try {
      await this.#fleet.boot(image, { ...boot, updateDomain, ...(services && { services }) });
    } catch (cause) {
      throw error("name", `${name} cannot be booted: ${(cause as Error).message}`);
    }
    const placement = this.#fleet.placement(name);
    this.#log.info("booted", { guest: name, ...placement, ...(services && { services: services.href }) });
    if (services?.href !== boot.services?.href) {
      this.#log.warn("its services are those that the journal says its update domain was brought to", { guest: name });
    }
    if (committed?.image !== undefined && committed.image !== image.info.sha256) {
      this.#log.warn("its module is not the one that its update domain was brought to", { guest: name });
    }
  }

  /** Hears of the end of every guest that begins; one that a wave starts again is another under the same name. */
  readonly #begun = (message: unknown): void => {
    const { guest: name, from } = message as { guest: string; from: string };
    const guest = this.#fleet.guests.get(name);
    if (from === "booting" && guest !== undefined) this.#watch(guest);
  };

  close(): void {
    unsubscribe(STATES, this.#begun);
  }

  #watch(guest: Guest): void {
    const { name } = guest;
    this.#exits.delete(name);
    void guest.exited.then((exit) => {
      this.#exits.set(name, exit);
      if (exit.kind === "code") return this.#log.info("exited", { guest: name, exitCode: exit.code });
      // Ended from outside: by a wave that starts it again, by a shutdown, or with its Worker.
      const level = exit.error.code === "SP_HOST_LOST" ? "warn" : "error";
      this.#log[level]("failed", { guest: name, ...fieldsOf(exit.error) });
    });
  }

  tracked(name: string): boolean {
    return (this.#configured.get(name)?.boot.track ?? "none") !== "none";
  }

  has(name: string): boolean {
    return this.#configured.has(name);
  }

  list(): Residence[] {
    return [...this.#configured.values()].map(({ module, boot: { name } }) => {
      const guest = this.#fleet.guests.get(name);
      const placement = this.#fleet.placement(name);
      const exit = guest === undefined ? this.#exits.get(name) : undefined;
      return {
        name,
        state: guest?.state ?? (exit === undefined ? "booting" : exit.kind === "code" ? "exited" : "failed"),
        set: placement?.set ?? null,
        updateDomain: placement?.updateDomain ?? null,
        faultDomain: placement?.faultDomain ?? null,
        services: guest?.services?.href ?? null,
        memoryBytes: guest?.memory.buffer.byteLength ?? null,
        module,
        exitCode: exit?.kind === "code" ? exit.code : null,
        error: exit?.kind === "failed" ? exit.error.message : null,
      };
    });
  }
}
