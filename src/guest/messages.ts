/**
 * What owner and host tell each other by message. Everything that concerns a guest in motion goes through the ledger; these
 * are the slow and rare things.
 */

import type { ErrorCode } from "../errors.ts";
import type { Preopen } from "../wasi/host.ts";

/** Where standard output and error go, as far as the host has to know. */
export type OutputMode = "ring" | "ignore";

/** What a host needs to begin; the Worker's data. */
export interface HostData {
  readonly guest: string;
  /** The number under which this host may run the guest. */
  readonly host: number;
  readonly module: WebAssembly.Module;
  readonly style: "command" | "reactor";
  readonly memory: WebAssembly.Memory;
  /** Names under which the module imports its memory. */
  readonly memoryImport: { readonly module: string; readonly name: string };
  readonly ledger: WebAssembly.Memory;
  readonly core: WebAssembly.Module;
  /** The services module, if it is not WASI alone. */
  readonly services: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly preopens: Readonly<Record<string, Preopen>>;
  readonly stdout: OutputMode;
  readonly stderr: OutputMode;
  /** Which of the three standard streams have a person at the other end. */
  readonly terminals: readonly [stdin: boolean, stdout: boolean, stderr: boolean];
}

export type ToHost =
  | { readonly type: "call"; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  /** Dispose of the services and end; sent to an idle guest only. */
  | { readonly type: "end" };

/** Why a host could not begin, or what ended the guest. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** The engine's own error with its stack, as far as it can be cloned. */
  readonly cause: unknown;
  /** The stack as V8 prints it, for the frames of a trap. */
  readonly stack: string;
}

export type CallOutcome =
  | { readonly kind: "result"; readonly value: unknown }
  /** Thrown by the services' own JavaScript; the guest is unharmed. */
  | {
      readonly kind: "thrown";
      readonly code: "SP_CALL_FAILED" | "SP_EXPORT_MISSING";
      readonly message: string;
      readonly cause: unknown;
    };

export type FromHost =
  /** The guest has booted: a reactor is idle, a command is about to start. */
  | { readonly type: "ready" }
  | { readonly type: "outcome"; readonly id: number; readonly outcome: CallOutcome }
  | { readonly type: "exited"; readonly code: number }
  | { readonly type: "failed"; readonly failure: Failure };
