/** What the groups of calls share. */

import type { DescriptorTable } from "./descriptors.ts";
import { Fault } from "./errno.ts";
import type { GuestMemory } from "./guest-memory.ts";
import type { WasiHost } from "./host.ts";
import type { Volume, VolumeName } from "./volume.ts";
import type { Waits } from "./waits.ts";

export interface Context {
  readonly host: WasiHost;
  readonly memory: GuestMemory;
  readonly descriptors: DescriptorTable;
  readonly waits: Waits;
  volume(name: VolumeName): Volume;
}

/** Calls by name. Numbers arrive as wasm passes them: signed, 64-bit ones as bigint. They answer an errno or throw. */
export type Calls = Record<string, (...args: any[]) => number>;

/** A 64-bit size or offset from the guest. Past 2^53 no file system of ours has anything. */
export function sizeOf(word: bigint): number {
  const size = BigInt.asUintN(64, word);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new Fault("EINVAL");
  return Number(size);
}
