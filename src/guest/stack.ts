/** The guest's stack and globals on their way between threads: out of this instance into the ledger, and back into one. */

import { BeginError } from "./failure.ts";
import type { HostData } from "./messages.ts";

export class Stack {
  readonly #exports: WebAssembly.Exports;

  constructor(_data: HostData, exports: WebAssembly.Exports) {
    this.#exports = exports;
  }

  #run(name: string): void {
    const run = this.#exports[name];
    if (typeof run !== "function") throw new BeginError("SP_SERVICES_INVALID", `the image has no ${name}`);
    (run as () => void)();
  }

  /** Mutable globals into the ledger. */
  save(): void {
    this.#run("stillpoint:save");
  }

  /** Mutable globals out of the ledger, in an instance whose data segments count as copied. */
  load(): void {
    this.#run("stillpoint:drop");
    this.#run("stillpoint:load");
  }

  measure(): { frames: number; frameBytes: number } {
    return { frames: 0, frameBytes: 0 };
  }

  prepare(): { synthesisMs: number; compileMs: number; cacheMisses: number } {
    return { synthesisMs: 0, compileMs: 0, cacheMisses: 0 };
  }

  resume(): unknown {
    throw new BeginError("SP_GUEST_TRAP", "the image was prepared without capture");
  }
}
