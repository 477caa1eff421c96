/**
 * JavaScript under guest code. A guest is taken off its thread by returning from its frames one by one, and a frame of
 * JavaScript cannot save itself. So the ledger's `pinned` counts the services' functions on the stack, and where it is not 0 a
 * frozen guest parks. Frames of the guest's own that cannot be saved put a large number there (prepare/capture.ts).
 *
 * One such frame is no obstacle: that of a service which the guest has called and which waits through the host. It is left by
 * LeaveSignal, and the guest, wherever it goes on, issues the call again with the same arguments.
 */

import { OFF_PINNED, OFF_UNWINDING } from "../abi.ts";
import { type Core, WANTED } from "../core/core.ts";

/** Thrown out of a waiting service when the guest is wanted off this thread. */
export class LeaveSignal {}

type Service = (...args: unknown[]) => unknown;

export class Pinning {
  readonly #core: Core;
  readonly #words: Int32Array;
  /** Functions of the services that were called from outside the guest. */
  #outside = 0;
  /** A LeaveSignal is on its way. */
  #leaving = false;
  /**
   * When the wait is to end that was left, here or by the host before, ns of the guest's monotonic clock. It holds for the
   * first wait of the call that is issued again: a service that reckons from now would otherwise begin anew.
   */
  deadlineNs: bigint | undefined;

  constructor(core: Core, ledger: WebAssembly.Memory) {
    this.#core = core;
    this.#words = new Int32Array(ledger.buffer);
  }

  /** Counts one more; gives what is to be put back, since frames that an exception has taken off have not done so. */
  #pin(): number {
    const before = this.#words[OFF_PINNED >> 2]!;
    this.#words[OFF_PINNED >> 2] = before + 1;
    return before;
  }

  #unpin(before: number): void {
    this.#words[OFF_PINNED >> 2] = before;
  }

  /** Nothing is on the stack any more: what an exception of a service has pinned may go. */
  clear(): void {
    this.#words[OFF_PINNED >> 2] = 0;
  }

  /** Runs a function of the services from outside: whatever it calls in the guest has this frame under it. */
  outside<T>(run: () => T): T {
    this.#outside++;
    const before = this.#pin();
    try {
      return run();
    } finally {
      this.#unpin(before);
      this.#outside--;
    }
  }

  /**
   * An import of the guest. `pins` says that it may call back into the guest; `zero` is what it answers when the guest is
   * leaving and nobody will look at the answer.
   */
  wrapped(
    service: Service,
    { pins, zero, escaped }: { pins: boolean; zero: unknown; escaped(error: unknown): void },
  ): Service {
    const settled = (): void => {
      if (this.#leaving) this.#stay();
    };
    if (!pins) {
      // The longest of WASI's calls has nine parameters; nothing is allocated for them.
      return (a, b, c, d, e, f, g, h, i) => {
        try {
          return service(a, b, c, d, e, f, g, h, i);
        } catch (error) {
          if (this.#leaves(error)) return zero;
          escaped(error);
          throw error;
        }
      };
    }
    return (...args) => {
      const before = this.#pin();
      try {
        const answer = service(...args);
        settled();
        this.deadlineNs = undefined;
        return answer;
      } catch (error) {
        if (this.#leaves(error)) return zero;
        settled();
        escaped(error);
        throw error;
      } finally {
        this.#unpin(before);
      }
    };
  }

  /** Whether this is the signal: then the guest's frames save themselves from here on. */
  #leaves(error: unknown): boolean {
    if (!(error instanceof LeaveSignal) || !this.#leaving) return false;
    this.#leaving = false;
    this.#words[OFF_UNWINDING >> 2] = 1;
    return true;
  }

  /** A service has swallowed the signal. The guest stays on this thread, and must not run before it is resumed. */
  #stay(): void {
    this.#leaving = false;
    this.#core.stay();
  }

  /**
   * Runs `sleep`, which answers WANTED if the guest is to leave; throws LeaveSignal then. Called by a service that waits; `pins`
   * says whether it is one of those that are counted.
   */
  waiting<T>(sleep: () => T | typeof WANTED, pins: boolean): T {
    // It waits once more instead of being left. Who asked must hear that, or waits for it as long as the guest stands still.
    if (this.#leaving) this.#stay();
    const pinned = this.#words[OFF_PINNED >> 2]!;
    // Nothing but the frame of the service that waits, and that one the signal takes off.
    const onlyService = pins && pinned === 1 && this.#outside === 0;
    if (onlyService) this.#words[OFF_PINNED >> 2] = 0;
    try {
      const answer = sleep();
      if (answer !== WANTED) return answer as T;
      this.#leaving = true;
      throw new LeaveSignal();
    } finally {
      this.#unpin(pinned);
    }
  }
}
