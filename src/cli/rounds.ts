/** Does something to a guest again and again, for as long as it lives, with a rest before each time. */

import { setTimeout as sleep } from "node:timers/promises";
import { GuestStateError } from "../index.ts";

export class Rounds {
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;

  /** A round rejects to end all of them, which nobody minds once the guest has ended or stop() has cut it short. */
  constructor(everyMs: number, round: (signal: AbortSignal) => Promise<void>) {
    this.#done = this.#run(everyMs, round).catch((error: unknown) => {
      if (!(error instanceof GuestStateError) && !this.#stopping.signal.aborted) throw error;
    });
  }

  async #run(everyMs: number, round: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(everyMs, undefined, { signal });
      await round(signal);
    }
  }

  /** Begins no further round, and cuts the one under way short: the guest is about to be ended, or has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }
}
