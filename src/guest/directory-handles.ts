/**
 * Directories that a person has granted to a page, or that are the page's own (its origin private file system), for guests.
 *
 * WASI's calls return when they are done, and nothing of the File System Access API does. So what is in such a directory is read before
 * the guest boots, into files in memory, and the guest can change none of it: a change could be kept only some time later, by another
 * thread, and one that is lost when the page closes would have been told to the guest as done. What is changed in the directory
 * afterwards the guest does not see. Contents are shared memory, so they move to other Workers without being copied.
 */

import { invalid } from "../checks.ts";
import type { FileTree, Preopen } from "../wasi/host.ts";

/** A FileSystemDirectoryHandle, as far as it is used here. */
export interface DirectoryHandle {
  readonly kind: "directory";
  readonly name: string;
  entries(): AsyncIterable<[name: string, handle: { readonly kind: "file" | "directory"; readonly name: string }]>;
}

interface FileHandle {
  readonly kind: "file";
  getFile(): Promise<Blob>;
}

/** What the guest finds open, with directories read; and which of it cannot be changed. */
export interface Found {
  readonly preopens: Readonly<Record<string, Preopen>>;
  readonly readOnly: readonly string[];
}

function isHandle(preopen: Preopen | DirectoryHandle): preopen is DirectoryHandle {
  return typeof preopen === "object" && typeof (preopen as { entries?: unknown }).entries === "function";
}

async function contentOf(handle: FileHandle): Promise<Uint8Array> {
  const file = await handle.getFile();
  const content = new Uint8Array(new SharedArrayBuffer(file.size));
  content.set(new Uint8Array(await file.arrayBuffer()));
  return content;
}

async function treeOf(directory: DirectoryHandle): Promise<FileTree> {
  const tree: Record<string, FileTree[string]> = Object.create(null);
  for await (const [name, handle] of directory.entries()) {
    tree[name] =
      handle.kind === "directory"
        ? await treeOf(handle as DirectoryHandle)
        : await contentOf(handle as unknown as FileHandle);
  }
  return tree;
}

/** @throws {StillpointError} SP_CONFIG_INVALID: a directory cannot be read, or is too large for memory */
export async function readDirectories(given: Readonly<Record<string, Preopen | DirectoryHandle>>): Promise<Found> {
  const readOnly: string[] = [];
  const preopens: Record<string, Preopen> = {};
  for (const [path, preopen] of Object.entries(given)) {
    if (!isHandle(preopen)) {
      preopens[path] = preopen;
      continue;
    }
    try {
      preopens[path] = await treeOf(preopen);
    } catch (cause) {
      const message = `directory ${JSON.stringify(preopen.name)}, for ${path}, cannot be read`;
      throw invalid(message, { cause });
    }
    readOnly.push(path);
  }
  return { preopens, readOnly };
}
