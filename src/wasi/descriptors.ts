/**
 * The guest's descriptors: small numbers to what is open, what may be done with it, and where in it the guest is.
 *
 * Each descriptor is plain data, so the table is the state: a snapshot copies it, and another Worker goes on with the copy.
 */

import { DESCRIPTOR_SLOTS } from "../abi.ts";
import { EBADF, EISDIR, EMFILE, ENOTCAPABLE, ENOTDIR, ESPIPE } from "./errno.ts";
import { Fault } from "./fault.ts";
import type { FileEntry, FileType, Handle, VolumeName } from "./files.ts";

/** The process-wide list has room for a guest's descriptors and for the directories that one walk along a path holds open. */
const DESCRIPTORS_MAX = DESCRIPTOR_SLOTS - 1024;

interface Capability {
  /** What may be done with the descriptor, and with what is opened through it. */
  rights: number;
  inheriting: number;
  /** FDFLAGS_ of layout.ts. */
  flags: number;
}

/** Standard input, output or error. */
export interface StreamDescriptor extends Capability {
  readonly kind: "stream";
  readonly stream: 0 | 1 | 2;
}

export interface FileDescriptor extends Capability {
  readonly kind: "file";
  readonly volume: VolumeName;
  readonly type: FileType;
  /** How it was opened, rights or not. */
  readonly access: { readonly read: boolean; readonly write: boolean };
  handle: Handle;
  /** Of the next read or write. Pipes and devices leave it at 0. */
  offset: number;
}

export interface DirectoryDescriptor extends Capability {
  readonly kind: "directory";
  readonly volume: VolumeName;
  readonly handle: Handle;
  /** The guest's name for it, if it found it open. */
  readonly preopen: string | undefined;
  /** What was there when the guest began to list it: a cookie is an index into this, so that deleting on the way skips nothing. */
  listing: readonly FileEntry[] | undefined;
}

export type Descriptor = StreamDescriptor | FileDescriptor | DirectoryDescriptor;
export type DescriptorState = readonly [number: number, descriptor: Readonly<Descriptor>];

export class DescriptorTable {
  #descriptors = new Map<number, Descriptor>();

  get(fd: number, rights: number): Descriptor {
    const descriptor = this.#descriptors.get(fd >>> 0);
    if (descriptor === undefined) throw new Fault(EBADF);
    return allowing(rights, descriptor);
  }

  /** A descriptor with bytes at positions. */
  file(fd: number, rights: number): FileDescriptor {
    const descriptor = this.get(fd, 0);
    if (descriptor.kind === "stream") throw new Fault(ESPIPE);
    if (descriptor.kind === "directory") throw new Fault(EISDIR);
    return allowing(rights, descriptor);
  }

  directory(fd: number, rights: number): DirectoryDescriptor {
    const descriptor = this.get(fd, 0);
    if (descriptor.kind !== "directory") throw new Fault(ENOTDIR);
    return allowing(rights, descriptor);
  }

  /** Fails before anything is opened, so that nothing has to be undone. */
  reserve(): void {
    if (this.#descriptors.size >= DESCRIPTORS_MAX) throw new Fault(EMFILE);
  }

  /** Takes the lowest free number, as POSIX has it. */
  add(descriptor: Descriptor): number {
    let fd = 0;
    while (this.#descriptors.has(fd)) fd++;
    this.#descriptors.set(fd, descriptor);
    return fd;
  }

  remove(fd: number): Descriptor {
    const descriptor = this.get(fd, 0);
    this.#descriptors.delete(fd >>> 0);
    return descriptor;
  }

  /** Answers what `to` was before. */
  move(from: number, to: number): Descriptor {
    const before = this.get(to, 0);
    this.#descriptors.set(to >>> 0, this.remove(from));
    return before;
  }

  /** All there are; none are left. */
  drain(): Descriptor[] {
    const all = [...this.#descriptors.values()];
    this.#descriptors.clear();
    return all;
  }

  snapshot(): DescriptorState[] {
    return Array.from(this.#descriptors, ([fd, descriptor]) => [fd, { ...descriptor }]);
  }

  restore(state: readonly DescriptorState[]): void {
    this.#descriptors = new Map(state.map(([fd, descriptor]) => [fd, { ...descriptor }]));
  }
}

function allowing<T extends Descriptor>(rights: number, descriptor: T): T {
  if ((descriptor.rights & rights) !== rights) throw new Fault(ENOTCAPABLE);
  return descriptor;
}
