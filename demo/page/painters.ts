/**
 * The page's guests: twelve painters of one set in four update domains, all of one image. Their frames arrive on a channel from
 * whatever Worker they are in at the moment, and each is checked to be the one after the last.
 */

import { type BootOptions, Fleet, type Guest, type Image, prepare } from "stillpoint";
import { colourOf } from "./domains.ts";

export const SET = "painters";
export const UPDATE_DOMAINS = 4;

const KINDS = ["counter", "life", "particles", "mandelbrot"] as const;
/** Guests of each kind. */
const EACH = 3;
const GUESTS = EACH * KINDS.length;
const MEMORY_MIB = 16;

/** Between two frames. The mandelbrot is never done early. */
const REST_MS = 60;

export interface Frame {
  readonly guest: string;
  readonly services: string;
  readonly run: number;
  readonly frame: number;
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  /** The guest's own monotonic clock. */
  readonly clockMs: number;
}

export interface Painter {
  readonly name: string;
  readonly kind: (typeof KINDS)[number];
  readonly colour: string;
  readonly updateDomain: number;
  /** How often it has been started. */
  run: number;
  guest: Guest;
  memoryMib: number;
  clock: NonNullable<BootOptions["monotonicClock"]>;
  /** The last frame; undefined until the first since it was started. */
  frame: Frame | undefined;
  /** What its clock read then first, ms. */
  clockFromMs: number;
  /** Frames that did not follow the one before. */
  gaps: number;
}

export const servicesOf = (version: "v1" | "v2" | "sick"): URL => new URL(`services/${version}.js`, document.baseURI);

/** A colour as the guests know it: little-endian. */
function pixelOf(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [
    number,
    number,
    number,
  ];
  return (blue << 16) | (green << 8) | red;
}

export class Painters {
  readonly fleet: Fleet;
  readonly all: readonly Painter[];
  readonly #image: Image;

  private constructor(fleet: Fleet, image: Image, all: readonly Painter[]) {
    this.fleet = fleet;
    this.#image = image;
    this.all = all;
    const channel = new BroadcastChannel("stillpoint frames");
    channel.onmessage = ({ data }) => this.#painted(data as Frame);
  }

  static async open(): Promise<Painters> {
    const response = await fetch(new URL("painter.wasm", document.baseURI));
    const image = await prepare(await response.arrayBuffer(), { track: "marks" });
    const fleet = await Fleet.open({ updateDomainCount: UPDATE_DOMAINS, recoveryMs: 500 });
    const all: Painter[] = [];
    const painters = new Painters(fleet, image, all);
    for (let index = 0; index < GUESTS; index++) {
      const kind = KINDS[Math.floor(index / EACH)]!;
      const updateDomain = index % UPDATE_DOMAINS;
      const painter = {
        name: `${kind}-${(index % EACH) + 1}`,
        kind,
        colour: colourOf(updateDomain),
        updateDomain,
        run: 1,
        memoryMib: MEMORY_MIB,
        clock: "include" as const,
        frame: undefined,
        clockFromMs: 0,
        gaps: 0,
      };
      all.push(Object.assign(painter, { guest: await painters.#boot(painter) }));
    }
    return painters;
  }

  #boot(painter: Omit<Painter, "guest">): Promise<Guest> {
    const { name, kind, colour, updateDomain, run, memoryMib, clock } = painter;
    const rest = kind === "mandelbrot" ? 15 : REST_MS;
    return this.fleet.boot(this.#image, {
      name,
      set: SET,
      updateDomain,
      services: servicesOf("v1"),
      monotonicClock: clock,
      track: "marks",
      args: [KINDS.indexOf(kind), name.length + updateDomain, pixelOf(colour), memoryMib, rest, run].map(String),
    });
  }

  #painted(frame: Frame): void {
    const painter = this.all.find(({ name }) => name === frame.guest);
    // What the guest of that name painted before it was started again may still arrive.
    if (painter === undefined || frame.run !== painter.run) return;
    const before = painter.frame?.frame ?? 0;
    if (frame.frame !== before + 1) painter.gaps++;
    if (painter.frame === undefined) painter.clockFromMs = frame.clockMs;
    painter.frame = frame;
  }

  /** Ends a guest and starts it again, with other memory or another clock. Its picture begins anew: this is no update. */
  async restart(painter: Painter, options: Pick<Painter, "memoryMib" | "clock">): Promise<void> {
    await painter.guest.terminate();
    Object.assign(painter, options, { frame: undefined, run: painter.run + 1 });
    painter.guest = await this.#boot(painter);
  }
}
