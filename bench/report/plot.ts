/**
 * Draws a plot as SVG text. echarts lays it out, without a document to draw in. Colours are the page's own custom properties, so that
 * one picture is right in the light and in the dark; series differ by lightness, and lines by their marks and dashes, too.
 *
 * Bars lie on their sides, because the names under them are long.
 */

import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent } from "echarts/components";
import { init, setPlatformAPI, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { Axis, Plot, Series } from "../support/question.ts";

use([BarChart, LineChart, GridComponent, LegendComponent, SVGRenderer]);

/** The page shows it at most this wide, and at least about two thirds of it. */
const WIDTH = 520;
const FONT = { fontFamily: "system-ui, sans-serif", fontSize: 13, color: "var(--ink)" };
/** Widths of letters and of lines, by the size of the font. */
const LETTER = 0.58;
const LINE = 1.1;

// Without a document there is nothing to measure text with. A little too wide hurts less than what overlaps; and by a wide
// character lines are set apart.
setPlatformAPI({
  measureText: (text, font = "") => {
    const size = Number(/([\d.]+)px/.exec(font)?.[1] ?? FONT.fontSize);
    return { width: size * [...text].reduce((sum, character) => sum + (character > "\u2e80" ? LINE : LETTER), 0) };
  },
});

/** As many as page.css has colours. */
const SERIES_MAX = 8;
/** The one repeats after four, the other after three: twelve lines look different without their colours. */
const MARKS = ["circle", "rect", "triangle", "diamond"] as const;
const DASHES = ["solid", "dashed", "dotted"] as const;
const BAR = 11;
const NAME_WIDTH = 170;

/** Three digits, and a letter for the thousands: beside a bar there is little room. */
function numberText(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return `${Number(value.toPrecision(3))}`;
}

function numbers({ series }: Plot, coordinate: 0 | 1): number[] {
  return series.flatMap(({ points }) => points.map((point) => Number(point[coordinate])));
}

/** Where a logarithmic axis begins: at the decade below the least value, and a bar of that needs some length to be seen. */
function decadeBelow(values: readonly number[], margin: number): number {
  return 10 ** Math.floor(Math.log10(Math.min(...values)) - margin);
}

function valueAxis({ title, logarithmic }: Axis, values: readonly number[], margin: number) {
  const positive = values.filter((value) => value > 0);
  return {
    type: logarithmic ? ("log" as const) : ("value" as const),
    name: title,
    nameLocation: "middle" as const,
    nameGap: 28,
    nameTextStyle: FONT,
    axisLabel: { ...FONT, formatter: numberText, hideOverlap: true },
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: "var(--line)" } },
    ...(logarithmic &&
      positive.length > 0 && { min: decadeBelow(positive, margin), startValue: decadeBelow(positive, margin) }),
  };
}

const colour = (index: number): string => `var(--series-${(index % SERIES_MAX) + 1})`;

function legend({ series }: Plot) {
  const names = series.map(({ name }) => name);
  return {
    show: names.length > 1,
    top: 0,
    left: 0,
    width: WIDTH,
    itemWidth: 18,
    itemHeight: 10,
    itemGap: 14,
    textStyle: FONT,
    data: names,
  };
}

/** Lines that the legend takes, about. */
function legendHeight({ series }: Plot): number {
  if (series.length < 2) return 0;
  const width = series.reduce((sum, { name }) => sum + 40 + name.length * 7.5, 0);
  return 24 * Math.ceil(width / WIDTH);
}

function bars(plot: Plot) {
  const names = [...new Set(plot.series.flatMap(({ points }) => points.map(([name]) => String(name))))];
  const values = numbers(plot, 1);
  const longest = Math.max(...names.map(({ length }) => length)) * LETTER * FONT.fontSize;
  // Lines break at words, which leaves some of their width empty.
  const perName = Math.max(
    plot.series.length * (BAR + 2),
    Math.ceil((1.2 * longest) / NAME_WIDTH) * LINE * FONT.fontSize,
  );
  const top = legendHeight(plot) + 6;
  const of = ({ points }: Series) => new Map(points.map(([name, value]) => [String(name), value]));
  return {
    height: top + names.length * (perName + 10) + 50,
    option: {
      grid: { top, bottom: 46, left: NAME_WIDTH + 10, right: 52 },
      legend: legend(plot),
      xAxis: valueAxis(plot.y, values, 0.05),
      yAxis: {
        type: "category" as const,
        data: names,
        inverse: true,
        axisLabel: { ...FONT, width: NAME_WIDTH, overflow: "break" as const, interval: 0 },
        axisLine: { lineStyle: { color: "var(--line)" } },
        axisTick: { show: false },
      },
      series: plot.series.map((series, index) => ({
        type: "bar" as const,
        name: series.name,
        barWidth: BAR,
        barGap: "18%",
        itemStyle: { color: colour(index) },
        label: {
          show: true,
          position: "right" as const,
          ...FONT,
          fontSize: 11,
          formatter: ({ value }: { value: unknown }) => (typeof value === "number" ? numberText(value) : ""),
        },
        emphasis: { disabled: true },
        data: names.map((name) => of(series).get(name) ?? "-"),
      })),
    },
  };
}

function lines(plot: Plot) {
  const top = legendHeight(plot) + 12;
  const wide = numbers(plot, 1).map(numberText);
  return {
    height: top + 300,
    option: {
      grid: { top, bottom: 46, left: 34 + 8 * Math.max(...wide.map(({ length }) => length), 3), right: 24 },
      legend: legend(plot),
      xAxis: {
        ...valueAxis(plot.x, numbers(plot, 0), 0),
        axisLine: { show: true, lineStyle: { color: "var(--line)" } },
      },
      yAxis: {
        ...valueAxis(plot.y, numbers(plot, 1), 0),
        nameGap: 14 + 8 * Math.max(...wide.map(({ length }) => length), 3),
      },
      series: plot.series.map((series, index) => ({
        type: "line" as const,
        name: series.name,
        symbol: MARKS[index % MARKS.length]!,
        symbolSize: 8,
        lineStyle: { color: colour(index), width: 2, type: DASHES[index % DASHES.length]! },
        itemStyle: { color: colour(index) },
        emphasis: { disabled: true },
        data: series.points.map(([x, y]) => [Number(x), y]),
      })),
    },
  };
}

/** Without what only a script would look at, and small. */
function bare(svg: string): string {
  return (
    svg
      .replaceAll(/ (?:ecmeta_\w+|class|pointer-events)="[^"]*"/g, "")
      .replaceAll(/<style\s*>.*?<\/style>/gs, "")
      // What only a pointer could meet.
      .replaceAll(/<(?:path|rect)[^>]*(?: stroke-width="0"| fill="none")><\/(?:path|rect)>/g, "")
      .replaceAll(/font-family:[^;]*;/g, "")
      .replaceAll(/ (?:d|transform)="[^"]*"/g, (place) => place.replaceAll(/(\d\.\d)\d+/g, "$1"))
      .replace(/ width="\d+" height="\d+"/, "")
      .replaceAll(/\n+/g, "\n")
  );
}

export function plotSvg(plot: Plot): string {
  const { height, option } = plot.kind === "bars" ? bars(plot) : lines(plot);
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  try {
    chart.setOption({ animation: false, textStyle: FONT, ...option });
    return bare(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}
