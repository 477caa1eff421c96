/**
 * What WASI needs from the Worker it runs in, and what it leaves behind when the guest moves to another one.
 *
 * These services keep nothing that cannot be written down: descriptors are numbers of the process, offsets are ours, and no
 * call sleeps anywhere but in `wait`, on the ledger, where a freeze costs nothing.
 */

import type { DescriptorState } from "./descriptors.ts";
import type { HostFiles, OpenList } from "./files.ts";
import type { MemoryFilesState } from "./memory-files.ts";
import type { NoticeFilesState, Notices } from "./notice-files.ts";
import type { Interrupted } from "./waits.ts";

export type { HostFiles } from "./files.ts";

/** Standard input as the guest's side sees it. Nothing here blocks. */
export interface InputStream {
  /** Bytes that can be read now. */
  readable(): number;
  /** Nothing is left, and nothing more will come. */
  ended(): boolean;
  /** Bytes moved; 0 says that there is nothing now. */
  read(into: Uint8Array): number;
  /** A person sits at the other end: programs buffer by lines and prompt. */
  readonly terminal?: boolean;
}

/** Standard output or error as the guest's side sees it. Nothing here blocks. */
export interface OutputStream {
  /** Bytes that would be taken now. */
  writable(): number;
  /** Nobody reads any more. */
  refused(): boolean;
  /** Bytes taken; 0 says that there is no room now. */
  write(from: Uint8Array): number;
  readonly terminal?: boolean;
}

/** Files in memory: text, bytes, or a directory of the same. */
export interface FileTree {
  readonly [name: string]: string | Uint8Array | FileTree;
}

/** What stands behind a directory that the guest finds open: the path of a real one, or a tree in memory. */
export type Preopen = string | FileTree;

export interface WasiHost {
  /** The program's name first, as in every `main`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The guest's memory. It may be shared, and it may grow whenever the guest runs. */
  readonly memory: WebAssembly.Memory;
  /** The guest's clocks, ns: wall since 1970, monotonic and CPU time as the guest's clock policy says. */
  readonly clock: { wallNs(): bigint; monotonicNs(): bigint; cpuNs(): bigint };
  /** A number that changes whenever something has changed that a guest may wait for. Read it before looking at that thing. */
  bell(): number;
  /**
   * Sleeps while bell() is still `seen`, until the deadline at the latest. It may come back early. It may also throw, to take
   * the guest off this thread; the same call is then issued again elsewhere and goes on by `WasiState.interrupted`.
   */
  wait(options: { seen: number; until?: Deadline }): "woken" | "elapsed";
  /** Told after each write of ours into guest memory. */
  mark(range: { ptr: number; bytes: number }): void;
  /** Fills `into`, at most 65536 bytes, from the system's generator; it may be a view of shared memory. */
  random(into: Uint8Array): void;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Real directories, where there are any. */
  readonly files: HostFiles | undefined;
  /** Of what is open for this guest. */
  readonly descriptors: OpenList;
  /** Guest path to what is there, in the order in which the guest sees them as descriptors 3, 4, … */
  readonly preopens: Readonly<Record<string, Preopen>>;
  /** Those of them in which the guest can change nothing; none unless told. */
  readonly readOnly?: readonly string[];
  /** What is announced for the guest, for one that finds it as files. They come after the preopens. */
  readonly notices: Notices | undefined;
}

export interface Deadline {
  readonly clock: "wall" | "monotonic";
  readonly ns: bigint;
}

/** All of WASI's state, structured-cloneable. Contents of files in memory are shared memory and are not copied by a clone. */
export interface WasiState {
  readonly descriptors: readonly DescriptorState[];
  readonly memoryFiles: MemoryFilesState;
  readonly noticeFiles: NoticeFilesState | undefined;
  readonly interrupted: Interrupted | undefined;
}

/** Thrown through the guest by `proc_exit`. No Error, so that nothing mistakes it for a failure. */
export class ExitSignal {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}
