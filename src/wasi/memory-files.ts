/**
 * Files in memory: a tree for guests where there are no directories of a system, or that shall not see them.
 *
 * It behaves as Linux does, errors included, because that is what programs are written against; permissions and times of
 * access are left out. All nodes are plain records found by number, so the state is a copy of two tables. Contents are shared
 * memory: they move to another Worker without being copied, and grow by doubling.
 */

import { invalid } from "../checks.ts";
import {
  EBADF,
  EBUSY,
  EEXIST,
  EFBIG,
  EINVAL,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
} from "./errno.ts";
import { Fault } from "./fault.ts";
import {
  DIRECTORY,
  type Entry,
  type FileEntry,
  type FileStat,
  type Files,
  type FileTimes,
  type Handle,
  type OpenOptions,
  REGULAR_FILE,
  SYMBOLIC_LINK,
} from "./files.ts";
import type { FileTree } from "./host.ts";

const NAME_BYTES_MAX = 255;
/** What one view of memory can hold on every engine. */
const FILE_BYTES_MAX = 0x7fff_0000;
const CAPACITY_BYTES_MIN = 4096;

interface Common {
  readonly inode: number;
  /** Names that lead here; 0 once it has been removed. */
  links: number;
  /** Open handles, for which a removed node stays. */
  opens: number;
  accessedNs: bigint;
  modifiedNs: bigint;
  changedNs: bigint;
}

interface RegularFile extends Common {
  readonly type: typeof REGULAR_FILE;
  /** Room; zeros behind `bytes`. */
  room: Uint8Array;
  bytes: number;
}

interface Directory extends Common {
  readonly type: typeof DIRECTORY;
  /** Name to inode. */
  readonly entries: Map<string, number>;
  parent: number;
}

interface SymbolicLink extends Common {
  readonly type: typeof SYMBOLIC_LINK;
  readonly target: string;
}

type Node = RegularFile | Directory | SymbolicLink;

interface Open {
  readonly inode: number;
  readonly append: boolean;
}

export interface MemoryFilesState {
  readonly nodes: readonly Readonly<Node>[];
  readonly open: readonly (readonly [handle: number, open: Open])[];
  /** Of the next node and the next handle. */
  readonly next: number;
}

const encoder: TextEncoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

function copyOf(node: Readonly<Node>): Node {
  return node.type === DIRECTORY ? { ...node, entries: new Map(node.entries) } : { ...node };
}

export class MemoryFiles implements Files {
  readonly #wallNs: () => bigint;
  #nodes = new Map<number, Node>();
  #open = new Map<number, Open>();
  #next = 1;

  constructor(wallNs: () => bigint) {
    this.#wallNs = wallNs;
  }

  /** Makes a directory of a description and opens it. */
  plant(tree: FileTree): Handle {
    const root = this.#grow(tree, undefined);
    return this.#hold(root, false);
  }

  snapshot(): MemoryFilesState {
    return { nodes: Array.from(this.#nodes.values(), copyOf), open: [...this.#open], next: this.#next };
  }

  restore(state: MemoryFilesState): void {
    this.#nodes = new Map(state.nodes.map((node) => [node.inode, copyOf(node)]));
    this.#open = new Map(state.open);
    this.#next = state.next;
  }

  // ---- nodes ----

  #common(): Common {
    const now = this.#wallNs();
    return { inode: this.#next++, links: 1, opens: 0, accessedNs: now, modifiedNs: now, changedNs: now };
  }

  #keep<T extends Node>(node: T): T {
    this.#nodes.set(node.inode, node);
    return node;
  }

  #newFile(): RegularFile {
    return this.#keep({ ...this.#common(), type: REGULAR_FILE, room: new Uint8Array(0), bytes: 0 });
  }

  #newDirectory(parent: number | undefined): Directory {
    const common = this.#common();
    return this.#keep({ ...common, type: DIRECTORY, entries: new Map(), parent: parent ?? common.inode });
  }

  #grow(tree: FileTree, parent: number | undefined): Directory {
    const directory = this.#newDirectory(parent);
    for (const [name, content] of Object.entries(tree)) {
      if (name === "" || name === "." || name === ".." || /[/\0]/.test(name) || bytesOf(name) > NAME_BYTES_MAX) {
        throw invalid(`${JSON.stringify(name)} is no name for a file`);
      }
      if (typeof content === "string" || content instanceof Uint8Array) {
        const bytes = typeof content === "string" ? encoder.encode(content) : content;
        const file = this.#newFile();
        this.#resize(file, bytes.length);
        file.room.set(bytes);
        directory.entries.set(name, file.inode);
      } else {
        directory.entries.set(name, this.#grow(content, directory.inode).inode);
      }
    }
    return directory;
  }

  /** Sets the length; what is new is zero. */
  #resize(file: RegularFile, bytes: number): void {
    if (bytes > FILE_BYTES_MAX) throw new Fault(EFBIG);
    if (bytes > file.room.length) {
      const capacity = Math.min(Math.max(bytes, file.room.length * 2, CAPACITY_BYTES_MIN), FILE_BYTES_MAX);
      let room: Uint8Array;
      try {
        room = new Uint8Array(new SharedArrayBuffer(capacity));
      } catch {
        throw new Fault(ENOSPC);
      }
      room.set(file.room.subarray(0, file.bytes));
      file.room = room;
    } else if (bytes < file.bytes) {
      file.room.fill(0, bytes, file.bytes);
    }
    file.bytes = bytes;
  }

  #touch(node: Node): void {
    node.modifiedNs = node.changedNs = this.#wallNs();
  }

  #node(handle: Handle): Node {
    const open = this.#open.get(handle as number);
    if (open === undefined) throw new Fault(EBADF);
    return this.#nodes.get(open.inode)!;
  }

  #file(handle: Handle): RegularFile {
    const node = this.#node(handle);
    if (node.type !== REGULAR_FILE) throw new Fault(EINVAL);
    return node;
  }

  #directory(handle: Handle): Directory {
    const node = this.#node(handle);
    if (node.type !== DIRECTORY) throw new Fault(ENOTDIR);
    return node;
  }

  #find({ dir, name }: Entry): Node | undefined {
    const directory = this.#directory(dir);
    if (name === ".") return directory;
    if (bytesOf(name) > NAME_BYTES_MAX) throw new Fault(ENAMETOOLONG);
    const inode = directory.entries.get(name);
    return inode === undefined ? undefined : this.#nodes.get(inode);
  }

  #existing(at: Entry): Node {
    const node = this.#find(at);
    if (node === undefined) throw new Fault(ENOENT);
    return node;
  }

  /** The directory in which a new name may be put. */
  #placeFor(at: Entry): Directory {
    if (this.#find(at) !== undefined) throw new Fault(EEXIST);
    const directory = this.#directory(at.dir);
    if (directory.links === 0) throw new Fault(ENOENT);
    return directory;
  }

  #hold(node: Node, append: boolean): number {
    const handle = this.#next++;
    this.#open.set(handle, { inode: node.inode, append });
    node.opens++;
    return handle;
  }

  #enter(directory: Directory, name: string, node: Node): void {
    directory.entries.set(name, node.inode);
    this.#touch(directory);
  }

  /** Takes a name away; with the last name and the last handle the node goes. */
  #drop(directory: Directory, name: string, node: Node): void {
    directory.entries.delete(name);
    this.#touch(directory);
    node.links--;
    node.changedNs = directory.changedNs;
    this.#release(node);
  }

  #release(node: Node): void {
    if (node.links === 0 && node.opens === 0) this.#nodes.delete(node.inode);
  }

  // ---- open things ----

  openDirectory(at: Entry): Handle {
    const node = this.#existing(at);
    if (node.type !== DIRECTORY) throw new Fault(ENOTDIR);
    return this.#hold(node, false);
  }

  openFile(at: Entry, { append, create, exclusive, truncate }: OpenOptions): Handle {
    let node = this.#find(at);
    if (node === undefined) {
      if (!create) throw new Fault(ENOENT);
      const directory = this.#placeFor(at);
      node = this.#newFile();
      this.#enter(directory, at.name, node);
    } else if (create && exclusive) {
      throw new Fault(EEXIST);
    }
    if (node.type === DIRECTORY) throw new Fault(EISDIR);
    if (node.type === SYMBOLIC_LINK) throw new Fault(ELOOP);
    if (truncate) {
      this.#resize(node, 0);
      this.#touch(node);
    }
    return this.#hold(node, append);
  }

  reopen(file: Handle, { append }: OpenOptions): Handle {
    return this.#hold(this.#node(file), append);
  }

  close(handle: Handle): void {
    const node = this.#node(handle);
    this.#open.delete(handle as number);
    node.opens--;
    this.#release(node);
  }

  read(handle: Handle, into: Uint8Array, position = 0): number {
    const file = this.#file(handle);
    const bytes = Math.max(0, Math.min(into.length, file.bytes - position));
    into.set(file.room.subarray(position, position + bytes));
    return bytes;
  }

  write(handle: Handle, from: Uint8Array, position?: number): number {
    const file = this.#file(handle);
    const { append } = this.#open.get(handle as number)!;
    const at = append || position === undefined ? file.bytes : position;
    if (at >= FILE_BYTES_MAX) throw new Fault(EFBIG);
    const bytes = Math.min(from.length, FILE_BYTES_MAX - at);
    if (at + bytes > file.bytes) this.#resize(file, at + bytes);
    file.room.set(bytes === from.length ? from : from.subarray(0, bytes), at);
    this.#touch(file);
    return bytes;
  }

  truncate(handle: Handle, bytes: number): void {
    const file = this.#file(handle);
    this.#resize(file, bytes);
    this.#touch(file);
  }

  sync(handle: Handle): void {
    this.#node(handle);
  }

  // ---- metadata ----

  #statOf(node: Node): FileStat {
    const { inode, type, links, accessedNs, modifiedNs, changedNs } = node;
    const bytes = node.type === REGULAR_FILE ? node.bytes : node.type === SYMBOLIC_LINK ? bytesOf(node.target) : 0;
    return {
      type,
      device: 0n,
      inode: BigInt(inode),
      links: BigInt(links),
      bytes: BigInt(bytes),
      accessedNs,
      modifiedNs,
      changedNs,
    };
  }

  stat(handle: Handle): FileStat {
    return this.#statOf(this.#node(handle));
  }

  statAt(at: Entry): FileStat | undefined {
    const node = this.#find(at);
    return node === undefined ? undefined : this.#statOf(node);
  }

  #setTimes(node: Node, { accessedNs, modifiedNs }: FileTimes): void {
    node.accessedNs = accessedNs ?? node.accessedNs;
    node.modifiedNs = modifiedNs ?? node.modifiedNs;
    node.changedNs = this.#wallNs();
  }

  setTimes(handle: Handle, times: FileTimes): void {
    this.#setTimes(this.#node(handle), times);
  }

  setTimesAt(at: Entry, times: FileTimes): void {
    this.#setTimes(this.#existing(at), times);
  }

  // ---- names ----

  list(dir: Handle): FileEntry[] {
    return Array.from(this.#directory(dir).entries, ([name, inode]) => ({ name, type: this.#nodes.get(inode)!.type }));
  }

  readLink(at: Entry): string {
    const node = this.#existing(at);
    if (node.type !== SYMBOLIC_LINK) throw new Fault(EINVAL);
    return node.target;
  }

  makeDirectory(at: Entry): void {
    const directory = this.#placeFor(at);
    this.#enter(directory, at.name, this.#newDirectory(directory.inode));
  }

  symlink(target: string, at: Entry): void {
    const directory = this.#placeFor(at);
    this.#enter(directory, at.name, this.#keep({ ...this.#common(), type: SYMBOLIC_LINK, target }));
  }

  removeDirectory(at: Entry): void {
    if (at.name === ".") throw new Fault(EINVAL);
    const node = this.#existing(at);
    if (node.type !== DIRECTORY) throw new Fault(ENOTDIR);
    if (node.entries.size > 0) throw new Fault(ENOTEMPTY);
    this.#drop(this.#directory(at.dir), at.name, node);
  }

  removeFile(at: Entry): void {
    const node = this.#existing(at);
    if (node.type === DIRECTORY) throw new Fault(EISDIR);
    this.#drop(this.#directory(at.dir), at.name, node);
  }

  link(from: Entry, to: Entry): void {
    const node = this.#existing(from);
    const directory = this.#placeFor(to);
    if (node.type === DIRECTORY) throw new Fault(EPERM);
    node.links++;
    node.changedNs = this.#wallNs();
    this.#enter(directory, to.name, node);
  }

  rename(from: Entry, to: Entry): void {
    if (from.name === "." || to.name === ".") throw new Fault(EBUSY);
    const node = this.#existing(from);
    const target = this.#find(to);
    const fromDirectory = this.#directory(from.dir);
    const toDirectory = this.#directory(to.dir);
    if (toDirectory.links === 0) throw new Fault(ENOENT);
    if (node.type === DIRECTORY && this.#isWithin(toDirectory, node)) throw new Fault(EINVAL);
    // What holds the source is not empty; Linux says so before it compares kinds.
    if (target?.type === DIRECTORY && this.#isWithin(fromDirectory, target)) throw new Fault(ENOTEMPTY);
    if (target === node) return;
    if (target !== undefined) {
      if (node.type === DIRECTORY && target.type !== DIRECTORY) throw new Fault(ENOTDIR);
      if (node.type !== DIRECTORY && target.type === DIRECTORY) throw new Fault(EISDIR);
      if (target.type === DIRECTORY && target.entries.size > 0) throw new Fault(ENOTEMPTY);
      this.#drop(toDirectory, to.name, target);
    }
    fromDirectory.entries.delete(from.name);
    this.#touch(fromDirectory);
    this.#enter(toDirectory, to.name, node);
    if (node.type === DIRECTORY) node.parent = toDirectory.inode;
  }

  /** A directory is within itself, too. */
  #isWithin(directory: Directory, ancestor: Directory): boolean {
    for (let at = directory; ; ) {
      if (at === ancestor) return true;
      if (at.parent === at.inode) return false;
      at = this.#nodes.get(at.parent) as Directory;
    }
  }
}
