/**
 * The page: guests that paint, and everything one can do to them. Each part of it is a file; here they are put together, and the
 * controls say what they do.
 */

import { capabilities, type MissingCapability, type Wave } from "stillpoint";
import { Cards } from "./cards.ts";
import { at, on, say } from "./elements.ts";
import { Histogram } from "./histogram.ts";
import { PageMap } from "./page-map.ts";
import { type Painter, Painters, SET, servicesOf } from "./painters.ts";
import { duration, Pauses } from "./pauses.ts";
import { References } from "./references.ts";
import { Timeline } from "./timeline.ts";

/** Pauses of a storm are this far apart, ms. */
const STORM_APART_MS = 4;
/** Written pages are asked for, and references measured, this often, ms. */
const LOOK_MS = 500;
const MEASURE_MS = 10_000;
/** Plots are drawn no more often than this, ms: where no graphics processor does it, that is most of what the page's thread has to do. */
const PLOT_MS = 50;
/** The histogram is drawn no more often than this, ms: what it shows is sorted each time. */
const COUNT_MS = 200;
/** Where motion is not wanted, pictures change no more often than this, ms. */
const CALM_MS = 1000;

function showMissing(missing: readonly MissingCapability[]): void {
  at("unsupported").hidden = false;
  at("reasons").replaceChildren(
    ...missing.map(({ name, reason }) =>
      Object.assign(document.createElement("li"), { textContent: `${name}: ${reason}` }),
    ),
  );
}

async function open(): Promise<void> {
  const { ok, missing } = await capabilities();
  if (!ok) return showMissing(missing);
  at("live").hidden = false;
  say("preparing, and starting a dozen guests …");
  const painters = await Painters.open();
  new Page(painters);
  say("all of them run.");
}

class Page {
  readonly #painters: Painters;
  readonly #pauses = new Pauses();
  readonly #cards: Cards;
  readonly #timeline: Timeline;
  readonly #histogram: Histogram;
  readonly #map: PageMap;
  readonly #references = new References();
  #chosen: Painter;
  #storming = false;
  #wave: Wave | undefined;
  #changed = true;
  #plottedMs = 0;
  #countedMs = 0;

  constructor(painters: Painters) {
    this.#painters = painters;
    this.#chosen = painters.all[0]!;
    for (const { guest } of painters.all) this.#pauses.watch(guest);
    this.#pauses.addEventListener("pause", () => void (this.#changed = true));
    this.#cards = new Cards(at("guests"), painters.all);
    this.#timeline = new Timeline(at("timeline"), painters.all, this.#pauses);
    this.#histogram = new Histogram(at("histogram"), this.#pauses);
    this.#map = new PageMap(at<HTMLCanvasElement>("pages"));
    at<HTMLSelectElement>("guest").append(...painters.all.map(({ name }) => new Option(name)));
    this.#control();
    this.#choose(this.#chosen);
    for (const type of ["scheduled", "started", "completed", "canceled"] as const) {
      painters.fleet.events.addEventListener(type, () => this.#showDocument());
    }
    this.#showDocument();
    addEventListener("resize", () => {
      this.#timeline.resize();
      this.#histogram.resize();
    });
    void this.#measure();
    setInterval(() => void this.#measure(), MEASURE_MS);
    setInterval(() => void this.#look(), LOOK_MS);
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let shownMs = 0;
    const frame = (nowMs: number): void => {
      requestAnimationFrame(frame);
      if (calm.matches && nowMs - shownMs < CALM_MS) return;
      shownMs = nowMs;
      this.#show(nowMs);
    };
    requestAnimationFrame(frame);
  }

  // ---- what is shown ----

  #show(nowMs: number): void {
    for (const { name } of this.#cards.update()) this.#pauses.painted(name);
    if (nowMs - this.#plottedMs < PLOT_MS) return;
    this.#plottedMs = nowMs;
    this.#timeline.update();
    const { pages, dirty, filled } = this.#map.update(this.#chosen.guest.memory);
    at("pages-text").textContent = `${pages} pages: ${dirty} written, ${filled} others not zero`;
    if (!this.#changed || nowMs - this.#countedMs < COUNT_MS) return;
    this.#changed = false;
    this.#countedMs = nowMs;
    this.#histogram.update();
    this.#histogram.showFigures(at("figures"));
  }

  #showDocument(): void {
    at("document").textContent = JSON.stringify(this.#painters.fleet.events.document(undefined, { set: SET }), null, 2);
  }

  async #look(): Promise<void> {
    const { guest } = this.#chosen;
    if (!at<HTMLInputElement>("track").checked || guest.state === "frozen") return;
    // One that has just ended has nothing to say.
    const report = await guest.dirty({ clear: true }).catch(() => undefined);
    if (report !== undefined && guest === this.#chosen.guest) this.#map.dirty(report);
  }

  async #measure(): Promise<void> {
    const references = await this.#references.measure(this.#chosen.guest.memory);
    this.#histogram.references = references;
    this.#changed = true;
    at("references").replaceChildren(
      ...references.map(({ name, ms, source }) => {
        const row = document.createElement("tr");
        for (const textContent of [name, duration(ms), source]) {
          row.append(Object.assign(document.createElement("td"), { textContent }));
        }
        return row;
      }),
    );
  }

  #choose(painter: Painter): void {
    this.#chosen = painter;
    this.#cards.choose(painter);
    this.#map.reset();
    at<HTMLSelectElement>("guest").value = painter.name;
    at<HTMLSelectElement>("memory").value = `${painter.memoryMib}`;
    at<HTMLSelectElement>("clock").value = painter.clock;
  }

  // ---- what can be done ----

  #control(): void {
    on("guest", "change", () => {
      const { value } = at<HTMLSelectElement>("guest");
      this.#choose(this.#painters.all.find(({ name }) => name === value)!);
    });
    on("freeze", "click", async () => {
      const { how, timeToSafepointMs } = await this.#chosen.guest.freeze();
      say(`${this.#chosen.name} stands still (${how}), ${duration(timeToSafepointMs)} after it was asked to.`);
    });
    on("resume", "click", async () => {
      const { held, blackoutMs } = await this.#chosen.guest.resume();
      say(
        held > 0
          ? `${this.#chosen.name} is held ${held} times more.`
          : `${this.#chosen.name} stood still for ${duration(blackoutMs)}.`,
      );
    });
    on("handover", "click", async () => {
      const { blackoutMs, frames } = await this.#chosen.guest.handover();
      say(
        `${this.#chosen.name} is in another Worker, ${frames} frames deep; it stood still for ${duration(blackoutMs)}.`,
      );
    });
    on("storm", "click", () => this.#storm());
    on("restart", "click", async () => {
      const painter = this.#chosen;
      const memoryMib = Number(at<HTMLSelectElement>("memory").value);
      const clock = at<HTMLSelectElement>("clock").value as Painter["clock"];
      await this.#painters.restart(painter, { memoryMib, clock });
      this.#pauses.watch(painter.guest);
      if (painter === this.#chosen) this.#choose(painter);
      say(`${painter.name} has started again with ${memoryMib} MiB.`);
      await this.#measure();
    });
    on("span", "change", () => {
      this.#timeline.spanS = Number(at<HTMLSelectElement>("span").value);
    });
    on("update", "click", () => this.#update());
    on("approve", "click", () => {
      const events = this.#painters.fleet.events.list({ set: SET });
      this.#painters.fleet.events.approve(events.map(({ id }) => id));
      say(events.length === 0 ? "nothing is planned." : "approved.");
    });
    on("cancel", "click", () => {
      say(this.#wave === undefined ? "no wave is under way." : "the wave is called off.");
      this.#wave?.cancel();
    });
  }

  async #storm(): Promise<void> {
    this.#storming = !this.#storming;
    at("storm").setAttribute("aria-pressed", String(this.#storming));
    say(this.#storming ? "every guest is frozen again and again, wherever it is." : "the storm is over.");
    const { all } = this.#painters;
    for (let turn = 0; this.#storming; turn++) {
      const { guest } = all[turn % all.length]!;
      // One that is held, moves or has just been ended is passed over.
      if (guest.state !== "frozen") {
        await guest.withFrozen(() => undefined).catch(() => undefined);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * STORM_APART_MS));
    }
  }

  async #update(): Promise<void> {
    const { fleet, all } = this.#painters;
    const sick = at<HTMLInputElement>("sick").checked;
    const now = all[0]!.guest.services?.href;
    const next = now === servicesOf("v2").href ? "v1" : "v2";
    const noticeMs = Number(at<HTMLInputElement>("notice").value) * 1000;
    const services = servicesOf(sick ? "sick" : next);
    const description = sick ? "A version that is not well." : `Version ${next} of the services.`;
    say("the wave is planned …");
    this.#wave = fleet.update({ services, sets: [SET], noticeMs, description });
    try {
      const { outcome, guests } = await this.#wave.result;
      const updated = guests.filter(({ outcome }) => outcome === "updated").length;
      const back = guests.filter(({ outcome }) => outcome === "rolledBack").length;
      say(`the wave is ${outcome}: ${updated} guests updated, ${back} gone back to what they had.`);
    } finally {
      this.#wave = undefined;
    }
  }
}

await open();
