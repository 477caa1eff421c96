/** The calls of WASI as a small C library would make them, straight from JavaScript, on shared memory. */

import type { WasiState } from "../../dist/wasi/host.js";
import * as layout from "../../dist/wasi/layout.js";
import { createWasi, type Wasi } from "../../dist/wasi/wasi.js";
import type { Machine } from "./machine.ts";

const RESULT = 64;
const PATH = 4096;
const OTHER_PATH = 12288;
const IOVECS = 20480;
const DATA = 65536;
const DATA_BYTES = 3 * 65536;

const NAMES: readonly string[] =
  "ESUCCESS E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EBADMSG EBUSY ECANCELED ECHILD ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDESTADDRREQ EDOM EDQUOT EEXIST EFAULT EFBIG EHOSTUNREACH EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR ELOOP EMFILE EMLINK EMSGSIZE EMULTIHOP ENAMETOOLONG ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOEXEC ENOLCK ENOLINK ENOMEM ENOMSG ENOPROTOOPT ENOSPC ENOSYS ENOTCONN ENOTDIR ENOTEMPTY ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENXIO EOVERFLOW EOWNERDEAD EPERM EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EROFS ESPIPE ESRCH ESTALE ETIMEDOUT ETXTBSY EXDEV ENOTCAPABLE".split(
    " ",
  );

/** A call's failure, by POSIX name. */
export class CallError extends Error {
  readonly code: string;
  constructor(call: string, errno: number) {
    super(`${call}: ${NAMES[errno] ?? errno}`);
    this.code = NAMES[errno] ?? String(errno);
  }
}

export interface OpenFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  readonly directory?: boolean;
  readonly append?: boolean;
  readonly nonblock?: boolean;
  /** Default true, as for open() without O_NOFOLLOW. */
  readonly follow?: boolean;
}

export interface Stat {
  readonly type: number;
  readonly inode: bigint;
  readonly links: number;
  readonly bytes: number;
  readonly modifiedNs: bigint;
}

export interface Subscription {
  readonly userdata?: bigint;
  readonly clock?: { readonly id: number; readonly ns: bigint; readonly absolute?: boolean };
  readonly read?: number;
  readonly write?: number;
  readonly type?: number;
}

export interface Event {
  readonly userdata: bigint;
  readonly error: string;
  readonly type: number;
  readonly bytes: number;
  readonly hangup: boolean;
}

export class Calls {
  readonly machine: Machine;
  readonly memory: WebAssembly.Memory;
  readonly wasi: Wasi;
  readonly view: DataView;
  readonly bytes: Uint8Array;

  constructor(machine: Machine, state?: WasiState) {
    this.machine = machine;
    this.memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
    machine.memory = this.memory;
    this.wasi = createWasi(machine.host, state);
    this.view = new DataView(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
  }

  /** The call itself; answers its errno as a number. */
  raw(name: string, ...args: (number | bigint)[]): number {
    return (this.wasi.imports[name] as (...args: (number | bigint)[]) => number)(...args);
  }

  call(name: string, ...args: (number | bigint)[]): void {
    const errno = this.raw(name, ...args);
    if (errno !== 0) throw new CallError(name, errno);
  }

  #put(at: number, text: string): [ptr: number, bytes: number] {
    const encoded = new TextEncoder().encode(text);
    this.bytes.set(encoded, at);
    return [at, encoded.length];
  }

  #path(text: string): [ptr: number, bytes: number] {
    return this.#put(PATH, text);
  }

  #iovec(bytes: number): [ptr: number, count: number] {
    this.view.setUint32(IOVECS, DATA, true);
    this.view.setUint32(IOVECS + 4, bytes, true);
    return [IOVECS, 1];
  }

  open(dir: number, path: string, flags: OpenFlags = {}): number {
    const { read = true, write = false, follow = true } = flags;
    let rights = layout.RIGHTS_ALL & ~(layout.FD_DATASYNC | layout.FD_READ | layout.FD_WRITE | layout.FD_ALLOCATE);
    rights &= ~(layout.FD_READDIR | layout.FD_FILESTAT_SET_SIZE);
    if (read) rights |= layout.FD_READ | layout.FD_READDIR;
    if (write) rights |= layout.FD_DATASYNC | layout.FD_WRITE | layout.FD_ALLOCATE | layout.FD_FILESTAT_SET_SIZE;
    const openFlags =
      (flags.create ? layout.OFLAGS_CREAT : 0) |
      (flags.exclusive ? layout.OFLAGS_EXCL : 0) |
      (flags.truncate ? layout.OFLAGS_TRUNC : 0) |
      (flags.directory ? layout.OFLAGS_DIRECTORY : 0);
    const fdFlags = (flags.append ? layout.FDFLAGS_APPEND : 0) | (flags.nonblock ? layout.FDFLAGS_NONBLOCK : 0);
    const inheriting = BigInt(layout.RIGHTS_ALL);
    this.call(
      "path_open",
      dir,
      follow ? 1 : 0,
      ...this.#path(path),
      openFlags,
      BigInt(rights),
      inheriting,
      fdFlags,
      RESULT,
    );
    return this.view.getUint32(RESULT, true);
  }

  close(fd: number): void {
    this.call("fd_close", fd);
  }

  write(fd: number, data: string | Uint8Array, position?: number): number {
    const source = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.bytes.set(source, DATA);
    const iovec = this.#iovec(source.length);
    if (position === undefined) this.call("fd_write", fd, ...iovec, RESULT);
    else this.call("fd_pwrite", fd, ...iovec, BigInt(position), RESULT);
    return this.view.getUint32(RESULT, true);
  }

  read(fd: number, bytes: number = DATA_BYTES, position?: number): string {
    const iovec = this.#iovec(bytes);
    if (position === undefined) this.call("fd_read", fd, ...iovec, RESULT);
    else this.call("fd_pread", fd, ...iovec, BigInt(position), RESULT);
    return Buffer.from(this.bytes.slice(DATA, DATA + this.view.getUint32(RESULT, true))).toString("latin1");
  }

  seek(fd: number, delta: number, whence = 0): number {
    this.call("fd_seek", fd, BigInt(delta), whence, RESULT);
    return Number(this.view.getBigUint64(RESULT, true));
  }

  tell(fd: number): number {
    this.call("fd_tell", fd, RESULT);
    return Number(this.view.getBigUint64(RESULT, true));
  }

  #stat(): Stat {
    return {
      type: this.view.getUint8(RESULT + 16),
      inode: this.view.getBigUint64(RESULT + 8, true),
      links: Number(this.view.getBigUint64(RESULT + 24, true)),
      bytes: Number(this.view.getBigUint64(RESULT + 32, true)),
      modifiedNs: this.view.getBigUint64(RESULT + 48, true),
    };
  }

  stat(fd: number): Stat {
    this.call("fd_filestat_get", fd, RESULT);
    return this.#stat();
  }

  statAt(dir: number, path: string, follow = true): Stat {
    this.call("path_filestat_get", dir, follow ? 1 : 0, ...this.#path(path), RESULT);
    return this.#stat();
  }

  truncate(fd: number, bytes: number): void {
    this.call("fd_filestat_set_size", fd, BigInt(bytes));
  }

  setTimesAt(dir: number, path: string, modifiedNs: bigint, follow = true): void {
    this.call(
      "path_filestat_set_times",
      dir,
      follow ? 1 : 0,
      ...this.#path(path),
      0n,
      modifiedNs,
      layout.FSTFLAGS_MTIM,
    );
  }

  makeDirectory(dir: number, path: string): void {
    this.call("path_create_directory", dir, ...this.#path(path));
  }

  removeDirectory(dir: number, path: string): void {
    this.call("path_remove_directory", dir, ...this.#path(path));
  }

  unlink(dir: number, path: string): void {
    this.call("path_unlink_file", dir, ...this.#path(path));
  }

  rename(from: number, fromPath: string, to: number, toPath: string): void {
    this.call("path_rename", from, ...this.#path(fromPath), to, ...this.#put(OTHER_PATH, toPath));
  }

  link(from: number, fromPath: string, to: number, toPath: string, follow = false): void {
    this.call("path_link", from, follow ? 1 : 0, ...this.#path(fromPath), to, ...this.#put(OTHER_PATH, toPath));
  }

  symlink(target: string, dir: number, path: string): void {
    this.call("path_symlink", ...this.#path(target), dir, ...this.#put(OTHER_PATH, path));
  }

  readLink(dir: number, path: string): string {
    this.call("path_readlink", dir, ...this.#path(path), DATA, 4096, RESULT);
    return Buffer.from(this.bytes.slice(DATA, DATA + this.view.getUint32(RESULT, true))).toString();
  }

  /** One call's worth of names, and the cookie to go on from; undefined at the end. */
  listPart(fd: number, bytes: number, cookie: bigint): { names: string[]; cookie: bigint | undefined } {
    this.call("fd_readdir", fd, DATA, bytes, cookie, RESULT);
    const used = this.view.getUint32(RESULT, true);
    const names: string[] = [];
    let next = cookie;
    for (let at = DATA; at + 24 <= DATA + used; ) {
      const length = this.view.getUint32(at + 16, true);
      if (at + 24 + length > DATA + used) break;
      names.push(Buffer.from(this.bytes.slice(at + 24, at + 24 + length)).toString());
      next = this.view.getBigUint64(at, true);
      at += 24 + length;
    }
    return { names, cookie: used < bytes ? undefined : next };
  }

  /** Everything, sorted. */
  list(fd: number, bytes = 4096): string[] {
    const all: string[] = [];
    for (let cookie: bigint | undefined = 0n; cookie !== undefined; ) {
      const part = this.listPart(fd, bytes, cookie);
      all.push(...part.names);
      cookie = part.cookie;
    }
    return all.filter((name) => name !== "." && name !== "..").sort();
  }

  poll(...subscriptions: Subscription[]): Event[] {
    const events = DATA + 48 * subscriptions.length;
    for (const [index, { userdata, clock, read, write, type }] of subscriptions.entries()) {
      const at = DATA + 48 * index;
      this.bytes.fill(0, at, at + 48);
      this.view.setBigUint64(at, userdata ?? BigInt(index), true);
      this.view.setUint8(at + 8, type ?? (clock !== undefined ? 0 : read !== undefined ? 1 : 2));
      this.view.setUint32(at + 16, clock?.id ?? read ?? write ?? 0, true);
      if (clock !== undefined) {
        this.view.setBigUint64(at + 24, clock.ns, true);
        this.view.setUint16(at + 40, clock.absolute === true ? 1 : 0, true);
      }
    }
    this.call("poll_oneoff", DATA, events, subscriptions.length, RESULT);
    return Array.from({ length: this.view.getUint32(RESULT, true) }, (_, index) => {
      const at = events + 32 * index;
      return {
        userdata: this.view.getBigUint64(at, true),
        error: NAMES[this.view.getUint16(at + 8, true)]!,
        type: this.view.getUint8(at + 10),
        bytes: Number(this.view.getBigUint64(at + 16, true)),
        hangup: this.view.getUint16(at + 24, true) === 1,
      };
    });
  }
}

/** A call's answer, or the name of its failure. */
export function outcome<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof CallError) return error.code;
    throw error;
  }
}
