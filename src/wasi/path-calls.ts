/** Calls that name something by a path, relative to an open directory and never leaving it. */

import type { Calls, Context } from "./context.ts";
import { decodeTimes, encodeStat } from "./descriptor-calls.ts";
import type { Descriptor, DirectoryDescriptor } from "./descriptors.ts";
import { EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTCAPABLE, ENOTDIR, EXDEV } from "./errno.ts";
import { Fault } from "./fault.ts";
import { DIRECTORY, type Files, type FileType, REGULAR_FILE, SYMBOLIC_LINK } from "./files.ts";
import {
  FD_ALLOCATE,
  FD_DATASYNC,
  FD_FILESTAT_SET_SIZE,
  FD_READ,
  FD_READDIR,
  FD_WRITE,
  FDFLAGS_ALL,
  FDFLAGS_APPEND,
  FDFLAGS_DSYNC,
  FDFLAGS_RSYNC,
  FDFLAGS_SYNC,
  FILESTAT_BYTES,
  LOOKUP_SYMLINK_FOLLOW,
  OFLAGS_ALL,
  OFLAGS_CREAT,
  OFLAGS_DIRECTORY,
  OFLAGS_EXCL,
  OFLAGS_TRUNC,
  PATH_CREATE_DIRECTORY,
  PATH_CREATE_FILE,
  PATH_FILESTAT_GET,
  PATH_FILESTAT_SET_SIZE,
  PATH_FILESTAT_SET_TIMES,
  PATH_LINK_SOURCE,
  PATH_LINK_TARGET,
  PATH_OPEN,
  PATH_READLINK,
  PATH_REMOVE_DIRECTORY,
  PATH_RENAME_SOURCE,
  PATH_RENAME_TARGET,
  PATH_SYMLINK,
  PATH_UNLINK_FILE,
  RIGHTS_ALL,
  RIGHTS_DIRECTORY,
  RIGHTS_FILE,
  RIGHTS_SPECIAL,
} from "./layout.ts";
import { type Place, walk } from "./path.ts";

const encoder: TextEncoder = new TextEncoder();

/** What a program asks of a new descriptor. Bits that mean nothing, which some set to say "everything", are dropped. */
function rightsOf(word: bigint): number {
  return Number(BigInt.asUintN(64, word) & BigInt(RIGHTS_ALL));
}

interface Opening {
  readonly openFlags: number;
  readonly flags: number;
  readonly rights: number;
  readonly inheriting: number;
}

export function pathCalls(context: Context): Calls {
  const { host, memory, descriptors } = context;

  function at<T>(base: DirectoryDescriptor, path: string, follow: boolean, work: (place: Place, files: Files) => T): T {
    const files = context.files(base.volume);
    return walk({ files, start: base.handle, path, follow }, (place) => work(place, files));
  }

  /** A call that does one thing to what is named, link or not. */
  function named(rights: number, work: (place: Place, files: Files) => void): Calls[string] {
    return (fd: number, pathPtr: number, pathBytes: number) => {
      const base = descriptors.directory(fd, rights);
      at(base, memory.path(pathPtr, pathBytes), false, work);
    };
  }

  /** Two paths at once, for what moves between them. */
  function between(
    [fromBase, fromPath, follow]: readonly [DirectoryDescriptor, string, boolean],
    [toBase, toPath]: readonly [DirectoryDescriptor, string],
    work: (from: Place, to: Place, files: Files) => void,
  ): void {
    at(fromBase, fromPath, follow, (from, files) =>
      at(toBase, toPath, false, (to) => {
        if (fromBase.volume !== toBase.volume) throw new Fault(EXDEV);
        work(from, to, files);
      }),
    );
  }

  function openDirectory(base: DirectoryDescriptor, place: Place, { flags, rights, inheriting }: Opening): Descriptor {
    const handle = context.files(base.volume).openDirectory(place, { step: false });
    return {
      kind: "directory",
      volume: base.volume,
      handle,
      preopen: undefined,
      listing: undefined,
      rights: rights & RIGHTS_DIRECTORY,
      inheriting,
      flags,
    };
  }

  function openFile(
    base: DirectoryDescriptor,
    place: Place,
    { openFlags, flags, rights, inheriting }: Opening,
  ): Descriptor {
    const files = context.files(base.volume);
    // Rights say how to open: there is nothing else in the call that does.
    const write = (rights & (FD_WRITE | FD_DATASYNC | FD_ALLOCATE | FD_FILESTAT_SET_SIZE)) !== 0;
    const access = { read: !write || (rights & (FD_READ | FD_READDIR)) !== 0, write };
    const handle = files.openFile(place, {
      ...access,
      append: (flags & FDFLAGS_APPEND) !== 0,
      create: (openFlags & OFLAGS_CREAT) !== 0,
      exclusive: (openFlags & OFLAGS_EXCL) !== 0,
      truncate: (openFlags & OFLAGS_TRUNC) !== 0,
      sync: (flags & (FDFLAGS_DSYNC | FDFLAGS_RSYNC | FDFLAGS_SYNC)) !== 0,
    });
    // Asked of what is open, not of the place: the name may mean something else by now.
    const { type } = files.stat(handle);
    const allowed = type === REGULAR_FILE ? RIGHTS_FILE : RIGHTS_SPECIAL;
    return {
      kind: "file",
      volume: base.volume,
      type,
      access,
      handle,
      offset: 0,
      rights: rights & allowed,
      inheriting: inheriting & allowed,
      flags,
    };
  }

  function open(base: DirectoryDescriptor, place: Place, opening: Opening): Descriptor {
    const { openFlags, rights } = opening;
    const type: FileType | undefined = place.stat?.type;
    const create = (openFlags & OFLAGS_CREAT) !== 0;
    const wantsDirectory = (openFlags & OFLAGS_DIRECTORY) !== 0;
    if (create && wantsDirectory) throw new Fault(EINVAL);
    if (type !== undefined && create && (openFlags & OFLAGS_EXCL) !== 0) throw new Fault(EEXIST);
    if (type === undefined && create && place.slash) throw new Fault(EISDIR);
    if (type === undefined && !create) throw new Fault(ENOENT);
    if (type === SYMBOLIC_LINK) throw new Fault(wantsDirectory ? ENOTDIR : ELOOP);
    if (type !== DIRECTORY) {
      if (wantsDirectory) throw new Fault(ENOTDIR);
      return openFile(base, place, opening);
    }
    const writes = create || (openFlags & OFLAGS_TRUNC) !== 0 || (!wantsDirectory && (rights & FD_WRITE) !== 0);
    if (writes) throw new Fault(EISDIR);
    return openDirectory(base, place, opening);
  }

  return {
    path_open(
      fd: number,
      lookup: number,
      pathPtr: number,
      pathBytes: number,
      openFlags: number,
      rightsWord: bigint,
      inheritingWord: bigint,
      flags: number,
      fdPtr: number,
    ) {
      memory.check(fdPtr, 4);
      const path = memory.path(pathPtr, pathBytes);
      if ((openFlags & ~OFLAGS_ALL) !== 0 || (flags & ~FDFLAGS_ALL) !== 0) throw new Fault(EINVAL);
      const create = (openFlags & OFLAGS_CREAT) !== 0;
      const needed =
        PATH_OPEN | (create ? PATH_CREATE_FILE : 0) | ((openFlags & OFLAGS_TRUNC) !== 0 ? PATH_FILESTAT_SET_SIZE : 0);
      const base = descriptors.directory(fd, needed);
      const rights = rightsOf(rightsWord);
      const inheriting = rightsOf(inheritingWord);
      if (((rights | inheriting) & ~base.inheriting) !== 0) throw new Fault(ENOTCAPABLE);
      descriptors.reserve();
      const follow = (lookup & LOOKUP_SYMLINK_FOLLOW) !== 0 && !(create && (openFlags & OFLAGS_EXCL) !== 0);
      const opening = { openFlags, flags, rights, inheriting };
      memory.writeU32(fdPtr, descriptors.add(at(base, path, follow, (place) => open(base, place, opening))));
    },

    path_filestat_get(fd: number, lookup: number, pathPtr: number, pathBytes: number, statPtr: number) {
      memory.check(statPtr, FILESTAT_BYTES);
      const base = descriptors.directory(fd, PATH_FILESTAT_GET);
      const path = memory.path(pathPtr, pathBytes);
      const follow = (lookup & LOOKUP_SYMLINK_FOLLOW) !== 0 || path.endsWith("/");
      const stat = at(base, path, follow, (place) => place.stat);
      if (stat === undefined) throw new Fault(ENOENT);
      memory.writeBytes(statPtr, encodeStat(stat));
    },

    path_filestat_set_times(
      fd: number,
      lookup: number,
      pathPtr: number,
      pathBytes: number,
      accessed: bigint,
      modified: bigint,
      flags: number,
    ) {
      const base = descriptors.directory(fd, PATH_FILESTAT_SET_TIMES);
      const times = decodeTimes(accessed, modified, flags, host.clock.wallNs);
      at(base, memory.path(pathPtr, pathBytes), (lookup & LOOKUP_SYMLINK_FOLLOW) !== 0, (place, files) =>
        files.setTimesAt(place, times),
      );
    },

    path_create_directory: named(PATH_CREATE_DIRECTORY, (place, files) => files.makeDirectory(place)),
    path_remove_directory: named(PATH_REMOVE_DIRECTORY, (place, files) => files.removeDirectory(place)),
    path_unlink_file: named(PATH_UNLINK_FILE, (place, files) => files.removeFile(place)),

    path_rename(fromFd: number, fromPtr: number, fromBytes: number, toFd: number, toPtr: number, toBytes: number) {
      const fromBase = descriptors.directory(fromFd, PATH_RENAME_SOURCE);
      const toBase = descriptors.directory(toFd, PATH_RENAME_TARGET);
      const fromPath = memory.path(fromPtr, fromBytes);
      const toPath = memory.path(toPtr, toBytes);
      between([fromBase, fromPath, false], [toBase, toPath], (from, to, files) => {
        if (from.stat === undefined) throw new Fault(ENOENT);
        if (to.slash && from.stat.type !== DIRECTORY) throw new Fault(ENOTDIR);
        files.rename(from, to);
      });
    },

    path_link(
      fromFd: number,
      lookup: number,
      fromPtr: number,
      fromBytes: number,
      toFd: number,
      toPtr: number,
      toBytes: number,
    ) {
      const fromBase = descriptors.directory(fromFd, PATH_LINK_SOURCE);
      const toBase = descriptors.directory(toFd, PATH_LINK_TARGET);
      const fromPath = memory.path(fromPtr, fromBytes);
      const toPath = memory.path(toPtr, toBytes);
      between([fromBase, fromPath, (lookup & LOOKUP_SYMLINK_FOLLOW) !== 0], [toBase, toPath], (from, to, files) => {
        if (to.slash && to.stat === undefined) throw new Fault(ENOENT);
        files.link(from, to);
      });
    },

    /** An absolute link would lead nowhere for the guest, but somewhere for programs outside that come by. */
    path_symlink(targetPtr: number, targetBytes: number, fd: number, pathPtr: number, pathBytes: number) {
      const base = descriptors.directory(fd, PATH_SYMLINK);
      const target = memory.path(targetPtr, targetBytes);
      if (target === "") throw new Fault(ENOENT);
      if (target.startsWith("/")) throw new Fault(ENOTCAPABLE);
      at(base, memory.path(pathPtr, pathBytes), false, (place, files) => {
        if (place.slash && place.stat === undefined) throw new Fault(ENOENT);
        files.symlink(target, place);
      });
    },

    /** Cut without a word if the buffer is too small, as POSIX has it. */
    path_readlink(fd: number, pathPtr: number, pathBytes: number, ptr: number, bytes: number, usedPtr: number) {
      const base = descriptors.directory(fd, PATH_READLINK);
      memory.check(usedPtr, 4);
      memory.check(ptr, bytes >>> 0);
      const path = memory.path(pathPtr, pathBytes);
      const target = at(base, path, false, (place, files) => {
        if (place.stat === undefined) throw new Fault(ENOENT);
        return files.readLink(place);
      });
      const cut = encoder.encode(target).subarray(0, bytes >>> 0);
      memory.writeBytes(ptr, cut);
      memory.writeU32(usedPtr, cut.length);
    },
  };
}
