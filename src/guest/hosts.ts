/**
 * The hosts of a guest, one after another: which one has it, on what ground and under which services; what they say unasked; and
 * what becomes of the guest when the one that has it dies.
 */

import { IDLE } from "../abi.ts";
import type { Core } from "../core/core.ts";
import { HostLostError } from "../errors.ts";
import type { Thread, ThreadEvents } from "../platform/platform.ts";
import type { Calls } from "./calls.ts";
import type { Freezing } from "./freezing.ts";
import type { Ground } from "./ground.ts";
import { type Life, stateOf } from "./life.ts";
import { failed, HostLink } from "./link.ts";
import type { Failure, FromHost, HostData, ToHost } from "./messages.ts";
import { reattach } from "./reattach.ts";
import { mustCapture, type RecallSide } from "./recall.ts";
import type { Exit } from "./reports.ts";
import { trapError } from "./trap.ts";

/** The number of a guest's first host; later ones count on. */
export const FIRST_HOST = 1;

/** How often an idle guest is attached to a new host without having served a call in between. */
const REATTACH_MAX = 3;

export interface HostsParts {
  readonly name: string;
  readonly core: Core;
  readonly ledger: WebAssembly.Memory;
  readonly freezing: Freezing;
  readonly ground: Ground;
  readonly services: string | undefined;
  /** Starts a Worker for this guest; what differs from host to host is given here. */
  spawn(host: Pick<HostData, "host" | "role" | "services">, ground: Ground, events: ThreadEvents): Thread;
  /** Events that may start, as far as this guest is concerned. */
  approve(ids: readonly string[]): void;
}

export class Hosts {
  readonly #parts: HostsParts;
  readonly #life: Life;
  readonly #calls: Calls;
  readonly #words: Int32Array;
  #current: HostLink | undefined;
  /** Of the last host that was started. */
  #number: number = FIRST_HOST;
  #services: string | undefined;
  #ground: Ground;
  /** How often one of them has died since the last outcome of a call. */
  #reattached = 0;

  constructor(parts: HostsParts, life: Life, calls: Calls) {
    this.#parts = parts;
    this.#life = life;
    this.#calls = calls;
    this.#words = new Int32Array(parts.ledger.buffer);
    this.#services = parts.services;
    this.#ground = parts.ground;
  }

  get services(): string | undefined {
    return this.#services;
  }

  get ground(): Ground {
    return this.#ground;
  }

  /** Whether the services of the present one can say how they are. */
  get examinable(): boolean {
    return this.#current?.examinable === true;
  }

  post(message: ToHost): void {
    this.#current?.post(message);
  }

  boot(): void {
    this.#current = this.#start("boot", this.#services, this.#ground);
  }

  standby(services: string | undefined, ground: Ground): HostLink {
    return this.#start("standby", services, ground);
  }

  #start(role: HostData["role"], services: string | undefined, ground: Ground): HostLink {
    const number = this.#number++;
    const link: HostLink = new HostLink(this.#parts.name, number, ground.maker.modules.length, {
      spawn: (events) => this.#parts.spawn({ host: number, role, services }, ground, events),
      // A host that does not have the guest has nothing to say about it.
      events: {
        message: (message) => {
          if (link === this.#current) this.#receive(message);
        },
        gone: (error) => {
          if (link === this.#current) void this.#gone(link, error);
        },
      },
    });
    return link;
  }

  /** The guest is another host's. */
  moved(to: HostLink, services: string | undefined, ground: Ground): void {
    // Ended in this very moment: the new host goes the way of the old one.
    if (this.#life.ending) void to.terminate();
    this.#current = to;
    this.#services = services;
    this.#ground = ground;
  }

  /** Ends the one that has the guest. */
  async retire(): Promise<void> {
    await this.#current?.terminate();
  }

  recallSide(): RecallSide {
    return {
      guest: this.#parts.name,
      core: this.#parts.core,
      freezing: this.#parts.freezing,
      host: this.#current as HostLink,
      maker: this.#ground.maker,
      words: this.#words,
      hold: () => this.#calls.hold(),
      again: () => this.#calls.again(),
    };
  }

  #receive(message: FromHost): void {
    switch (message.type) {
      case "ready":
        this.#life.booted();
        return;
      case "outcome":
        this.#reattached = 0;
        this.#calls.outcome(message.id, message.outcome);
        this.#life.tell();
        return;
      case "approve":
        this.#parts.approve(message.ids);
        return;
      case "exited":
        void this.#life.end({ kind: "code", code: message.code });
        return;
      case "failed":
        void this.#life.end(this.#failed(message.failure));
        return;
      default:
        // Answers that nobody waits for any longer.
        return;
    }
  }

  #failed(failure: Failure): Exit {
    const { name } = this.#parts;
    const trapped = failure.code === "SP_GUEST_TRAP";
    return { kind: "failed", error: trapped ? trapError(name, this.#ground.image, failure) : failed(name, failure) };
  }

  /** The Worker is gone without having said how the guest ended. */
  async #gone(host: HostLink, error: Error | undefined): Promise<void> {
    // Nothing else moves the state word now.
    const was = this.#parts.core.bury();
    const why = error === undefined ? "its Worker ended" : error.message;
    let cause: unknown = error;
    if (was === IDLE && !this.#life.booting && ++this.#reattached <= REATTACH_MAX) {
      try {
        return await this.#reattach(host);
      } catch (thrown) {
        cause = thrown;
      }
    }
    const lost = new HostLostError(this.#parts.name, `${why}; the guest was ${stateOf(was) ?? "ended"}`, { cause });
    await this.#life.end({ kind: "failed", error: lost });
  }

  async #reattach(host: HostLink): Promise<void> {
    mustCapture(this.#ground.image, this.#parts.name);
    this.#calls.hold();
    await this.#life.alone(async () => {
      // A handover that was under way has brought it to another.
      if (host !== this.#current) return;
      await reattach({
        ...this.recallSide(),
        startStandby: () => this.standby(this.#services, this.#ground),
        moved: (to) => this.moved(to, this.#services, this.#ground),
        underWay: () => this.#calls.underWay,
        lost: (error) => this.#calls.lost(error),
      });
    });
  }
}
