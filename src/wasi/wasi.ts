/**
 * WASI preview 1 for a guest that may be frozen at any moment and may go on in another Worker.
 *
 *   process-calls     arguments, clocks, random numbers, exit    path-calls    everything with a path ── path.ts ──┐
 *   transfer-calls    bytes in and out                           poll-calls    waiting for several things          ├── files.ts
 *   descriptor-calls  what a descriptor is, listing, closing     descriptors   the table, which is the state ──────┘
 *
 * Written by hand, after a look at the two libraries that could have been the base. @tybys/wasm-util (0.10.5) keeps its
 * descriptors in private maps and cannot hand them on, resolves paths as text, so that a link or ".." leads out of the
 * directory, fills shared memory from Math.random, sleeps by spinning or on a word of its own, answers no poll on descriptors,
 * and ends the process in proc_exit. @bjorn3/browser_wasi_shim (0.4.2) has files in memory only, waits for one clock by
 * spinning, reads strings in a way that shared memory does not allow, and throws RangeErrors into the guest for pointers that
 * are out of bounds. Neither tells what it wrote to guest memory. Each of these is the core of what is needed here, and what
 * would have remained of either is a table of numbers.
 */

import { invalid } from "../checks.ts";
import type { Calls, Context } from "./context.ts";
import { closeDescriptor, descriptorCalls } from "./descriptor-calls.ts";
import { type Descriptor, DescriptorTable, type DirectoryDescriptor } from "./descriptors.ts";
import { SUCCESS } from "./errno.ts";
import { Fault } from "./fault.ts";
import type { Files, Handle, HostFiles, VolumeName } from "./files.ts";
import { GuestMemory } from "./guest-memory.ts";
import type { Preopen, WasiHost, WasiState } from "./host.ts";
import { RIGHTS_ALL, RIGHTS_CHANGE, RIGHTS_DIRECTORY, RIGHTS_STREAM } from "./layout.ts";
import { MemoryFiles } from "./memory-files.ts";
import { NOTICE_DIRECTORY, NoticeFiles } from "./notice-files.ts";
import { pathCalls } from "./path-calls.ts";
import { pollCalls } from "./poll-calls.ts";
import { processCalls } from "./process-calls.ts";
import { transferCalls } from "./transfer-calls.ts";
import { Waits } from "./waits.ts";

export interface Wasi {
  /** The module `wasi_snapshot_preview1`. */
  readonly imports: WebAssembly.ModuleImports;
  /** All state as plain data; changes and closes nothing. */
  snapshot(): WasiState;
  /** How many calls the guest has made: where it is the same, so is the state. */
  readonly made: number;
  /** Goes on from a snapshot, with the descriptors that it names. Directories opened for a beginning that never was are closed. */
  restore(state: WasiState): void;
  /**
   * The end of these services. Only a guest that has exited has its descriptors closed: when services are replaced, the next
   * ones hold the same descriptors, and services that are abandoned have never owned what they restored.
   */
  dispose(reason: "replaced" | "abandoned" | "exited"): void;
}

/**
 * WASI for one guest. Without a state its directories are opened, and standard streams and directories are all it has.
 *
 * @throws {StillpointError} SP_CONFIG_INVALID: a directory cannot be opened, a tree is no tree, a string holds a zero byte
 */
export function createWasi(host: WasiHost, state?: WasiState): Wasi {
  const memoryFiles = new MemoryFiles(host.clock.wallNs);
  const noticeFiles = host.notices && new NoticeFiles(host.notices);
  const hostFiles = host.files?.listedOn(host.descriptors);
  const descriptors = new DescriptorTable();
  const waits = new Waits(host);
  const context: Context = {
    host,
    memory: new GuestMemory(host),
    descriptors,
    waits,
    files(volume: VolumeName): Files {
      const files = { memory: memoryFiles, notices: noticeFiles, host: hostFiles }[volume];
      if (files === undefined) throw invalid(`there are no ${volume} directories here`);
      return files;
    },
    errnoOf: (thrown) => (thrown instanceof Fault ? thrown.errno : hostFiles?.errnoOf(thrown)),
  };

  function openPreopen(guestPath: string, preopen: Preopen): Descriptor {
    const withheld = host.readOnly?.includes(guestPath) === true ? RIGHTS_CHANGE : 0;
    if (typeof preopen !== "string") return foundOpen(guestPath, "memory", memoryFiles.plant(preopen), withheld);
    const files = context.files("host") as HostFiles;
    try {
      return foundOpen(guestPath, "host", files.openRoot(preopen), withheld);
    } catch (cause) {
      throw invalid(`directory ${preopen}, for ${guestPath}, cannot be opened`, { cause });
    }
  }

  /** Opened here and never handed out or used: what a standby has to give back. */
  const unused = new Set<Descriptor>();
  const closeAll = (): void => {
    for (const descriptor of descriptors.drain()) {
      try {
        closeDescriptor(context, descriptor);
      } catch (error) {
        // Closed it is all the same, and nobody is left who could be told what a last write came to.
        if (context.errnoOf(error) === undefined) throw error;
      }
    }
  };
  const closeUnused = (): void => {
    for (const descriptor of descriptors.drain()) if (unused.has(descriptor)) closeDescriptor(context, descriptor);
    unused.clear();
  };

  function begin(): void {
    for (const stream of [0, 1, 2] as const) {
      descriptors.add({ kind: "stream", stream, rights: RIGHTS_STREAM, inheriting: 0, flags: 0 });
    }
    try {
      const add = (descriptor: Descriptor): void => {
        descriptors.add(descriptor);
        unused.add(descriptor);
      };
      for (const [guestPath, preopen] of Object.entries(host.preopens)) add(openPreopen(guestPath, preopen));
      if (noticeFiles !== undefined) add(foundOpen(NOTICE_DIRECTORY, "notices", noticeFiles.root()));
    } catch (error) {
      closeAll();
      throw error;
    }
  }

  function restore(next: WasiState): void {
    closeUnused();
    memoryFiles.restore(next.memoryFiles);
    if (next.noticeFiles !== undefined) noticeFiles?.restore(next.noticeFiles);
    descriptors.restore(next.descriptors);
    waits.interrupted = next.interrupted;
  }

  const calls: Calls = {
    ...processCalls(context),
    ...transferCalls(context),
    ...descriptorCalls(context),
    ...pathCalls(context),
    ...pollCalls(context),
  };
  let made = 0;
  /** Failures become numbers. What is no failure of the call goes through the guest: its exit, and signals of the host. */
  const guarded =
    (call: Calls[string]): ((...args: any[]) => number) =>
    // As many parameters as the longest call has: nothing is allocated for them.
    (a, b, c, d, e, f, g, h, i) => {
      made++;
      try {
        call(a, b, c, d, e, f, g, h, i);
        return SUCCESS;
      } catch (error) {
        const errno = context.errnoOf(error);
        if (errno === undefined) throw error;
        return errno;
      }
    };
  const imports: WebAssembly.ModuleImports = {};
  for (const [name, call] of Object.entries(calls)) imports[name] = guarded(call);

  if (state === undefined) begin();
  else restore(state);

  return {
    imports,
    snapshot() {
      unused.clear();
      return {
        descriptors: descriptors.snapshot(),
        memoryFiles: memoryFiles.snapshot(),
        noticeFiles: noticeFiles?.snapshot(),
        interrupted: waits.interrupted,
      };
    },
    get made() {
      return made;
    },
    restore,
    dispose(reason) {
      if (reason === "exited") closeAll();
      else closeUnused();
    },
  };
}

/** A directory that the guest finds open, under this name; with all rights but those that are withheld, and whatever is opened in it. */
function foundOpen(guestPath: string, volume: VolumeName, handle: Handle, withheld = 0): DirectoryDescriptor {
  return {
    kind: "directory",
    volume,
    handle,
    preopen: guestPath,
    listing: undefined,
    rights: RIGHTS_DIRECTORY & ~withheld,
    inheriting: RIGHTS_ALL & ~withheld,
    flags: 0,
  };
}
