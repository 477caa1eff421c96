/** What can go wrong on a host, in forms that survive the way to the owner. */

import { StillpointError } from "../errors.ts";
import type { Failure } from "./messages.ts";

/** Why a host cannot begin. */
export class BeginError extends Error {
  readonly code: Failure["code"];
  constructor(code: Failure["code"], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What was thrown, whatever it was. */
export function cloneable(error: unknown): unknown {
  try {
    return structuredClone(error);
  } catch {
    return new Error(messageOf(error));
  }
}

export function failureOf(error: unknown, fallback: Failure["code"]): Failure {
  const told = error instanceof BeginError || error instanceof StillpointError;
  const { code, cause } = told ? error : { code: fallback, cause: error };
  const stack = cause instanceof Error ? (cause.stack ?? "") : "";
  return { code, message: messageOf(error), cause: cloneable(cause), stack };
}
