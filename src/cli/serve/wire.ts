/** Values as they go over the control socket: errors with code and message, numbers of 64 bits as text. */

import { StillpointError } from "../../index.ts";
import { CommandError } from "../exit-status.ts";

/** Trouble with a status of its own. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const STATUSES: Readonly<Record<string, number>> = {
  SP_CONFIG_INVALID: 400,
  SP_EVENT_UNKNOWN: 404,
  SP_EXPORT_MISSING: 404,
  SP_GUEST_STATE: 409,
  SP_UPDATE_REFUSED: 409,
  SP_QUEUE_FULL: 429,
  SP_FREEZE_TIMEOUT: 504,
  SP_CALL_TIMEOUT: 504,
};

/** The status that goes with what was thrown. */
export function statusOf(error: unknown): number {
  if (error instanceof ApiError) return error.status;
  if (error instanceof CommandError) return 400;
  return error instanceof StillpointError ? (STATUSES[error.code] ?? 500) : 500;
}

export interface WireError {
  readonly code: string;
  readonly message: string;
}

export function wireError(error: unknown): WireError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return {
    code: typeof code === "string" ? code : "failed",
    message: typeof message === "string" ? message : String(error),
  };
}

export function wireText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part instanceof Error) return wireError(part);
    return typeof part === "bigint" ? part.toString() : part;
  });
}
