/** What a guest is booted with, and the checks of it. */

import { checkCount, checkOneOf, invalid } from "../checks.ts";
import type { Preopen } from "../wasi/host.ts";
import type { DirectoryHandle } from "./directory-handles.ts";
import type { OutputOption, StdinOption } from "./streams.ts";

export interface BootOptions {
  /** Unique in the fleet. */
  readonly name: string;
  /** The availability set it belongs to, whose notices it finds in /run/stillpoint; without one it stands alone, and finds nothing. */
  readonly set?: string;
  /** The update domain of that set, counted from 0; without it the one with the fewest guests. */
  readonly updateDomain?: number;
  /** A services module; without it those that the guest's update domain was brought to, or else WASI preview 1 alone. */
  readonly services?: URL;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Directories, by the path under which the guest sees them: a path of the system, files in memory, or, in a browser, a
   * FileSystemDirectoryHandle, whose contents are read before the guest boots and cannot be changed by it.
   */
  readonly preopens?: Readonly<Record<string, Preopen | DirectoryHandle>>;
  /** Limit of guest memory, bytes; `memory.grow` beyond it answers -1. Default: what the module itself declares. */
  readonly memoryBytesMax?: number;
  /** Calls that may wait, at most. Default 1024. */
  readonly callQueueMax?: number;
  /** How written pages are known: not at all (default), by marks in prepared code, by comparing content. */
  readonly track?: "none" | "marks" | "scan";
  /**
   * Brings long-lived frames to optimised code, by a few pauses of a moment that `tierUp` events tell of: `true` for all that the
   * guest does, `false` never. Default: after a handover alone.
   */
  readonly tierUp?: boolean;
  /** What the guest's monotonic clock does during a pause. Default "include". */
  readonly monotonicClock?: "include" | "exclude" | "slew";
  /** With "slew": how much faster than true the clock may run while it catches up, parts per million. Default 100 000. */
  readonly slewPpmMax?: number;
  /** Default "ignore" for all three. */
  readonly stdin?: StdinOption;
  readonly stdout?: OutputOption;
  readonly stderr?: OutputOption;
  /** Gives up booting; the guest is ended. */
  readonly signal?: AbortSignal;
}

export const CLOCK_POLICIES = ["include", "exclude", "slew"] as const;
const TRACK_MODES = ["none", "marks", "scan"] as const;

/** @throws {StillpointError} SP_CONFIG_INVALID */
export function checkTrackMode(mode: unknown): void {
  if (!TRACK_MODES.some((known) => known === mode)) throw invalid(`track must be one of ${TRACK_MODES.join(", ")}`);
}

export const SLEW_PPM_MAX = 100_000;

/** Streams are taken over at boot; one that somebody else has taken cannot be. */
function checkStreams({ stdin, stdout, stderr }: BootOptions): void {
  const words = ["ignore", "inherit", "pipe"];
  for (const [name, output] of Object.entries({ stdout, stderr })) {
    if (output instanceof WritableStream) {
      if (output.locked) throw invalid(`${name} is a stream that is locked already`);
    } else {
      checkOneOf(output, name, words);
    }
  }
  if (stdout instanceof WritableStream && stdout === stderr) throw invalid("stdout and stderr need a stream each");
  if (stdin instanceof ReadableStream) {
    if (stdin.locked) throw invalid("stdin is a stream that is locked already");
  } else if (stdin !== undefined && typeof stdin !== "string" && !(stdin instanceof Uint8Array)) {
    throw invalid("stdin is none of ignore, inherit, a string, bytes and a ReadableStream");
  }
}

/** @throws {StillpointError} SP_CONFIG_INVALID naming the option */
export function checkBootOptions(options: BootOptions): void {
  if (typeof options !== "object" || options === null) throw invalid("boot needs options with at least a name");
  if (typeof options.name !== "string" || options.name === "") throw invalid("a guest needs a name");
  if (options.set !== undefined && (typeof options.set !== "string" || options.set === "")) {
    throw invalid("set must be a name");
  }
  checkCount(options.updateDomain, "updateDomain", { max: 2 ** 31 });
  if (options.services !== undefined && !(options.services instanceof URL)) throw invalid("services must be a URL");
  for (const arg of options.args ?? []) {
    if (typeof arg !== "string" || arg.includes("\0")) throw invalid("args must be strings without NUL");
  }
  for (const [key, value] of Object.entries(options.env ?? {})) {
    if (typeof value !== "string" || key === "" || /[=\0]/.test(key) || value.includes("\0")) {
      throw invalid(`env ${JSON.stringify(key)} is no valid variable`);
    }
  }
  checkCount(options.memoryBytesMax, "memoryBytesMax", { max: 2 ** 32 });
  checkCount(options.callQueueMax, "callQueueMax", { max: 2 ** 31 });
  checkCount(options.slewPpmMax, "slewPpmMax", { min: 1, max: 1_000_000 });
  checkOneOf(options.track, "track", TRACK_MODES);
  if (options.tierUp !== undefined && typeof options.tierUp !== "boolean") throw invalid("tierUp is true or false");
  checkOneOf(options.monotonicClock, "monotonicClock", CLOCK_POLICIES);
  checkStreams(options);
}
