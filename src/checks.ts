/** Checks of what users pass: what is not as it must be is named. What was left out is in order. */

import { StillpointError } from "./errors.ts";

export function invalid(message: string, options?: { cause?: unknown }): StillpointError {
  return new StillpointError("SP_CONFIG_INVALID", message, options);
}

/** @throws {StillpointError} SP_CONFIG_INVALID: no whole number, or out of range */
export function checkCount(
  value: number | undefined,
  name: string,
  { min = 0, max = Infinity }: { min?: number; max?: number } = {},
): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= min && value <= max)) return;
  throw invalid(
    `${name} is ${value}; it must be a whole number${max < Infinity ? ` from ${min} to ${max}` : `, ${min} or more`}`,
  );
}

/** @throws {StillpointError} SP_CONFIG_INVALID */
export function checkMs(value: unknown, name: string, { zero = true }: { zero?: boolean } = {}): void {
  if (value === undefined) return;
  if (typeof value === "number" && value >= 0 && value < Infinity && (zero || value > 0)) return;
  throw invalid(`${name} is ${String(value)}; it must be a number of ms, ${zero ? "0 or more" : "above 0"}`);
}

/** @throws {StillpointError} SP_CONFIG_INVALID */
export function checkOneOf(value: string | undefined, name: string, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return;
  throw invalid(`${name} is ${JSON.stringify(value)}; it must be one of ${allowed.join(", ")}`);
}
