/**
 * A journal's directory on Node: the file `journal`, and beside it an empty file for each process that writes or did. Its name says
 * which process: `lock-PID-START`, where START tells apart processes that had the same number one after the other.
 *
 * Whoever wants to write puts its own lock there first and looks for others second. Of two that come at once each sees the other, and
 * both may be refused, but never do both write. Locks of processes that are gone are removed on the way. No lock is ever taken over,
 * so there is no moment at which two could do so. All of this is between processes that see each other: those of one machine, and of
 * one container or of none.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StillpointError } from "../errors.ts";
import type { JournalFile } from "../schedule/journal.ts";

/** When a process began, in whatever unit the system has; "0" where it does not tell. Undefined: there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's, and alive.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
  }
  if (process.platform !== "linux") return "0";
  try {
    // The name of the program, in parentheses, may hold anything; the start is the twentieth field after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A dead one that its parent has not buried yet writes nothing any more.
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return "0";
  }
}

/** @throws {StillpointError} SP_JOURNAL_LOCKED */
function lock(directory: string): string {
  const mine = `lock-${process.pid}-${startOf(process.pid)}`;
  const path = join(directory, mine);
  const locked = (pid: number | string): StillpointError =>
    new StillpointError("SP_JOURNAL_LOCKED", `process ${pid} writes the journal in ${directory}`);
  try {
    closeSync(openSync(path, "wx"));
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? locked(process.pid) : error;
  }
  for (const name of readdirSync(directory)) {
    const [, pid, start] = /^lock-(\d+)-(\d+)$/.exec(name) ?? [];
    if (name === mine || pid === undefined) continue;
    if (startOf(Number(pid)) === start) {
      unlinkSync(path);
      throw locked(pid);
    }
    try {
      unlinkSync(join(directory, name));
    } catch (error) {
      // Somebody else was faster.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return path;
}

/** What is new in a directory is there for good once the directory itself is on disk. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function openFile(directory: string): number {
  const { O_RDWR, O_CREAT, O_APPEND } = constants;
  const file = openSync(join(directory, "journal"), O_RDWR | O_CREAT | O_APPEND, 0o600);
  try {
    if (process.platform !== "win32") syncDirectory(directory);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * Opens the journal in a directory, which is made if there is none.
 *
 * @throws {StillpointError} SP_JOURNAL_LOCKED: a living process writes it; SP_JOURNAL_FAILED
 */
export function openJournal(at: string | URL): JournalFile {
  const directory = at instanceof URL ? fileURLToPath(at) : at;
  let own: string | undefined;
  let file: number;
  try {
    mkdirSync(directory, { recursive: true });
    own = lock(directory);
    file = openFile(directory);
  } catch (cause) {
    if (own !== undefined) unlinkSync(own);
    if (cause instanceof StillpointError) throw cause;
    throw new StillpointError("SP_JOURNAL_FAILED", `no journal can be kept in ${directory}: ${String(cause)}`, {
      cause,
    });
  }
  const mine = own;
  let open = true;
  return {
    read: () => {
      const bytes = new Uint8Array(fstatSync(file).size);
      for (let at = 0; at < bytes.length; ) {
        const count = readSync(file, bytes, at, bytes.length - at, at);
        if (count === 0) return bytes.subarray(0, at);
        at += count;
      }
      return bytes;
    },
    append: (bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    },
    sync: () => fsyncSync(file),
    truncate: (bytes) => {
      ftruncateSync(file, bytes);
      fsyncSync(file);
    },
    close: () => {
      if (!open) return;
      open = false;
      closeSync(file);
      unlinkSync(mine);
    },
  };
}
