/**
 * Calls of a reactor guest: a bounded queue, one call under way at a time.
 *
 * One call is under way from the moment it is sent to the host until its outcome has come back; only then is the next one
 * sent. So a call that has not been sent is the owner's alone and can be taken back, and one that has been sent is never
 * sent again. A call that is given up while under way goes on in the guest; its outcome is dropped, and the calls behind it
 * wait for it.
 */

import { invalid } from "../checks.ts";
import { StillpointError } from "../errors.ts";
import { TIMER_MS_MAX } from "./changed.ts";
import type { CallOutcome, ToHost } from "./messages.ts";

/** Calls that wait, at most, unless told otherwise. */
export const CALL_QUEUE_MAX = 1024;

export interface CallOptions {
  /** Gives up waiting: a call that is still queued is taken back, one under way goes on and its result is dropped. */
  readonly signal?: AbortSignal;
  /** The same after this time, ms: rejects with SP_CALL_TIMEOUT. */
  readonly timeoutMs?: number;
}

interface Call {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
  settle(outcome: CallOutcome): void;
  fail(error: unknown): void;
}

export class Calls {
  readonly #guest: string;
  readonly #queueMax: number;
  readonly #post: (message: ToHost) => void;
  readonly #waiting: Call[] = [];
  #underWay: Call | undefined;
  #nextId = 1;
  #held = false;
  #ended: StillpointError | undefined;

  constructor(guest: string, { queueMax, post }: { queueMax: number; post: (message: ToHost) => void }) {
    this.#guest = guest;
    this.#queueMax = queueMax;
    this.#post = post;
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#underWay !== undefined;
  }

  /** Which, by a number that is given once. */
  get underWay(): number | undefined {
    return this.#underWay?.id;
  }

  call(name: string, args: readonly unknown[], { signal, timeoutMs }: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      if (signal?.aborted === true) return reject(signal.reason);
      if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
        return reject(invalid(`timeoutMs is ${timeoutMs}; it must not be below 0`));
      }
      const mustWait = this.#held || this.#underWay !== undefined;
      if (mustWait && this.#waiting.length >= this.#queueMax) {
        const message = `guest ${this.#guest} has ${this.#queueMax} calls waiting`;
        return reject(new StillpointError("SP_QUEUE_FULL", message));
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      const giveUp = (error: unknown): void => {
        const at = this.#waiting.indexOf(call);
        if (at >= 0) this.#waiting.splice(at, 1);
        call.fail(error);
      };
      const onAbort = (): void => giveUp(signal?.reason);
      const forget = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const call: Call = {
        id: this.#nextId++,
        name,
        args,
        // A promise settles once: an outcome that comes after the caller has given up changes nothing.
        settle: (outcome) => {
          forget();
          if (outcome.kind === "result") resolve(outcome.value);
          else reject(new StillpointError(outcome.code, outcome.message, { cause: outcome.cause }));
        },
        fail: (error) => {
          forget();
          reject(error);
        },
      };
      signal?.addEventListener("abort", onAbort);
      // A timer knows no longer time; what takes more than 24 days is not given up.
      if (timeoutMs !== undefined && timeoutMs <= TIMER_MS_MAX) {
        const message = `call ${name} of guest ${this.#guest} took more than ${timeoutMs} ms; if it had begun it goes on`;
        timer = setTimeout(() => giveUp(new StillpointError("SP_CALL_TIMEOUT", message)), timeoutMs);
      }
      this.#waiting.push(call);
      this.#send();
    });
  }

  /** Sends the next call, if the guest can serve it now. */
  #send(): void {
    while (!this.#held && this.#underWay === undefined) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      this.#underWay = call;
      try {
        this.#post({ type: "call", id: call.id, name: call.name, args: call.args });
      } catch (error) {
        // Arguments that cannot be cloned: the guest never heard of it.
        this.#underWay = undefined;
        const message = `the arguments of call ${call.name} cannot be sent`;
        call.fail(new StillpointError("SP_CALL_FAILED", message, { cause: error }));
      }
    }
  }

  outcome(id: number, outcome: CallOutcome): void {
    if (this.#underWay?.id !== id) return;
    const call = this.#underWay;
    this.#underWay = undefined;
    call.settle(outcome);
    this.#send();
  }

  /** The call under way has no outcome but this. */
  lost(error: StillpointError): void {
    const call = this.#underWay;
    this.#underWay = undefined;
    call?.fail(error);
  }

  /** Sends the call under way once more: the host that it was sent to came out of its queue without beginning it. */
  again(): void {
    const call = this.#underWay;
    if (call !== undefined) this.#post({ type: "call", id: call.id, name: call.name, args: call.args });
  }

  /** While the guest is frozen calls stay here. */
  hold(): void {
    this.#held = true;
  }

  unhold(): void {
    this.#held = false;
    this.#send();
  }

  /** The guest has ended: the call under way gets `running`, the others and all later ones `later`. */
  end({ running, later }: { running: StillpointError; later: StillpointError }): void {
    this.#ended = later;
    this.lost(running);
    for (const waiting of this.#waiting.splice(0)) waiting.fail(later);
  }
}
