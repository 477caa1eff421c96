/**
 * A file system whose open handles are accounted for: what is open in the system for this guest is on the process-wide list
 * from the moment it is open, so that nothing leaks with a Worker that dies. Trees in memory have nothing to account for.
 */

import type { Entry, Files, Handle, OpenOptions } from "./files.ts";
import type { WasiHost } from "./host.ts";

export type VolumeName = "host" | "memory" | "notices";

export class Volume {
  readonly name: VolumeName;
  readonly files: Files;
  readonly #list: WasiHost["descriptors"] | undefined;

  constructor(name: VolumeName, files: Files, list?: WasiHost["descriptors"]) {
    this.name = name;
    this.files = files;
    this.#list = list;
  }

  openDirectory(at: Entry, options: { step: boolean }): Handle {
    return this.opened(this.files.openDirectory(at, options));
  }

  openFile(at: Entry, options: OpenOptions): Handle {
    return this.opened(this.files.openFile(at, options));
  }

  reopen(file: Handle, options: OpenOptions): Handle {
    const handle = this.opened(this.files.reopen(file, options));
    this.close(file);
    return handle;
  }

  opened(handle: Handle): Handle {
    if (typeof handle === "number") this.#list?.opened(handle);
    return handle;
  }

  close(handle: Handle): void {
    // Off the list first: once closed, the number may at once be somebody else's.
    if (typeof handle === "number") this.#list?.closed(handle);
    this.files.close(handle);
  }
}
