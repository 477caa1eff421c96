/**
 * How long the last pauses were, on a logarithmic axis from a microsecond to a minute, and what else takes how long on the same axis:
 * measured on this machine where that can be, quoted with its source where not.
 */

import uPlot from "uplot";
import { axisStyle } from "./axis.ts";
import { duration, type Pauses, quantile } from "./pauses.ts";

export interface Reference {
  readonly name: string;
  readonly ms: number;
  readonly source: string;
}

const HEIGHT = 260;
/** Bins for each power of ten. */
const PER_DECADE = 8;
const DECADES = { from: -3, to: 5 };
const BINS = (DECADES.to - DECADES.from) * PER_DECADE;

const middleOf = (bin: number): number => 10 ** (DECADES.from + (bin + 0.5) / PER_DECADE);

export class Histogram {
  readonly #plot: uPlot;
  readonly #pauses: Pauses;
  readonly #target: HTMLElement;
  references: readonly Reference[] = [];

  constructor(target: HTMLElement, pauses: Pauses) {
    this.#target = target;
    this.#pauses = pauses;
    const axis = axisStyle();
    const style = getComputedStyle(document.documentElement);
    this.#plot = new uPlot(
      {
        width: target.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false, distr: 3, range: [10 ** DECADES.from, 10 ** DECADES.to] },
          y: { range: (_, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] },
        },
        axes: [
          { ...axis, values: (_, splits) => splits.map((ms) => (ms === null ? "" : duration(ms))) },
          { ...axis, size: 48 },
        ],
        series: [
          {},
          {
            fill: style.getPropertyValue("--blackout"),
            paths: uPlot.paths.bars!({ size: [0.9] }),
            points: { show: false },
          },
        ],
        hooks: { draw: [(plot) => this.#drawReferences(plot)] },
      },
      [Array.from({ length: BINS }, (_, bin) => middleOf(bin)), new Array<number>(BINS).fill(0)],
      target,
    );
  }

  resize(): void {
    this.#plot.setSize({ width: this.#target.clientWidth, height: HEIGHT });
  }

  update(): void {
    const counts = new Array<number>(BINS).fill(0);
    for (const { blackoutMs } of this.#pauses.kept) {
      const bin = Math.floor((Math.log10(Math.max(blackoutMs, 1e-9)) - DECADES.from) * PER_DECADE);
      counts[Math.min(Math.max(bin, 0), BINS - 1)]!++;
    }
    this.#plot.setData([this.#plot.data[0], counts]);
  }

  /** As terms of a list and what is said of each. */
  showFigures(target: HTMLElement): void {
    target.replaceChildren(
      ...this.figures().map(([name, text]) => {
        const row = document.createElement("div");
        row.append(
          Object.assign(document.createElement("dt"), { textContent: name }),
          Object.assign(document.createElement("dd"), { textContent: text, id: `figure-${name}` }),
        );
        return row;
      }),
    );
  }

  /** p50, p99 and the longest. */
  figures(): readonly (readonly [name: string, text: string])[] {
    const sorted = this.#pauses.sorted();
    const of = (share: number): string => (sorted.length === 0 ? "–" : duration(quantile(sorted, share)!));
    return [
      ["pauses", `${this.#pauses.count}`],
      ["p50", of(0.5)],
      ["p99", of(0.99)],
      ["max", of(1)],
    ];
  }

  #drawReferences(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const style = getComputedStyle(document.documentElement);
    ctx.save();
    ctx.strokeStyle = style.getPropertyValue("--accent");
    ctx.fillStyle = style.getPropertyValue("color");
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.setLineDash([4, 4]);
    for (const [index, { name, ms }] of this.references.entries()) {
      const x = plot.valToPos(ms, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(name, x + 4, bbox.top + (12 + 14 * (index % 6)) * devicePixelRatio);
    }
    ctx.restore();
  }
}
