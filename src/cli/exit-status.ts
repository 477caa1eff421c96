/** What the process ends with, and how trouble is said. A program's own exit code is passed on as it is. */

import { CommanderError } from "commander";
import { StillpointError } from "../errors.ts";

export const STATUS = {
  /** The command could not do its work; the message says why. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** No fleet is served where the command looked for one. */
  unreachable: 3,
  /** The fleet refused what was asked for. */
  refused: 4,
  /** A wave came to its end without having done its work. */
  stopped: 5,
  /** The program trapped: 128 + SIGABRT, as other WASI runners and shells have it. */
  trap: 134,
  /** Standard output or error has no reader any more: 128 + SIGPIPE, as for native programs. */
  pipe: 141,
} as const;

/** Signals that end the program, with 128 + their number. */
export const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Trouble that is nobody's fault but the caller's, without a code of the library. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  readonly status: number;
  constructor(message: string, status: number = STATUS.failed) {
    super(message);
    this.status = status;
  }
}

/** Says on standard error what went wrong, and answers with what the process ends with. */
export function reportFailure(error: unknown): number {
  // commander has said it already; help and version end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : STATUS.usage;
  if (error instanceof CommandError) {
    process.stderr.write(`stillpoint: ${error.message}\n`);
    return error.status;
  }
  if (error instanceof StillpointError) {
    process.stderr.write(`stillpoint: ${error.code}: ${error.message}\n`);
    return error.code === "SP_GUEST_TRAP" ? STATUS.trap : STATUS.failed;
  }
  process.stderr.write(`stillpoint: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return STATUS.failed;
}
