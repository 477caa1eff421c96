/**
 * Every error the library throws: a class for the catch, a code for the machine, fields for the numbers. Imports types alone.
 *
 * Codes are API and stay; messages are for people and may change. Each class says in what state it leaves the guest.
 */

import type { HandoverReport } from "./guest/reports.ts";

export type ErrorCode =
  | "SP_MODULE_INVALID"
  | "SP_MODULE_UNSUPPORTED"
  | "SP_IMAGE_UNKNOWN"
  | "SP_ABI_MISMATCH"
  | "SP_IMPORT_MISSING"
  | "SP_EXPORT_MISSING"
  | "SP_SERVICES_INVALID"
  | "SP_FREEZE_TIMEOUT"
  | "SP_CALL_TIMEOUT"
  | "SP_CALL_FAILED"
  | "SP_GUEST_TRAP"
  | "SP_GUEST_STATE"
  | "SP_NAME_TAKEN"
  | "SP_HANDOVER_FAILED"
  | "SP_HOST_LOST"
  | "SP_QUEUE_FULL"
  | "SP_ENGINE_UNSUPPORTED"
  | "SP_EVENT_UNKNOWN"
  | "SP_UPDATE_REFUSED"
  | "SP_UPDATE_UNHEALTHY"
  | "SP_IMPACT_EXCEEDED"
  | "SP_JOURNAL_INVALID"
  | "SP_JOURNAL_LOCKED"
  | "SP_JOURNAL_FAILED"
  | "SP_CONFIG_INVALID"
  | "SP_LIMIT";

/** The base of all: catch it, then look at `code`. */
export class StillpointError extends Error {
  override readonly name: string = "StillpointError";
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The bytes are no valid WebAssembly module (as far as the preparer looked). No guest exists. `offset` is a byte offset into the input. */
export class ModuleInvalidError extends StillpointError {
  override readonly name: string = "ModuleInvalidError";
  readonly reason: string;
  readonly offset: number;
  constructor(reason: string, offset: number, options?: { cause?: unknown }) {
    super("SP_MODULE_INVALID", `${reason} (at byte ${offset})`, options);
    this.reason = reason;
    this.offset = offset;
  }
}

/** The module is valid but uses `feature`, which cannot be prepared without changing what the program does. No guest exists. */
export class ModuleUnsupportedError extends StillpointError {
  override readonly name: string = "ModuleUnsupportedError";
  readonly feature: string;
  readonly offset: number;
  /** Name or index of the function concerned, where there is one. */
  readonly function: string | undefined;
  constructor(feature: string, offset: number, where?: { function?: string }) {
    super(
      "SP_MODULE_UNSUPPORTED",
      `${feature} cannot be prepared (at byte ${offset}${where?.function === undefined ? "" : `, in function ${where.function}`})`,
    );
    this.feature = feature;
    this.offset = offset;
    this.function = where?.function;
  }
}

/** The guest reached no safepoint within the budget. The request was withdrawn; the guest runs on. */
export class FreezeTimeoutError extends StillpointError {
  override readonly name: string = "FreezeTimeoutError";
  readonly guest: string;
  readonly budgetMs: number;
  constructor(guest: string, budgetMs: number) {
    super("SP_FREEZE_TIMEOUT", `guest ${guest} reached no safepoint in ${budgetMs} ms; it runs on`);
    this.guest = guest;
    this.budgetMs = budgetMs;
  }
}

/** The guest is not in a state in which this can be done. Nothing was changed. */
export class GuestStateError extends StillpointError {
  override readonly name: string = "GuestStateError";
  readonly guest: string;
  readonly state: string;
  constructor(guest: string, state: string, what: string) {
    super("SP_GUEST_STATE", `guest ${guest} is ${state}: ${what}`);
    this.guest = guest;
    this.state = state;
  }
}

/** One frame of the guest's own stack, innermost first. */
export interface WasmFrame {
  /** Name from the module's name section, or `func[INDEX]`. */
  readonly function: string;
  readonly functionIndex: number;
  /** Byte offset of the instruction in the original, unprepared module; `undefined` inside code the preparer added. */
  readonly offset: number | undefined;
}

/** The guest trapped. It is `failed`, its memory stays readable, other guests are unaffected. */
export class GuestTrapError extends StillpointError {
  override readonly name: string = "GuestTrapError";
  readonly guest: string;
  readonly frames: readonly WasmFrame[];
  constructor(guest: string, message: string, frames: readonly WasmFrame[], options?: { cause?: unknown }) {
    const lines = frames.map(
      (f) => `\n    at ${f.function}${f.offset === undefined ? "" : ` (module byte ${f.offset})`}`,
    );
    super("SP_GUEST_TRAP", `guest ${guest} trapped: ${message}${lines.join("")}`, options);
    this.guest = guest;
    this.frames = frames;
  }
}

/** The Worker under the guest died. A guest that was in a call is `failed`; its memory stays readable. An idle one goes on in another. */
export class HostLostError extends StillpointError {
  override readonly name: string = "HostLostError";
  readonly guest: string;
  constructor(guest: string, message: string, options?: { cause?: unknown }) {
    super("SP_HOST_LOST", `guest ${guest} lost its host: ${message}`, options);
    this.guest = guest;
  }
}

/** The guest was not handed over. It goes on in its old host from where it was, unless `guestState` says that it has ended. */
export class HandoverError extends StillpointError {
  override readonly name: string = "HandoverError";
  readonly guest: string;
  /** What was measured until it failed. */
  readonly report: HandoverReport;
  readonly guestState: string;
  constructor(
    guest: string,
    { cause, report, guestState }: { cause: Error; report: HandoverReport; guestState: string },
  ) {
    super("SP_HANDOVER_FAILED", `guest ${guest} was not handed over: ${cause.message}; it is ${guestState}`, { cause });
    this.guest = guest;
    this.report = report;
    this.guestState = guestState;
  }
}
