/**
 * What is announced for a guest, as files, so that a program in any language can read and answer it without a socket:
 *
 *   /run/stillpoint/scheduledevents   the document of Scheduled Events for the guest's set: as it is when the file is opened,
 *                                     and the same to the end for whoever has it open
 *   /run/stillpoint/startrequests     takes ids of events that may start now (start-requests.ts); reading is not for it
 *
 * Nothing else can be done here: names are not made, moved or removed. Open files are plain data, so that they go along when
 * the guest moves; the bytes of an open document are shared memory and are not copied on the way.
 */

import { EACCES, EBADF, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, EROFS } from "./errno.ts";
import { Fault } from "./fault.ts";
import {
  DIRECTORY,
  type Entry,
  type FileEntry,
  type FileStat,
  type Files,
  type Handle,
  type OpenOptions,
  REGULAR_FILE,
} from "./files.ts";
import { RequestReader } from "./start-requests.ts";

/** Where a guest finds them. */
export const NOTICE_DIRECTORY = "/run/stillpoint";

const DOCUMENT = "scheduledevents";
const REQUESTS = "startrequests";

/** Told apart from every other file system that the guest may see. */
const DEVICE = 0x5350n;
const INODES: ReadonlyMap<string, bigint> = new Map([
  [".", 1n],
  [DOCUMENT, 2n],
  [REQUESTS, 3n],
]);

export interface Notice {
  readonly bytes: Uint8Array;
  readonly publishedNs: bigint;
}

/** Where notices come from, and where the answers go. */
export interface Notices {
  /** The document as it is now. Fails as files do. */
  read(): Notice;
  /** These may start. Ids that mean nothing (any longer) do nothing. */
  approve(ids: readonly string[]): void;
}

type Open =
  | { readonly name: "." }
  | { readonly name: typeof DOCUMENT; readonly notice: Notice }
  | { readonly name: typeof REQUESTS; pending: string };

export interface NoticeFilesState {
  readonly open: readonly (readonly [handle: number, open: Open])[];
  readonly next: number;
}

function readOnly(): never {
  throw new Fault(EROFS);
}

export class NoticeFiles implements Files {
  readonly #notices: Notices;
  #open = new Map<number, Open>();
  #next = 1;

  constructor(notices: Notices) {
    this.#notices = notices;
  }

  snapshot(): NoticeFilesState {
    return { open: Array.from(this.#open, ([handle, open]) => [handle, { ...open }] as const), next: this.#next };
  }

  restore({ open, next }: NoticeFilesState): void {
    this.#open = new Map(open.map(([handle, one]) => [handle, { ...one }]));
    this.#next = next;
  }

  // ---- opening and closing ----

  root(): Handle {
    return this.#hold({ name: "." });
  }

  #hold(open: Open): number {
    const handle = this.#next++;
    this.#open.set(handle, open);
    return handle;
  }

  #get(handle: Handle): Open {
    const open = this.#open.get(handle as number);
    if (open === undefined) throw new Fault(EBADF);
    return open;
  }

  openDirectory({ name }: Entry): Handle {
    if (name === ".") return this.root();
    throw new Fault(INODES.has(name) ? ENOTDIR : ENOENT);
  }

  openFile({ name }: Entry, { read, write, create, exclusive }: OpenOptions): Handle {
    if (name === DOCUMENT || name === REQUESTS) {
      if (create && exclusive) throw new Fault(EEXIST);
      if (name === DOCUMENT ? write : read) throw new Fault(EACCES);
      return this.#hold(name === DOCUMENT ? { name, notice: this.#notices.read() } : { name, pending: "" });
    }
    throw new Fault(name === "." ? EISDIR : create ? EROFS : ENOENT);
  }

  /** Another way to write to the same thing; all ways are one here. */
  reopen(file: Handle): Handle {
    const open = { ...this.#get(file) };
    if (open.name === REQUESTS) this.#requests(file).pending = "";
    return this.#hold(open);
  }

  close(handle: Handle): void {
    const open = this.#get(handle);
    this.#open.delete(handle as number);
    if (open.name === REQUESTS) this.#approve(new RequestReader(open.pending).end());
  }

  // ---- bytes ----

  read(handle: Handle, into: Uint8Array, position = 0): number {
    const open = this.#get(handle);
    if (open.name !== DOCUMENT) throw new Fault(EBADF);
    const piece = open.notice.bytes.subarray(position, position + into.length);
    into.set(piece);
    return piece.length;
  }

  /** Requests come one after the other, so there is no position to write to. */
  write(handle: Handle, from: Uint8Array): number {
    const open = this.#requests(handle);
    const requests = new RequestReader(open.pending);
    try {
      this.#approve(requests.take(from));
    } finally {
      open.pending = requests.pending;
    }
    return from.length;
  }

  #requests(handle: Handle): Open & { name: typeof REQUESTS } {
    const open = this.#get(handle);
    if (open.name !== REQUESTS) throw new Fault(EBADF);
    return open;
  }

  #approve(ids: readonly string[]): void {
    if (ids.length > 0) this.#notices.approve(ids);
  }

  /** Programs empty a file before they write to it. */
  truncate(handle: Handle): void {
    this.#requests(handle);
  }

  sync(handle: Handle): void {
    this.#get(handle);
  }

  // ---- metadata ----

  #stat(name: string, { bytes, publishedNs }: Notice): FileStat {
    return {
      type: name === "." ? DIRECTORY : REGULAR_FILE,
      device: DEVICE,
      inode: INODES.get(name)!,
      links: 1n,
      bytes: name === DOCUMENT ? BigInt(bytes.length) : 0n,
      accessedNs: publishedNs,
      modifiedNs: publishedNs,
      changedNs: publishedNs,
    };
  }

  stat(handle: Handle): FileStat {
    const open = this.#get(handle);
    return this.#stat(open.name, open.name === DOCUMENT ? open.notice : this.#notices.read());
  }

  statAt({ name }: Entry): FileStat | undefined {
    return INODES.has(name) ? this.#stat(name, this.#notices.read()) : undefined;
  }

  list(): FileEntry[] {
    return [DOCUMENT, REQUESTS].map((name) => ({ name, type: REGULAR_FILE }));
  }

  readLink({ name }: Entry): string {
    throw new Fault(INODES.has(name) ? EINVAL : ENOENT);
  }

  setTimes: () => never = readOnly;
  setTimesAt: () => never = readOnly;
  makeDirectory: () => never = readOnly;
  removeDirectory: () => never = readOnly;
  removeFile: () => never = readOnly;
  rename: () => never = readOnly;
  link: () => never = readOnly;
  symlink: () => never = readOnly;
}
