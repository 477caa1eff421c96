/**
 * The page on a live process: guests, their pauses, waves and events of a fleet that `stillpoint serve` runs. What a process cannot
 * show of its guests, their pictures and their memory, is not on it. Without the token it only shows.
 */

import type { FreezeReport, ResumeReport } from "stillpoint";
import { colourOf, type Lane } from "./domains.ts";
import { at, on, say } from "./elements.ts";
import { ask, hear, type LiveFleet, type LiveGuest, type LivePause, type LiveWave } from "./feed.ts";
import { Histogram } from "./histogram.ts";
import { duration, Pauses } from "./pauses.ts";
import { Timeline } from "./timeline.ts";

/** More lanes than this are no picture. */
const LANES_MAX = 32;

const pauses = new Pauses();
const histogram = new Histogram(at("histogram"), pauses);
let timeline: Timeline | undefined;
let shown = "";
let changed = true;
let fleet: LiveFleet | undefined;

const fileOf = (url: string | null): string => url?.split("/").at(-1) ?? "WASI alone";

function lanesOf({ guests }: LiveFleet): Lane[] {
  return guests.slice(0, LANES_MAX).map(({ name, updateDomain }) => ({ name, colour: colourOf(updateDomain ?? 0) }));
}

/** The lanes are those of the guests; when these change, the timeline is made again. */
function showLanes(fleet: LiveFleet): void {
  const lanes = lanesOf(fleet);
  const key = JSON.stringify(lanes);
  if (key === shown) return;
  shown = key;
  const spanS = timeline?.spanS;
  at("timeline").replaceChildren();
  timeline = new Timeline(at("timeline"), lanes, pauses);
  if (spanS !== undefined) timeline.spanS = spanS;
  const more = fleet.guests.length - lanes.length;
  at("lanes").textContent = more > 0 ? `The first ${lanes.length} guests; ${more} more have no lane.` : "";
}

function element(tag: string, textContent: string): HTMLElement {
  return Object.assign(document.createElement(tag), { textContent });
}

function cardOf({ name, state, set, updateDomain, services, memoryBytes }: LiveGuest): HTMLElement {
  const card = document.createElement("article");
  card.className = "card";
  card.style.setProperty("--domain", colourOf(updateDomain ?? 0));
  Object.assign(card.dataset, { guest: name, state, services: fileOf(services) });
  const memory = memoryBytes === null ? "" : `, ${(memoryBytes / 2 ** 20).toFixed(1)} MiB`;
  const place = updateDomain === null ? "no domain" : `${set}, domain ${updateDomain}`;
  card.append(element("h3", name), element("p", `${place}, ${fileOf(services)}, ${state}${memory}`));
  return card;
}

function waveRow({ wave, kind, services, state, held, updateDomain, report, error }: LiveWave): HTMLElement {
  const row = document.createElement("tr");
  const now = state === "ended" ? (report?.outcome ?? error?.code ?? state) : held ? `${state}, held` : state;
  const cells = [wave, kind, fileOf(services), now, updateDomain === null ? "" : `${updateDomain}`];
  row.append(...cells.map((text) => element("td", text)));
  return row;
}

function showFleet(now: LiveFleet): void {
  fleet = now;
  showLanes(now);
  at("guests").replaceChildren(...now.guests.map(cardOf));
  at("waves").replaceChildren(...now.waves.toReversed().map(waveRow));
  at("document").textContent = JSON.stringify(now.document, null, 2);
  const guest = at<HTMLSelectElement>("guest");
  const names = now.guests.map(({ name }) => name);
  if (names.join("\n") !== Array.from(guest.options, ({ value }) => value).join("\n")) {
    const { value } = guest;
    guest.replaceChildren(...names.map((name) => new Option(name)));
    if (names.includes(value)) guest.value = value;
  }
  at("controls").hidden = !now.control;
  at("read-only").hidden = now.control;
}

function showPauses(ended: readonly LivePause[]): void {
  const offset = performance.now() - Date.now();
  for (const { endedAt, ...pause } of ended) pauses.add({ ...pause, atMs: endedAt + offset });
  changed = true;
}

function control(): void {
  const order = <T>(path: string, body?: object): Promise<T> => ask<T>(at<HTMLInputElement>("token").value, path, body);
  const chosen = (): string => at<HTMLSelectElement>("guest").value;
  // It is a form for password managers alone.
  at("who").addEventListener("submit", (event) => event.preventDefault());
  on("freeze", "click", async () => {
    const name = chosen();
    const { how, timeToSafepointMs } = await order<FreezeReport>(`guests/${encodeURIComponent(name)}/freeze`);
    say(`${name} stands still (${how}), ${duration(timeToSafepointMs)} after it was asked to.`);
  });
  on("resume", "click", async () => {
    const name = chosen();
    const { held, blackoutMs } = await order<ResumeReport>(`guests/${encodeURIComponent(name)}/resume`);
    say(held > 0 ? `${name} is held ${held} times more.` : `${name} stood still for ${duration(blackoutMs)}.`);
  });
  on("update", "click", async () => {
    const services = at<HTMLInputElement>("services").value;
    const noticeMs = Number(at<HTMLInputElement>("notice").value) * 1000;
    const { wave } = await order<LiveWave>("waves", { services, noticeMs });
    say(`wave ${wave} has begun.`);
  });
  on("approve", "click", async () => {
    const ids = (fleet?.document.Events ?? []).map(({ EventId }) => EventId);
    for (const id of ids) await order(`events/${id}/approve`);
    say(ids.length === 0 ? "nothing is planned." : "approved.");
  });
  on("cancel", "click", async () => {
    const under = (fleet?.waves ?? []).filter(({ state }) => state !== "ended");
    for (const { wave } of under) await order(`waves/${wave}/cancel`);
    say(under.length === 0 ? "no wave is under way." : "called off.");
  });
}

on("span", "change", () => {
  if (timeline !== undefined) timeline.spanS = Number(at<HTMLSelectElement>("span").value);
});
control();
addEventListener("resize", () => {
  timeline?.resize();
  histogram.resize();
});
hear({
  fleet: showFleet,
  pauses: showPauses,
  connected: (is) => {
    at("connection").textContent = is ? "Live." : "The process does not answer; this is what it last said.";
  },
});

/** Plots are drawn no more often than this, ms. */
const PLOT_MS = 50;
/** The histogram is drawn no more often than this, ms: what it shows is sorted each time. */
const COUNT_MS = 200;
/** Where motion is not wanted, pictures change no more often than this, ms. */
const CALM_MS = 1000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let drawnMs = 0;
let countedMs = 0;
function frame(nowMs: number): void {
  requestAnimationFrame(frame);
  if (nowMs - drawnMs < (calm.matches ? CALM_MS : PLOT_MS)) return;
  drawnMs = nowMs;
  timeline?.update();
  if (!changed || nowMs - countedMs < COUNT_MS) return;
  changed = false;
  countedMs = nowMs;
  histogram.update();
  histogram.showFigures(at("figures"));
}
requestAnimationFrame(frame);
