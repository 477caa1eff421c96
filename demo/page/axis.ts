/** How the axes of the page's plots look: in the colour of its text. */

import type uPlot from "uplot";

export function axisStyle(): Pick<uPlot.Axis, "stroke" | "grid"> {
  const stroke = getComputedStyle(document.documentElement).getPropertyValue("color");
  return { stroke, grid: { stroke: "rgb(128 128 128 / 0.25)", width: 1 } };
}
