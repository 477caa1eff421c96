/**
 * Real directories on Node, one name at a time.
 *
 * Node has no openat(). On Linux `/proc/self/fd/N/name` is the same thing: it names an entry of the very directory that
 * descriptor N holds open, wherever that directory has been moved to. So a walk cannot be led astray by whoever renames or
 * replaces things meanwhile.
 *
 * Elsewhere a directory is its absolute path, and before each use it is made sure that the path still leads to itself, through
 * no symbolic link. That holds against links, but not against somebody outside the guest who replaces a directory by a link
 * between the look and the use.
 *
 * Everything is opened non-blocking, so that a pipe or a terminal answers EAGAIN where it would hold the thread.
 */

import { isUtf8 } from "node:buffer";
import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Context } from "../wasi/context.ts";
import * as errno from "../wasi/errno.ts";
import { Fault } from "../wasi/fault.ts";
import {
  BLOCK_DEVICE,
  CHARACTER_DEVICE,
  type Channel,
  DIRECTORY,
  type Entry,
  type FileEntry,
  type FileStat,
  type FileTimes,
  type FileType,
  type Handle,
  type HostFiles,
  type OpenList,
  type OpenOptions,
  REGULAR_FILE,
  SOCKET_STREAM,
  SYMBOLIC_LINK,
  UNKNOWN,
} from "../wasi/files.ts";
import { deviceChannel } from "./node-devices.ts";

/** Linux: a descriptor to walk through, for which the right to list is not needed. Node has no name for it. */
const O_PATH = 0o10000000;

// What a system does not have it does not need: without symbolic links or terminals there is nothing to avoid.
const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants;
const O_DIRECTORY: number = constants.O_DIRECTORY ?? 0;
const O_NOFOLLOW: number = constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK: number = constants.O_NONBLOCK ?? 0;
const O_NOCTTY: number = constants.O_NOCTTY ?? 0;
const O_SYNC: number = constants.O_SYNC ?? 0;

/** By the name that the system's errors have. */
const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(errno));

/** As much as Linux moves in one call. */
const TRANSFER_BYTES_MAX = 0x7fff_f000;

const TYPES: ReadonlyMap<bigint, FileType> = new Map<bigint, FileType>([
  [BigInt(constants.S_IFREG), REGULAR_FILE],
  [BigInt(constants.S_IFDIR), DIRECTORY],
  [BigInt(constants.S_IFLNK), SYMBOLIC_LINK],
  [BigInt(constants.S_IFCHR), CHARACTER_DEVICE],
  [BigInt(constants.S_IFBLK ?? -1), BLOCK_DEVICE],
  [BigInt(constants.S_IFSOCK ?? -2), SOCKET_STREAM],
]);

function toStat(stat: BigIntStats): FileStat {
  return {
    type: TYPES.get(stat.mode & BigInt(constants.S_IFMT)) ?? UNKNOWN,
    device: stat.dev,
    inode: stat.ino,
    links: stat.nlink,
    bytes: stat.size,
    accessedNs: stat.atimeNs,
    modifiedNs: stat.mtimeNs,
    changedNs: stat.ctimeNs,
  };
}

function toFlags({ read, write, append, create, exclusive, truncate, sync }: OpenOptions): number {
  let flags = write ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
  if (append) flags |= O_APPEND;
  if (create) flags |= O_CREAT;
  if (create && exclusive) flags |= O_EXCL;
  if (truncate) flags |= O_TRUNC;
  if (sync) flags |= O_SYNC;
  return flags | O_NONBLOCK | O_NOCTTY;
}

/** Node takes seconds; of the nanoseconds about a quarter of a microsecond is left. */
function toSeconds({ accessedNs, modifiedNs }: FileTimes, before: FileStat): [accessed: number, modified: number] {
  return [Number(accessedNs ?? before.accessedNs) / 1e9, Number(modifiedNs ?? before.modifiedNs) / 1e9];
}

export class NodeFiles implements HostFiles {
  /** Whether directories are descriptors, and not paths. */
  readonly #relative: boolean;
  readonly #list: OpenList | undefined;

  constructor({ relative, list }: { relative: boolean; list?: OpenList }) {
    this.#relative = relative;
    this.#list = list;
  }

  listedOn(list: OpenList): HostFiles {
    return new NodeFiles({ relative: this.#relative, list });
  }

  #opened(handle: Handle): Handle {
    if (typeof handle === "number") this.#list?.opened(handle);
    return handle;
  }

  #path({ dir, name }: Entry): string {
    if (typeof dir === "number") return `/proc/self/fd/${dir}/${name}`;
    if (process.platform === "win32" && /[\\:]/.test(name)) throw new Fault(errno.EINVAL);
    return join(this.#real(dir), name);
  }

  /** A directory's path, once it is known that it leads through no link. */
  #real(dir: string): string {
    if (realpathSync.native(dir) !== dir) throw new Fault(errno.ENOTCAPABLE);
    return dir;
  }

  openRoot(path: string): Handle {
    if (this.#relative) return this.#opened(openSync(path, O_RDONLY | O_DIRECTORY));
    const real = realpathSync.native(path);
    if (!lstatSync(real).isDirectory()) throw new Fault(errno.ENOTDIR);
    return real;
  }

  errnoOf(thrown: unknown): number | undefined {
    const { code, syscall } = (thrown ?? {}) as { code?: unknown; syscall?: unknown };
    if (typeof code !== "string") return undefined;
    // Node's functions refuse some arguments before the system sees them.
    if (code.startsWith("ERR_")) return errno.EINVAL;
    if (code === "EOPNOTSUPP") return errno.ENOTSUP;
    return NUMBERS.get(code) ?? (syscall === undefined ? undefined : errno.EIO);
  }

  channel(device: Handle, context: Context): Channel {
    return deviceChannel(this, device, context);
  }

  openDirectory(at: Entry, { step }: { step: boolean }): Handle {
    const path = this.#path(at);
    if (this.#relative) return this.#opened(openSync(path, (step ? O_PATH : O_RDONLY) | O_DIRECTORY | O_NOFOLLOW));
    const stat = lstatSync(path);
    if (!stat.isDirectory()) throw new Fault(errno.ENOTDIR);
    return path;
  }

  openFile(at: Entry, options: OpenOptions): Handle {
    const path = this.#path(at);
    if (O_NOFOLLOW === 0 && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) throw new Fault(errno.ELOOP);
    return this.#opened(openSync(path, toFlags(options) | O_NOFOLLOW, 0o666));
  }

  reopen(file: Handle, options: OpenOptions): Handle {
    if (!this.#relative) throw new Fault(errno.ENOTSUP);
    return this.#opened(openSync(`/proc/self/fd/${file}`, toFlags(options)));
  }

  close(handle: Handle): void {
    if (typeof handle !== "number") return;
    // Off the list first: once closed, the number may at once be somebody else's.
    this.#list?.closed(handle);
    closeSync(handle);
  }

  read(file: Handle, into: Uint8Array, position: number | undefined): number {
    return readSync(file as number, into, 0, Math.min(into.length, TRANSFER_BYTES_MAX), position ?? null);
  }

  write(file: Handle, from: Uint8Array, position: number | undefined): number {
    return writeSync(file as number, from, 0, Math.min(from.length, TRANSFER_BYTES_MAX), position ?? null);
  }

  truncate(file: Handle, bytes: number): void {
    ftruncateSync(file as number, bytes);
  }

  sync(handle: Handle, { data }: { data: boolean }): void {
    if (typeof handle !== "number") return;
    if (data) fdatasyncSync(handle);
    else fsyncSync(handle);
  }

  stat(handle: Handle): FileStat {
    const stat =
      typeof handle === "number"
        ? fstatSync(handle, { bigint: true })
        : lstatSync(this.#real(handle), { bigint: true });
    return toStat(stat);
  }

  statAt(at: Entry): FileStat | undefined {
    const stat = lstatSync(this.#path(at), { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? undefined : toStat(stat);
  }

  setTimes(handle: Handle, times: FileTimes): void {
    const [accessed, modified] = toSeconds(times, this.stat(handle));
    if (typeof handle === "number") futimesSync(handle, accessed, modified);
    else lutimesSync(this.#real(handle), accessed, modified);
  }

  setTimesAt(at: Entry, times: FileTimes): void {
    const before = this.statAt(at);
    if (before === undefined) throw new Fault(errno.ENOENT);
    lutimesSync(this.#path(at), ...toSeconds(times, before));
  }

  /** Names that are no UTF-8 cannot be said in WASI, so they are left out. */
  list(dir: Handle): FileEntry[] {
    const path = typeof dir === "number" ? `/proc/self/fd/${dir}` : this.#real(dir);
    const entries: FileEntry[] = [];
    for (const entry of readdirSync(path, { withFileTypes: true, encoding: "buffer" })) {
      if (!isUtf8(entry.name)) continue;
      const type = entry.isFile()
        ? REGULAR_FILE
        : entry.isDirectory()
          ? DIRECTORY
          : entry.isSymbolicLink()
            ? SYMBOLIC_LINK
            : UNKNOWN;
      entries.push({ name: entry.name.toString(), type });
    }
    return entries;
  }

  readLink(at: Entry): string {
    return readlinkSync(this.#path(at));
  }

  makeDirectory(at: Entry): void {
    mkdirSync(this.#path(at));
  }

  removeDirectory(at: Entry): void {
    rmdirSync(this.#path(at));
  }

  removeFile(at: Entry): void {
    unlinkSync(this.#path(at));
  }

  rename(from: Entry, to: Entry): void {
    renameSync(this.#path(from), this.#path(to));
  }

  link(from: Entry, to: Entry): void {
    linkSync(this.#path(from), this.#path(to));
  }

  symlink(target: string, at: Entry): void {
    symlinkSync(target, this.#path(at));
  }
}

/** What this system offers. */
export const nodeFiles: NodeFiles = new NodeFiles({
  relative: process.platform === "linux" && existsSync("/proc/self/fd"),
});
