/**
 * One lane for each guest: how long it took to a safepoint, how long nothing was executed, how long until the next frame, to scale.
 * uPlot has the axes and the zoom; the bars are painted in its hook, at least two points wide so that a microsecond is seen.
 */

import uPlot from "uplot";
import { axisStyle } from "./axis.ts";
import type { Lane } from "./domains.ts";
import type { Pause, Pauses } from "./pauses.ts";

const HEIGHT = 340;
const WIDTH_MIN = 2;
const LANE_SHARE = 0.62;

export class Timeline {
  readonly #plot: uPlot;
  readonly #lanes: readonly Lane[];
  readonly #pauses: Pauses;
  readonly #target: HTMLElement;
  /** Set while somebody looks closer: then time stands still. */
  #zoomed = false;
  spanS = 30;

  constructor(target: HTMLElement, all: readonly Lane[], pauses: Pauses) {
    this.#target = target;
    this.#lanes = all;
    this.#pauses = pauses;
    const axis = axisStyle();
    this.#plot = new uPlot(
      {
        width: target.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { drag: { x: true, y: false }, points: { show: false } },
        scales: { x: { time: false }, y: { range: [-0.5, all.length - 0.5], dir: -1 } },
        axes: [
          { ...axis, values: (_, splits) => splits.map((s) => `${Number(s.toPrecision(7))} s`) },
          {
            ...axis,
            size: 96,
            splits: () => all.map((_, lane) => lane),
            values: (_, splits) => splits.map((lane) => all[lane]?.name ?? ""),
          },
        ],
        series: [{}, { show: true, paths: () => null, points: { show: false } }],
        hooks: { draw: [(plot) => this.#draw(plot)], setSelect: [() => void (this.#zoomed = true)] },
      },
      [[], []],
      target,
    );
    this.#plot.over.addEventListener("dblclick", () => void (this.#zoomed = false));
  }

  resize(): void {
    this.#plot.setSize({ width: this.#target.clientWidth, height: HEIGHT });
  }

  /** Moves on to the present, unless somebody looks closer. */
  update(): void {
    if (this.#zoomed) return;
    const now = performance.now() / 1000;
    this.#plot.setData(
      [
        [now - this.spanS, now],
        [null, null],
      ],
      false,
    );
    this.#plot.setScale("x", { min: now - this.spanS, max: now });
  }

  #draw(plot: uPlot): void {
    const { ctx } = plot;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(`--${name}`);
    const [from, to] = [plot.scales.x!.min! * 1000, plot.scales.x!.max! * 1000];
    const lanes = new Map(this.#lanes.map(({ name }, lane) => [name, lane]));
    const height = Math.abs(plot.valToPos(1, "y", true) - plot.valToPos(0, "y", true)) * LANE_SHARE;
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    const bar = (fill: string, lane: number, fromMs: number, toMs: number): void => {
      const x = plot.valToPos(fromMs / 1000, "x", true);
      const width = Math.max(plot.valToPos(toMs / 1000, "x", true) - x, WIDTH_MIN);
      ctx.fillStyle = fill;
      ctx.fillRect(x, plot.valToPos(lane, "y", true) - height / 2, width, height);
    };
    for (const { name, colour: fill } of this.#lanes) {
      const y = plot.valToPos(lanes.get(name)!, "y", true);
      ctx.fillStyle = fill;
      ctx.fillRect(plot.bbox.left, y - 1, plot.bbox.width, 2);
    }
    const colours = {
      safepoint: colour("safepoint"),
      recovery: colour("recovery"),
      freeze: colour("blackout"),
      handover: colour("handover"),
    };
    for (let index = firstSince(this.#pauses.kept, from); index < this.#pauses.kept.length; index++) {
      const { guest, kind, atMs, safepointMs, blackoutMs, recoveredMs } = this.#pauses.kept[index]!;
      const begunMs = atMs - blackoutMs;
      if (begunMs - safepointMs > to) break;
      const lane = lanes.get(guest);
      if (lane === undefined) continue;
      if (recoveredMs !== undefined) bar(colours.recovery, lane, atMs, atMs + recoveredMs);
      bar(colours.safepoint, lane, begunMs - safepointMs, begunMs);
      bar(colours[kind], lane, begunMs, atMs);
    }
    ctx.restore();
  }
}

/** They end in the order in which they are kept. */
function firstSince(pauses: readonly Pause[], sinceMs: number): number {
  let [low, high] = [0, pauses.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pauses[middle]!.atMs < sinceMs - 2000) low = middle + 1;
    else high = middle;
  }
  return low;
}
