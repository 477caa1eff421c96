/** What the groups of calls share. */

import type { DescriptorTable } from "./descriptors.ts";
import { EINVAL } from "./errno.ts";
import { Fault } from "./fault.ts";
import type { Files, VolumeName } from "./files.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { WasiHost } from "./host.ts";
import type { Waits } from "./waits.ts";

export interface Context {
  readonly host: WasiHost;
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
  readonly waits: Waits;
  files(volume: VolumeName): Files;
  /** The number for what was thrown on the way, or undefined if that is no failure of a call but one of ours or a signal. */
  errnoOf(thrown: unknown): number | undefined;
}

/** Calls by name. Numbers arrive as wasm passes them: signed, 64-bit ones as bigint. A failure is thrown. */
export type Calls = Record<string, (...args: any[]) => void>;

/** A 64-bit size or offset from the guest. Past 2^53 no file system of ours has anything. */
export function sizeOf(word: bigint): number {
  const size = BigInt.asUintN(64, word);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new Fault(EINVAL);
  return Number(size);
}
