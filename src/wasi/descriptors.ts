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
  #descriptors: (Descriptor | undefined)[] = [];

  get(fd: number, rights: number): Descriptor {
    const descriptor = this.#descriptors[fd >>> 0];
    if (descriptor === undefined) throw new Fault(EBADF);
    if ((descriptor.rights & rights) !== rights) throw new Fault(ENOTCAPABLE);
    return descriptor;
  }

  /** A descriptor with bytes at positions. */
  file(fd: number, rights: number): FileDescriptor {
    const descriptor = this.get(fd, 0);
    if (descriptor.kind === "stream") throw new Fault(ESPIPE);
    if (descriptor.kind === "directory") throw new Fault(EISDIR);
    if ((descriptor.rights & rights) !== rights) throw new Fault(ENOTCAPABLE);
    return descriptor;
  }

  directory(fd: number, rights: number): DirectoryDescriptor {
    const descriptor = this.get(fd, 0);
    if (descriptor.kind !== "directory") throw new Fault(ENOTDIR);
    if ((descriptor.rights & rights) !== rights) throw new Fault(ENOTCAPABLE);
    return descriptor;
  }

  /** Fails before anything is opened, so that nothing has to be undone. */
  reserve(): void {
    if (this.#descriptors.length >= DESCRIPTORS_MAX && !this.#descriptors.includes(undefined)) throw new Fault(EMFILE);
  }

  /** Takes the lowest free number, as POSIX has it. */
  add(descriptor: Descriptor): number {
    const free = this.#descriptors.indexOf(undefined);
    const fd = free < 0 ? this.#descriptors.length : free;
    this.#descriptors[fd] = descriptor;
    return fd;
  }

  remove(fd: number): Descriptor {
    const descriptor = this.get(fd, 0);
    this.#descriptors[fd >>> 0] = undefined;
    return descriptor;
  }

  /** Answers what `to` was before. */
  move(from: number, to: number): Descriptor {
    const descriptor = this.get(from, 0);
    const before = this.get(to, 0);
    this.#descriptors[from >>> 0] = undefined;
    this.#descriptors[to >>> 0] = descriptor;
    return before;
  }

  /** All there are; none are left. */
  drain(): Descriptor[] {
    const all = this.#descriptors.filter((descriptor) => descriptor !== undefined);
    this.#descriptors = [];
    return all;
  }

  snapshot(): DescriptorState[] {
    const state: DescriptorState[] = [];
    for (const [fd, descriptor] of this.#descriptors.entries()) {
      if (descriptor !== undefined) state.push([fd, { ...descriptor }]);
    }
    return state;
  }

  restore(state: readonly DescriptorState[]): void {
    const descriptors: (Descriptor | undefined)[] = [];
    for (const [fd, descriptor] of state) {
      while (descriptors.length < fd) descriptors.push(undefined);
      descriptors[fd] = { ...descriptor };
    }
    this.#descriptors = descriptors;
  }
}
