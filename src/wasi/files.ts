/**
 * A file system in the smallest steps there are: an open directory and one name in it. No function takes a path, none follows
 * a symbolic link, and none keeps a position, so confinement (path.ts) and offsets (descriptors.ts) are written once, for
 * real directories and for trees in memory alike.
 *
 * A name is never empty, never "..", and has no "/" in it; "." is the directory itself. Functions fail by throwing a
 * Fault, and those of real directories also by throwing what the system says. Nothing here blocks on anything unbounded.
 */

import type { Context } from "./context.ts";

/**
 * Something open: a descriptor of the process or a number of the tree's. Where the system cannot name things relative to an
 * open directory, a directory is its own absolute path.
 */
export type Handle = number | string;

/** As WASI numbers them. */
export type FileType = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
export const UNKNOWN = 0;
export const BLOCK_DEVICE = 1;
export const CHARACTER_DEVICE = 2;
export const DIRECTORY = 3;
export const REGULAR_FILE = 4;
export const SOCKET_STREAM = 6;
export const SYMBOLIC_LINK = 7;

export interface FileStat {
  readonly type: FileType;
  readonly device: bigint;
  readonly inode: bigint;
  readonly links: bigint;
  readonly bytes: bigint;
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

export interface FileEntry {
  readonly name: string;
  readonly type: FileType;
}

export interface OpenOptions {
  readonly read: boolean;
  readonly write: boolean;
  /** Each write goes to the end, wherever that is by then. */
  readonly append: boolean;
  readonly create: boolean;
  /** With create: fails if the name exists, whatever it is. */
  readonly exclusive: boolean;
  readonly truncate: boolean;
  /** Writes reach the medium before they return. */
  readonly sync: boolean;
}

/** A place in a directory. */
export interface Entry {
  readonly dir: Handle;
  readonly name: string;
}

/** `undefined` leaves a time as it is. */
export interface FileTimes {
  readonly accessedNs: bigint | undefined;
  readonly modifiedNs: bigint | undefined;
}

export interface Files {
  /** Fails with ENOTDIR or ELOOP for a symbolic link. A `step` is only walked through, so the right to list is not needed. */
  openDirectory(at: Entry, options: { step: boolean }): Handle;
  openFile(at: Entry, options: OpenOptions): Handle;
  /** The same open file once more, with other options; both handles are open then. */
  reopen(file: Handle, options: OpenOptions): Handle;
  close(handle: Handle): void;

  /** Bytes read; 0 at the end. No position for what has none. */
  read(file: Handle, into: Uint8Array, position: number | undefined): number;
  write(file: Handle, from: Uint8Array, position: number | undefined): number;
  truncate(file: Handle, bytes: number): void;
  sync(handle: Handle, options: { data: boolean }): void;

  stat(handle: Handle): FileStat;
  /** What the name stands for itself, link or not; undefined if there is nothing. */
  statAt(at: Entry): FileStat | undefined;
  setTimes(handle: Handle, times: FileTimes): void;
  setTimesAt(at: Entry, times: FileTimes): void;

  /** All but "." and "..", in any order. */
  list(dir: Handle): FileEntry[];
  readLink(at: Entry): string;
  makeDirectory(at: Entry): void;
  removeDirectory(at: Entry): void;
  removeFile(at: Entry): void;
  rename(from: Entry, to: Entry): void;
  link(from: Entry, to: Entry): void;
  symlink(target: string, at: Entry): void;
}

/** Which of a guest's file systems: the system's directories, trees in memory, what is announced. */
export type VolumeName = "host" | "memory" | "notices";

/** What has bytes one after the other and sometimes none. */
export interface Channel {
  /** Bytes moved; 0 if there is nothing now, undefined if there never will be. */
  read(into: Uint8Array): number | undefined;
  /** Bytes moved; 0 if there is no room now. */
  write(from: Uint8Array): number;
  /** Sleeps until a new attempt makes sense. The bell was read as `seen` before the last one. */
  pause(wait: { takenBytes: number; seen: number; attempt: number }): void;
}

/** Real directories. Of all files only theirs are pipes and devices, and only theirs are open for longer than their Worker lives. */
export interface HostFiles extends Files {
  /** The same, with all that is opened on the process-wide list for as long as it is open, so that nothing leaks with a Worker that dies. */
  listedOn(list: OpenList): HostFiles;
  /** Opens the directory at a path of the system, symbolic links and all: the one place where a path is trusted. */
  openRoot(path: string): Handle;
  /** A pipe, terminal or other device, opened non-blocking. */
  channel(device: Handle, context: Context): Channel;
  /** The number for what the system says; undefined if it was not the system that threw this. */
  errnoOf(thrown: unknown): number | undefined;
}

/** The process-wide list of what is open for a guest, so that its owner can close what a dead Worker left. */
export interface OpenList {
  opened(osDescriptor: number): void;
  closed(osDescriptor: number): void;
}
