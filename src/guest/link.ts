/** The owner's end of one host: its Worker, and the answers that the owner is waiting for from it. */

import { HostLostError, StillpointError } from "../errors.ts";
import type { Thread, ThreadEvents } from "../platform/platform.ts";
import type { Failure, FromHost, Rest, ToHost } from "./messages.ts";

type Answer<T extends FromHost["type"]> = Extract<FromHost, { type: T }>;

export interface LinkEvents {
  /** What the host says unasked. */
  message(message: FromHost): void;
  /** Its thread is gone, without anybody having ended it. */
  gone(error: Error | undefined): void;
}

export class HostLink {
  /** The number under which this host may run the guest. */
  readonly number: number;
  /** How many of the image's modules of continuations this host has. */
  continuations: number;
  /** Whether its services can say how they are. Known once it has booted, or stands by. */
  examinable: boolean = false;
  /** What another host would go on from if this one died while the guest is idle. */
  rest: Rest | undefined;
  readonly #guest: string;
  readonly #thread: Thread;
  readonly #expected = new Map<FromHost["type"], PromiseWithResolvers<FromHost>>();
  #ended = false;

  constructor(
    guest: string,
    number: number,
    continuations: number,
    { spawn, events }: { spawn(events: ThreadEvents): Thread; events: LinkEvents },
  ) {
    this.#guest = guest;
    this.number = number;
    this.continuations = continuations;
    this.#thread = spawn({
      message: (message) => this.#receive(message as FromHost, events),
      exit: (error) => {
        this.#refuse(new HostLostError(guest, error?.message ?? "its Worker ended", { cause: error }));
        if (!this.#ended) events.gone(error);
      },
    });
  }

  post(message: ToHost): void {
    this.#thread.post(message);
  }

  /** The host's next message of this type. Rejects if the host fails or ends before. */
  next<T extends FromHost["type"]>(type: T): Promise<Answer<T>> {
    const answer = Promise.withResolvers<FromHost>();
    // Whoever asks awaits it, but perhaps not to the end.
    answer.promise.catch(() => undefined);
    this.#expected.set(type, answer);
    return answer.promise as Promise<Answer<T>>;
  }

  #receive(message: FromHost, events: LinkEvents): void {
    if (message.type === "rested") {
      this.rest = message.rest;
      return;
    }
    if (message.type === "ready" || message.type === "standby") this.examinable = message.examinable;
    const expected = this.#expected.get(message.type);
    if (expected !== undefined) {
      this.#expected.delete(message.type);
      expected.resolve(message);
      return;
    }
    // Whatever is awaited will not come. It may have been given up already, so that is not all that is to be told.
    if (message.type === "failed") this.#refuse(failed(this.#guest, message.failure));
    events.message(message);
  }

  #refuse(error: StillpointError): void {
    for (const { reject } of this.#expected.values()) reject(error);
    this.#expected.clear();
  }

  /** Ends the thread wherever it is. Resolves when it is gone. */
  async terminate(): Promise<void> {
    this.#ended = true;
    await this.#thread.terminate();
  }
}

export function failed(guest: string, { code, message, cause }: Failure): StillpointError {
  return new StillpointError(code, `guest ${guest}: ${message}`, { cause });
}
