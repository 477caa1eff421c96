/** What is said of a figure: its value, whether it holds its bar, how far it varies, and whether it can be quoted at all. */

import type { Cell, Column, Figure } from "../support/question.ts";

/** A figure with an A/A spread above this is marked. */
export const NOISE_MAX = 1.1;

export type Verdict = "held" | "MISSED";

/** Undefined where there is no bar. */
export function verdictOf({ value, atMost, atLeast }: Figure): Verdict | undefined {
  if (atMost === undefined && atLeast === undefined) return undefined;
  // A value that is no number holds nothing.
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY)
    ? "held"
    : "MISSED";
}

/** Whether another way to the same end was the better one. */
export function lost({ against, value }: Figure): boolean {
  return against !== undefined && !(value <= 1);
}

export function valueText({ value, unit }: Pick<Figure, "value" | "unit">): string {
  if (!Number.isFinite(value)) return "no number";
  return `${Number(value.toPrecision(3))} ${unit}`.trimEnd();
}

export function barText({ atMost, atLeast, unit }: Figure): string {
  if (atMost !== undefined) return `at most ${valueText({ value: atMost, unit })}`;
  return atLeast === undefined ? "" : `at least ${valueText({ value: atLeast, unit })}`;
}

export function noiseText({ noise }: Pick<Figure, "noise">): string {
  // Neither where nothing was measured twice, nor where that gave no number.
  if (!noise) return "";
  return `${noise.toFixed(2)}${noise > NOISE_MAX ? ", too noisy to quote" : ""}`;
}

/** How far the passes differ: the largest over the least, a factor of at least 1. Undefined where there was one. */
export function spreadOf({ passes = [] }: Pick<Figure, "passes">): number | undefined {
  if (passes.length < 2) return undefined;
  const [least, most] = [Math.min(...passes), Math.max(...passes)];
  // Also of nothing, twice.
  return least === most ? 1 : most / least;
}

export function spreadText(spread: number | undefined): string {
  if (spread === undefined) return "–";
  return Number.isFinite(spread) ? spread.toFixed(2) : "no number";
}

/** What each pass has said. */
export function passesText({ passes = [] }: Pick<Figure, "passes">): string {
  return passes.map((value) => valueText({ value, unit: "" })).join(", ");
}

/** All of it in a line. */
export function figureText(figure: Figure): string {
  const verdict = verdictOf(figure);
  return [
    `${figure.name}: ${valueText(figure)}`,
    ...(verdict === undefined ? [] : [`bar ${barText(figure)}: ${verdict}`]),
    ...(figure.against === undefined ? [] : [`${lost(figure) ? "WORSE" : "no worse"} than ${figure.against}`]),
    ...(noiseText(figure) === "" ? [] : [`A/A ${noiseText(figure)}`]),
    ...(figure.passes === undefined ? [] : [`passes ${spreadText(spreadOf(figure))} (${passesText(figure)})`]),
  ].join("; ");
}

export function cellText(cell: Cell, { digits }: Column): string {
  if (typeof cell === "string") return cell;
  return Number.isFinite(cell) ? cell!.toFixed(digits ?? 0) : "–";
}
