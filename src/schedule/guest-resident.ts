/**
 * A guest in a Worker, as waves see it. A reboot ends it and boots another guest under the same name, in the same place, with the same
 * options; the name stays taken meanwhile, and for the wave it is the same resident.
 *
 * Not every guest can be started again. Its standard streams may belong to the caller: what was read of one is gone, what was written
 * to one is closed with it. Such a guest is refused a reboot. One with "pipe" has new pipes afterwards, on the new guest: who wants to
 * go on reading takes the guest out of `fleet.guests` again. Calls that were under way or waiting are rejected with the old guest, and
 * holds on it end: the new one runs.
 *
 * What a reboot was given is tried before, as far as it can be, because there is no way back to the memory.
 */

import { GuestStateError, StillpointError } from "../errors.ts";
import type { Guest } from "../guest/guest.ts";
import type { BootOptions } from "../guest/options.ts";
import type { Image } from "../prepare/image.ts";
import type { Limits, Replaced, Resident } from "./resident.ts";
import type { Change, Update, Verdict } from "./update.ts";

/** From how many of its last handovers it is told what the next one will take. */
const MEASURED_COUNT = 8;

/** What a guest runs on. */
interface Version {
  readonly services: URL | undefined;
  readonly image: Image;
}

export interface GuestResidentParts {
  readonly guest: Guest;
  readonly image: Image;
  readonly options: BootOptions;
  /** Boots under the name of a guest that has just been ended for it. */
  reboot(image: Image, options: BootOptions): Promise<Guest>;
  /** It ended in the middle of a reboot, for good. */
  gone(): void;
}

/** One trial for all guests of an image, for each update. */
const trials = new WeakMap<Change, Map<Image, Promise<Verdict>>>();

export class GuestResident implements Resident {
  readonly name: string;
  readonly ended: Promise<unknown>;
  readonly #parts: GuestResidentParts;
  readonly #end = Promise.withResolvers<void>();
  readonly #measured: number[] = [];
  #guest!: Guest;
  #image: Image;
  #rebooting = false;
  #lost = false;

  constructor(parts: GuestResidentParts) {
    this.#parts = parts;
    this.name = parts.guest.name;
    this.ended = this.#end.promise;
    this.#image = parts.image;
    this.#take(parts.guest);
  }

  #take(guest: Guest): void {
    this.#guest = guest;
    guest.events.addEventListener("handover", ({ detail }) => {
      this.#measured.push(detail.blackoutMs);
      if (this.#measured.length > MEASURED_COUNT) this.#measured.shift();
    });
    this.#watch(guest);
  }

  #watch(guest: Guest): void {
    void guest.exited.then(() => {
      if (guest === this.#guest && !this.#rebooting) this.#end.resolve();
    });
  }

  /** A reboot is under way: that its guest ends is not its end. */
  get rebooting(): boolean {
    return this.#rebooting;
  }

  get state(): Resident["state"] {
    if (this.#lost) return "failed";
    const { state } = this.#guest;
    return !this.#rebooting && (state === "exited" || state === "failed") ? state : "running";
  }

  get expectedMs(): number | undefined {
    return this.#measured.length === 0 ? undefined : Math.max(...this.#measured);
  }

  get #version(): Version {
    return { services: this.#guest.services, image: this.#image };
  }

  async verdict(change: Change): Promise<Verdict> {
    const possible = change.way === "handover" ? await this.#canMove(change) : this.#canReboot();
    if (!possible.ok || change.services === undefined) return possible;
    // Another image is not known to want what the services have before it is booted.
    if (change.image !== undefined && change.image !== this.#image) return possible;
    const tried = trials.get(change) ?? new Map<Image, Promise<Verdict>>();
    trials.set(change, tried);
    let trial = tried.get(this.#image);
    if (trial === undefined) tried.set(this.#image, (trial = this.#trial(change.services)));
    return trial;
  }

  async #canMove({ image }: Change): Promise<Verdict> {
    if (image !== undefined && image.info.sha256 !== this.#image.info.sha256) {
      const reason = "memory of a guest cannot be kept under another image";
      return { ok: false, code: "SP_MODULE_UNSUPPORTED", reason };
    }
    return this.#guest.eligibility();
  }

  #canReboot(): Verdict {
    const { stdin, stdout, stderr } = this.#parts.options;
    const given = Object.entries({ stdin, stdout, stderr }).find(
      ([, stream]) => stream instanceof ReadableStream || stream instanceof WritableStream,
    );
    if (given === undefined) return { ok: true };
    return { ok: false, code: "SP_CONFIG_INVALID", reason: `its ${given[0]} is a stream that cannot be used again` };
  }

  async #trial(services: URL): Promise<Verdict> {
    const ended = new AbortController();
    const over = new GuestStateError(this.name, "ended", "nothing can be tried for it");
    void this.#guest.exited.then(() => ended.abort(over));
    try {
      await this.#guest.trial({ services, signal: ended.signal });
      return { ok: true };
    } catch (error) {
      const code = error instanceof StillpointError ? error.code : "SP_SERVICES_INVALID";
      return { ok: false, code, reason: (error as Error).message };
    }
  }

  async replace(change: Change, limits: Limits): Promise<Replaced> {
    const before = this.#version;
    const to = { services: change.services ?? before.services, image: change.image ?? before.image };
    const go = change.way === "handover" ? this.#move.bind(this) : this.#reboot.bind(this);
    const blackoutMs = await go(to, limits);
    return { blackoutMs, back: async (back) => ({ blackoutMs: await go(before, back) }) };
  }

  async #move({ services = null }: { services?: URL | null | undefined }, limits: Limits): Promise<number> {
    const { budgetMs, maxImpactMs: blackoutMsMax, signal } = limits;
    const options = { services, budgetMs, blackoutMsMax: Math.min(blackoutMsMax, budgetMs), ...(signal && { signal }) };
    return (await this.#guest.handover(options)).blackoutMs;
  }

  /** Once the guest has been ended nothing is given up any more: it is booted as it should be, or as it was. */
  async #reboot(to: Version, { budgetMs, signal }: Limits): Promise<number> {
    signal?.throwIfAborted();
    const before = this.#version;
    const startedMs = performance.now();
    this.#rebooting = true;
    await this.#guest.terminate();
    try {
      await this.#boot(to, budgetMs);
    } catch (cause) {
      this.#lost = await this.#boot(before, budgetMs).then(
        () => false,
        () => true,
      );
      throw cause;
    } finally {
      this.#rebooting = false;
      // It may have ended meanwhile.
      this.#watch(this.#guest);
      if (this.state !== "running") this.#parts.gone();
    }
    return performance.now() - startedMs;
  }

  async #boot({ services, image }: Version, budgetMs: number): Promise<void> {
    const { services: _, signal: __, ...options } = this.#parts.options;
    const signal = AbortSignal.timeout(budgetMs);
    this.#take(await this.#parts.reboot(image, { ...options, ...(services && { services }), signal }));
    this.#image = image;
  }

  async healthy({ budgetMs, signal }: Pick<Limits, "budgetMs" | "signal">): Promise<boolean> {
    try {
      return await this.#guest.healthy({ budgetMs, ...(signal && { signal }) });
    } catch (error) {
      // One that cannot leave its thread was asked when it was booted, and can be asked no more.
      return error instanceof StillpointError && error.code === "SP_MODULE_UNSUPPORTED";
    }
  }

  passes(health: NonNullable<Update["health"]>, signal: AbortSignal): boolean | Promise<boolean> {
    return health(this.#guest, { signal });
  }
}
