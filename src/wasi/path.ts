/**
 * Walks a guest's path and never leaves the directory it starts from.
 *
 * The walk opens one component after the other, each relative to the one before and none through a symbolic link; links are
 * read and their components walked like the rest. So there is no moment between looking and using: what was looked at is what
 * is held open, whoever renames or replaces names meanwhile. ".." goes back to a directory that this very walk has come
 * through, not to whatever that directory's parent is by now. An absolute path, an absolute link and a ".." above the start
 * are all one thing, an escape.
 */

import { ELOOP, ENOENT, ENOTCAPABLE, ENOTDIR } from "./errno.ts";
import { Fault } from "./fault.ts";
import { DIRECTORY, type Entry, type FileStat, type Files, type Handle, SYMBOLIC_LINK } from "./files.ts";

/** As on Linux. */
const LINKS_MAX = 40;

/** Where a path led. Valid only while the walk's directories are open. */
export interface Place extends Entry {
  /** What is there now; undefined if nothing is. A symbolic link only if the walk was not to follow it. */
  readonly stat: FileStat | undefined;
  /** The path ended in "/": only a directory can be meant. */
  readonly slash: boolean;
}

function components(path: string): string[] {
  if (path.startsWith("/")) throw new Fault(ENOTCAPABLE);
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

export function walk<T>(
  { files, start, path, follow }: { files: Files; start: Handle; path: string; follow: boolean },
  work: (place: Place) => T,
): T {
  if (path === "") throw new Fault(ENOENT);
  const ahead = components(path).reverse();
  const behind: Handle[] = [];
  let slash = path.endsWith("/");
  let links = 0;

  const enterLink = (at: Entry): void => {
    if (++links > LINKS_MAX) throw new Fault(ELOOP);
    const target = files.readLink(at);
    if (ahead.length === 0) slash ||= target.endsWith("/");
    ahead.push(...components(target).reverse());
  };

  try {
    for (;;) {
      const dir = behind.at(-1) ?? start;
      const name = ahead.pop() ?? ".";
      const at = { dir, name };
      if (name === "..") {
        const left = behind.pop();
        if (left === undefined) throw new Fault(ENOTCAPABLE);
        files.close(left);
      } else if (ahead.length > 0) {
        const step = enterDirectory(files, at);
        if (step === undefined) enterLink(at);
        else behind.push(step);
      } else {
        const stat = files.statAt(at);
        if (stat?.type === SYMBOLIC_LINK && follow) {
          enterLink(at);
          continue;
        }
        if (slash && stat !== undefined && stat.type !== DIRECTORY) throw new Fault(ENOTDIR);
        return work({ dir, name, stat, slash });
      }
    }
  } finally {
    for (const handle of behind) files.close(handle);
  }
}

/** Undefined for a symbolic link. */
function enterDirectory(files: Files, at: Entry): Handle | undefined {
  try {
    return files.openDirectory(at, { step: true });
  } catch (error) {
    // Systems differ in how they refuse a link that is not to be followed, so it is looked at.
    if (files.statAt(at)?.type === SYMBOLIC_LINK) return undefined;
    throw error;
  }
}
