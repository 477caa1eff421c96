/**
 * Guests at work that are frozen and resumed turn by turn: the same code on Node and in a page, and so without anything that only one
 * of them has. Between its turns a guest is frozen.
 */

import { Fleet, type FreezeReport, type Guest, Image } from "../../dist/index.js";

/** Longest time between a resume and the next freeze, ms: a timer, because a page may not block. */
const APART_MS_MAX = 8;
/** The guest runs this long at first: its code is optimised by then. */
const WARM_UP_MS = 1000;
const BUDGET_MS = 10_000;

export const SUBJECTS = ["tight loop", "QuickJS, loop"] as const;
export type Subject = (typeof SUBJECTS)[number];

/** Prepared modules, as bytes. */
export type Images = Readonly<Record<Subject, Uint8Array<ArrayBuffer>>>;

/** What one freeze and its resume reported, ms. */
export interface Pause {
  readonly how: FreezeReport["how"];
  readonly safepointMs: number;
  readonly blackoutMs: number;
}

const QUICKJS_LOOP = `
  const table = new Map();
  for (;;) for (let i = 0; i < 2000; i++) {
    const key = "k" + (i * 7919) % 1009;
    table.set(key, (table.get(key) ?? 0) + key.split("").length);
  }`;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls that only end with the guest. */
const FOREVER: Readonly<Record<Subject, (guest: Guest) => Promise<unknown>>> = {
  "tight loop": (guest) => guest.call("spin"),
  "QuickJS, loop": (guest) => guest.call("evaluate", [QUICKJS_LOOP]),
};

export class Pauses implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #guests: ReadonlyMap<Subject, Guest>;

  constructor(fleet: Fleet, guests: ReadonlyMap<Subject, Guest>) {
    this.#fleet = fleet;
    this.#guests = guests;
  }

  static async open(images: Images): Promise<Pauses> {
    const fleet = await Fleet.open();
    const guests = new Map<Subject, Guest>();
    for (const name of SUBJECTS) {
      const services =
        name === "tight loop" ? {} : { services: new URL("../../demo/quickjs.services.js", import.meta.url) };
      const guest = await fleet.boot(Image.open(images[name]), { name, ...services });
      FOREVER[name](guest).catch(() => undefined);
      await sleep(WARM_UP_MS);
      await guest.freeze({ budgetMs: BUDGET_MS });
      guests.set(name, guest);
    }
    return new Pauses(fleet, guests);
  }

  /** So many pauses, at moments that have nothing to do with what the guest does. `draw` gives numbers from 0 up to 1. */
  async turn(subject: Subject, count: number, draw: () => number): Promise<Pause[]> {
    const guest = this.#guests.get(subject)!;
    const pauses: Pause[] = [];
    await guest.resume();
    while (pauses.length < count) {
      await sleep(draw() * APART_MS_MAX);
      const { how, timeToSafepointMs, guestBytesCopied } = await guest.freeze({ budgetMs: BUDGET_MS });
      const { blackoutMs } = await guest.resume();
      if (guestBytesCopied > 0) throw new Error(`${subject}: ${guestBytesCopied} bytes of guest memory were copied`);
      pauses.push({ how, safepointMs: timeToSafepointMs, blackoutMs });
    }
    await guest.freeze({ budgetMs: BUDGET_MS });
    return pauses;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#fleet[Symbol.asyncDispose]();
  }
}
