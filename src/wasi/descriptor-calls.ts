/** What can be asked of and done to a descriptor as a whole: what it is, how it behaves, its metadata, its listing, its end. */

import type { Calls, Context } from "./context.ts";
import { sizeOf } from "./context.ts";
import type { Descriptor, DirectoryDescriptor, StreamDescriptor } from "./descriptors.ts";
import { EBADF, EINVAL, ENAMETOOLONG, ENOTCAPABLE, ESPIPE } from "./errno.ts";
import { Fault } from "./fault.ts";
import {
  CHARACTER_DEVICE,
  DIRECTORY,
  type FileStat,
  type FileTimes,
  type FileType,
  REGULAR_FILE,
  SOCKET_STREAM,
} from "./files.ts";
import {
  DIRENT_BYTES,
  FD_ADVISE,
  FD_ALLOCATE,
  FD_DATASYNC,
  FD_FDSTAT_SET_FLAGS,
  FD_FILESTAT_GET,
  FD_FILESTAT_SET_SIZE,
  FD_FILESTAT_SET_TIMES,
  FD_READDIR,
  FD_SYNC,
  FDFLAGS_ALL,
  FDFLAGS_APPEND,
  FDFLAGS_DSYNC,
  FDFLAGS_NONBLOCK,
  FDFLAGS_SYNC,
  FDSTAT_BYTES,
  FILESTAT_BYTES,
  FSTFLAGS_ATIM,
  FSTFLAGS_ATIM_NOW,
  FSTFLAGS_MTIM,
  FSTFLAGS_MTIM_NOW,
  PRESTAT_BYTES,
  RIGHTS_ALL,
} from "./layout.ts";

const ADVICE_MAX = 5;
const encoder: TextEncoder = new TextEncoder();

/** A filestat structure. */
export function encodeStat(stat: FileStat): Uint8Array {
  const view = new DataView(new ArrayBuffer(FILESTAT_BYTES));
  view.setBigUint64(0, stat.device, true);
  view.setBigUint64(8, stat.inode, true);
  view.setUint8(16, stat.type);
  view.setBigUint64(24, stat.links, true);
  view.setBigUint64(32, stat.bytes, true);
  view.setBigUint64(40, stat.accessedNs, true);
  view.setBigUint64(48, stat.modifiedNs, true);
  view.setBigUint64(56, stat.changedNs, true);
  return new Uint8Array(view.buffer);
}

/** Which times to set, and to what. */
export function decodeTimes(accessed: bigint, modified: bigint, flags: number, wallNs: () => bigint): FileTimes {
  const time = (given: bigint, set: number, now: number): bigint | undefined => {
    if ((flags & set) !== 0 && (flags & now) !== 0) throw new Fault(EINVAL);
    if ((flags & now) !== 0) return wallNs();
    return (flags & set) !== 0 ? BigInt.asUintN(64, given) : undefined;
  };
  return {
    accessedNs: time(accessed, FSTFLAGS_ATIM, FSTFLAGS_ATIM_NOW),
    modifiedNs: time(modified, FSTFLAGS_MTIM, FSTFLAGS_MTIM_NOW),
  };
}

/** Closes what a descriptor holds. Streams belong to the host. */
export function closeDescriptor(context: Context, descriptor: Descriptor): void {
  if (descriptor.kind !== "stream") context.files(descriptor.volume).close(descriptor.handle);
}

export function descriptorCalls(context: Context): Calls {
  const { host, memory, descriptors } = context;

  function streamType({ stream }: StreamDescriptor): FileType {
    const { terminal } = stream === 0 ? host.stdin : stream === 1 ? host.stdout : host.stderr;
    // There is no type for pipes; this is the one that others give them.
    return terminal === true ? CHARACTER_DEVICE : SOCKET_STREAM;
  }

  function typeOf(descriptor: Descriptor): FileType {
    if (descriptor.kind === "stream") return streamType(descriptor);
    return descriptor.kind === "directory" ? DIRECTORY : descriptor.type;
  }

  function statOf(descriptor: Descriptor): FileStat {
    if (descriptor.kind !== "stream") return context.files(descriptor.volume).stat(descriptor.handle);
    const type = streamType(descriptor);
    return { type, device: 0n, inode: 0n, links: 1n, bytes: 0n, accessedNs: 0n, modifiedNs: 0n, changedNs: 0n };
  }

  function sync(fd: number, rights: number, data: boolean): void {
    const descriptor = descriptors.get(fd, rights);
    if (descriptor.kind === "stream") throw new Fault(EINVAL);
    context.files(descriptor.volume).sync(descriptor.handle, { data });
  }

  function preopen(fd: number): Uint8Array {
    const descriptor = descriptors.get(fd, 0);
    // Programs count up from 3 until they hear EBADF, so everything that is no preopen has to sound like the end.
    if (descriptor.kind !== "directory" || descriptor.preopen === undefined) throw new Fault(EBADF);
    return encoder.encode(descriptor.preopen);
  }

  /** As many entries as fit, the last one perhaps cut: a full buffer tells the guest that there is more. */
  function listInto(descriptor: DirectoryDescriptor, space: number, cookie: number): Uint8Array {
    const files = context.files(descriptor.volume);
    const { handle } = descriptor;
    if (cookie === 0 || descriptor.listing === undefined) {
      descriptor.listing = [{ name: ".", type: DIRECTORY }, { name: "..", type: DIRECTORY }, ...files.list(handle)];
    }
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for (let index = cookie; index < descriptor.listing.length && bytes < space; index++) {
      const { name, type } = descriptor.listing[index]!;
      // The parent's number would tell something about what is outside.
      const stat = index < 2 ? files.stat(handle) : files.statAt({ dir: handle, name });
      const encoded = encoder.encode(name);
      const header = new DataView(new ArrayBuffer(DIRENT_BYTES));
      header.setBigUint64(0, BigInt(index + 1), true);
      header.setBigUint64(8, stat?.inode ?? 0n, true);
      header.setUint32(16, encoded.length, true);
      // A listing need not know what kinds things are.
      header.setUint8(20, stat?.type ?? type);
      pieces.push(new Uint8Array(header.buffer), encoded);
      bytes += DIRENT_BYTES + encoded.length;
    }
    const list = new Uint8Array(bytes);
    let at = 0;
    for (const piece of pieces) {
      list.set(piece, at);
      at += piece.length;
    }
    return list.subarray(0, space);
  }

  return {
    fd_fdstat_get(fd: number, ptr: number) {
      const descriptor = descriptors.get(fd, 0);
      const view = new DataView(new ArrayBuffer(FDSTAT_BYTES));
      view.setUint8(0, typeOf(descriptor));
      view.setUint16(2, descriptor.flags, true);
      view.setUint32(8, descriptor.rights, true);
      view.setUint32(16, descriptor.inheriting, true);
      memory.writeBytes(ptr, new Uint8Array(view.buffer));
    },

    /** Of the flags only two can be changed on what is open already, as on Linux. */
    fd_fdstat_set_flags(fd: number, flags: number) {
      if ((flags & ~FDFLAGS_ALL) !== 0) throw new Fault(EINVAL);
      const descriptor = descriptors.get(fd, FD_FDSTAT_SET_FLAGS);
      const changed = (descriptor.flags ^ flags) & (FDFLAGS_APPEND | FDFLAGS_NONBLOCK);
      if ((changed & FDFLAGS_APPEND) !== 0 && descriptor.kind === "file" && descriptor.type === REGULAR_FILE) {
        const files = context.files(descriptor.volume);
        const { handle } = descriptor;
        descriptor.handle = files.reopen(handle, {
          ...descriptor.access,
          append: (flags & FDFLAGS_APPEND) !== 0,
          create: false,
          exclusive: false,
          truncate: false,
          sync: (descriptor.flags & (FDFLAGS_DSYNC | FDFLAGS_SYNC)) !== 0,
        });
        files.close(handle);
      }
      descriptor.flags ^= changed;
    },

    fd_fdstat_set_rights(fd: number, rights: bigint, inheriting: bigint) {
      const descriptor = descriptors.get(fd, 0);
      const base = Number(BigInt.asUintN(64, rights));
      const inherited = Number(BigInt.asUintN(64, inheriting));
      const adds = (wanted: number, held: number): boolean => wanted > RIGHTS_ALL || (wanted & ~held) !== 0;
      if (adds(base, descriptor.rights) || adds(inherited, descriptor.inheriting)) throw new Fault(ENOTCAPABLE);
      descriptor.rights = base;
      descriptor.inheriting = inherited;
    },

    fd_prestat_get(fd: number, ptr: number) {
      const view = new DataView(new ArrayBuffer(PRESTAT_BYTES));
      view.setUint32(4, preopen(fd).length, true);
      memory.writeBytes(ptr, new Uint8Array(view.buffer));
    },

    fd_prestat_dir_name(fd: number, ptr: number, bytes: number) {
      const name = preopen(fd);
      if (name.length > bytes >>> 0) throw new Fault(ENAMETOOLONG);
      memory.writeBytes(ptr, name);
    },

    fd_filestat_get(fd: number, ptr: number) {
      memory.check(ptr, FILESTAT_BYTES);
      memory.writeBytes(ptr, encodeStat(statOf(descriptors.get(fd, FD_FILESTAT_GET))));
    },

    fd_filestat_set_size(fd: number, bytes: bigint) {
      const { volume, type, handle } = descriptors.file(fd, FD_FILESTAT_SET_SIZE);
      if (type !== REGULAR_FILE) throw new Fault(EINVAL);
      context.files(volume).truncate(handle, sizeOf(bytes));
    },

    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number) {
      const descriptor = descriptors.get(fd, FD_FILESTAT_SET_TIMES);
      if (descriptor.kind === "stream") throw new Fault(EINVAL);
      const times = decodeTimes(accessed, modified, flags, host.clock.wallNs);
      context.files(descriptor.volume).setTimes(descriptor.handle, times);
    },

    /** Makes the file as long as asked; that the space is really there nobody can promise here. */
    fd_allocate(fd: number, offset: bigint, bytes: bigint) {
      const { volume, type, handle } = descriptors.file(fd, FD_ALLOCATE);
      if (type !== REGULAR_FILE || bytes === 0n) throw new Fault(EINVAL);
      const end = sizeOf(BigInt(sizeOf(offset) + sizeOf(bytes)));
      const files = context.files(volume);
      if (files.stat(handle).bytes < BigInt(end)) files.truncate(handle, end);
    },

    fd_advise(fd: number, _offset: bigint, _bytes: bigint, advice: number) {
      if (advice >>> 0 > ADVICE_MAX) throw new Fault(EINVAL);
      const { type } = descriptors.file(fd, FD_ADVISE);
      if (type !== REGULAR_FILE) throw new Fault(ESPIPE);
    },

    fd_sync: (fd: number) => sync(fd, FD_SYNC, false),
    fd_datasync: (fd: number) => sync(fd, FD_DATASYNC, true),

    fd_readdir(fd: number, ptr: number, bytes: number, cookie: bigint, usedPtr: number) {
      const descriptor = descriptors.directory(fd, FD_READDIR);
      const space = bytes >>> 0;
      memory.check(usedPtr, 4);
      memory.check(ptr, space);
      const list = listInto(descriptor, space, sizeOf(cookie));
      memory.writeBytes(ptr, list);
      memory.writeU32(usedPtr, list.length);
    },

    fd_close(fd: number) {
      closeDescriptor(context, descriptors.remove(fd));
    },

    fd_renumber(from: number, to: number) {
      descriptors.get(from, 0);
      descriptors.get(to, 0);
      if (from >>> 0 !== to >>> 0) closeDescriptor(context, descriptors.move(from, to));
    },
  };
}
