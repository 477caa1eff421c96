/** Numbers for people: sizes, times, and the few figures that stand for many. */

export interface Distribution {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank, so that every figure is one that was measured. Null if nothing was. */
export function distributionOf(values: readonly number[]): Distribution | null {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] as number;
  return sorted.length === 0 ? null : { p50: rank(0.5), p99: rank(0.99), max: rank(1) };
}

/** Milliseconds with three digits that matter: `0.0123`, `4.56`, `789`. */
export function milliseconds(ms: number): string {
  if (ms === 0) return "0 ms";
  const digits = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(ms)))));
  return `${ms.toFixed(digits)} ms`;
}

/** `512 bytes`, `1.5 MiB`. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1)} ${["", "KiB", "MiB", "GiB"][power]}`;
}

/** `26 103 552`: groups of three, by a space that does not break. With a noun, `1 pause` or `2 pauses`. */
export function count(value: number, noun?: string): string {
  const digits = value.toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return noun === undefined ? digits : `${digits} ${noun}${value === 1 ? "" : "s"}`;
}
