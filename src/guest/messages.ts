/**
 * What owner and host tell each other by message. Everything that concerns a guest in motion goes through the ledger; these
 * are the slow and rare things.
 */

import type { ErrorCode } from "../errors.ts";
import type { ContinuationModule } from "../resume/resume.ts";
import type { CodePlace, SiteRef } from "../resume/site.ts";
import type { TableState } from "../resume/tables.ts";
import type { Preopen, WasiState } from "../wasi/host.ts";
import type { BoardMemory } from "./notices.ts";

/** Where standard output and error go, as far as the host has to know. */
export type OutputMode = "ring" | "ignore";

/** What a host needs to begin; the Worker's data. */
export interface HostData {
  readonly guest: string;
  /** The number under which this host may run the guest. */
  readonly host: number;
  /** The first host of a guest boots it; every later one stands by until the guest is handed to it. */
  readonly role: "boot" | "standby";
  readonly module: WebAssembly.Module;
  readonly style: "command" | "reactor";
  readonly memory: WebAssembly.Memory;
  /** Of each import of the module but its memories, in their order: what a function answers when nobody looks. */
  readonly zeros: readonly unknown[];
  /** Names under which the module imports its memory. */
  readonly memoryImport: { readonly module: string; readonly name: string };
  readonly ledger: WebAssembly.Memory;
  readonly core: WebAssembly.Module;
  /** Whether the image was prepared so that its guests can leave a thread. */
  readonly movable: boolean;
  /** Tables that the program itself changes. */
  readonly changedTables: readonly number[];
  /** Continuations that have been made for guests of this image. */
  readonly continuations: readonly ContinuationModule[];
  /** The services module, if it is not WASI alone. */
  readonly services: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly preopens: Readonly<Record<string, Preopen>>;
  /** Those of them in which the guest can change nothing. */
  readonly readOnly: readonly string[];
  /** What is announced for the guest: for programs that import it, and as files for a guest that takes part in a set. */
  readonly notices: { readonly board: BoardMemory; readonly files: boolean } | undefined;
  readonly stdout: OutputMode;
  readonly stderr: OutputMode;
  /** Which of the three standard streams have a person at the other end. */
  readonly terminals: readonly [stdin: boolean, stdout: boolean, stderr: boolean];
}

/** What a guest is in the middle of: nothing, its whole run, or a call. */
export type Activity =
  | { readonly kind: "idle" }
  | { readonly kind: "command" }
  | { readonly kind: "call"; readonly id: number; readonly name: string }
  /** A call that is over but for the last step: its outcome has been told. */
  | { readonly kind: "leaving" };

/** Whether a call that has been sent has not begun: the one before, if there was one, has had its outcome. */
export function betweenCalls({ kind }: Activity): boolean {
  return kind === "idle" || kind === "leaving";
}

/** What goes from one host to the next besides memory and ledger. */
export interface Handed {
  readonly activity: Activity;
  /** Whether a stack lies in the ledger. */
  readonly captured: boolean;
  /** When the wait in a service of the user's that was left is to end, ns of the guest's monotonic clock. */
  readonly deadlineNs: bigint | undefined;
  readonly tables: TableState;
  readonly services: unknown;
  /** Why the services gave no snapshot, if they could not; then nobody else can go on. */
  readonly failure?: Failure;
  readonly wasi: WasiState;
}

/** What the services of an idle guest would go on from. */
export type Rest = Pick<Handed, "services" | "wasi">;

/** What a host took off its thread. */
export interface Taken {
  readonly captureMs: number;
  readonly frames: number;
  /** Where they stopped, each place once: of a deep recursion there are few. */
  readonly sites: readonly SiteRef[];
  readonly frameBytes: number;
  readonly stateBytes: number;
}

export type ToHost =
  | { readonly type: "call"; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  /** Dispose of the services and end; sent to an idle guest only. */
  | { readonly type: "end" }
  /** The guest is frozen and wanted. A host that is inside the guest finds that out by itself, and yields unasked. */
  | { readonly type: "yield" }
  /** More continuations that it may need. */
  | { readonly type: "prepare"; readonly continuations: readonly ContinuationModule[] }
  /** Take the guest over, up to its first instruction. */
  | { readonly type: "adopt"; readonly handed: Handed; readonly continuations: readonly ContinuationModule[] }
  /** Be ready for a guest that is idle, and still another host's: all of it but its globals, which come with the first call. */
  | { readonly type: "expect"; readonly rest: Rest }
  /** Nobody took the guest: go on with it here. */
  | { readonly type: "keep"; readonly continuations: readonly ContinuationModule[] }
  /** The guest has been taken off this thread: whether the services are well. */
  | { readonly type: "examine" }
  /** This host is no longer needed, or never was. */
  | { readonly type: "dispose"; readonly reason: "replaced" | "abandoned" };

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
  /** The guest has booted: a reactor is idle, a command is about to start. `examinable`: its services can say how they are. */
  | { readonly type: "ready"; readonly examinable: boolean }
  /** Services are attached and the image is instantiated; the guest has not been touched. */
  | { readonly type: "standby"; readonly examinable: boolean }
  | { readonly type: "prepared" }
  | { readonly type: "yielded"; readonly handed: Handed; readonly taken: Taken }
  /** Everything is in place; the guest goes on when it is released. */
  | { readonly type: "adopted"; readonly restoreMs: number }
  /** Before a host leaves the guest, if it is not as last told; undefined: it cannot be told. */
  | { readonly type: "rested"; readonly rest: Rest | undefined }
  /** Where the guest is, the innermost frame first, as far as the engine says. */
  | { readonly type: "glimpsed"; readonly places: readonly CodePlace[] }
  | { readonly type: "examined"; readonly healthy: boolean }
  /** The services have been disposed of. */
  | { readonly type: "disposed" }
  /** Events that may start, as far as this guest is concerned. */
  | { readonly type: "approve"; readonly ids: readonly string[] }
  | { readonly type: "outcome"; readonly id: number; readonly outcome: CallOutcome }
  | { readonly type: "exited"; readonly code: number }
  | { readonly type: "failed"; readonly failure: Failure };
