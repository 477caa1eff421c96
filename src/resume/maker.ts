/**
 * Makes continuations on a thread of their own, for all guests of an image, and keeps them.
 *
 * The first thing that thread does is to open the image again, which is most of the work for a large one; so it is started
 * when a handover begins, before its guest is frozen. What it has made is kept here as compiled modules: each new host is
 * given all of them before it is needed, and only what nobody has met before is made in a blackout.
 *
 * A guest that was stopped in a function once will be stopped in it again, at another place. So what has been asked for is
 * followed, when there is nothing else to do, by all other places of the same functions.
 */

import { StillpointError } from "../errors.ts";
import type { Platform, Thread } from "../platform/platform.ts";
import { startWork } from "../platform/workshop.ts";
import type { Image } from "../prepare/image.ts";

import type { ContinuationModule } from "./resume.ts";
import { type CodePlace, type SiteRef, siteKey } from "./site.ts";

/** What the thread is given. */
export interface MakerData {
  readonly image: Uint8Array<ArrayBuffer>;
}

export type MakerTask =
  /** The site that this place is, if it is one. */
  | { readonly type: "foresee"; readonly place: CodePlace }
  | { readonly type: "make"; readonly sites: readonly SiteRef[] }
  /** Some more of a function's sites. */
  | { readonly type: "complete"; readonly functionIndex: number };

export type MakerAnswer =
  | { readonly type: "ready" }
  /** `more`: the function has other sites still. */
  | {
      readonly type: "made";
      readonly modules: readonly ContinuationModule[];
      readonly made: Made;
      readonly more: boolean;
    }
  | { readonly type: "failed"; readonly message: string };

export interface Made {
  readonly cacheMisses: number;
  readonly synthesisMs: number;
  readonly compileMs: number;
}

const NOTHING: Made = { cacheMisses: 0, synthesisMs: 0, compileMs: 0 };

export class ContinuationMaker {
  /** All that has been made, in its order. */
  readonly modules: ContinuationModule[] = [];
  readonly #platform: Platform;
  readonly #image: Image;
  readonly #known: Set<number> = new Set();
  #thread: Thread | undefined;
  #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  /** One task after the other: a site is never made twice. */
  #last: Promise<unknown> = Promise.resolve();
  #answer: PromiseWithResolvers<Extract<MakerAnswer, { type: "made" }>> | undefined;
  /** Functions that have been met, and those of them that are still to be completed. */
  readonly #met: Set<number> = new Set();
  readonly #incomplete: number[] = [];
  #completing: Promise<void> | undefined;
  /** Handovers that are to find it free. */
  #held = 0;
  #ended = false;

  constructor(platform: Platform, image: Image) {
    this.#platform = platform;
    this.#image = image;
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#incomplete.length = 0;
    await this.#thread?.terminate();
  }

  /** Resolves when continuations can be made without delay. */
  warm(): Promise<void> {
    if (this.#thread === undefined) {
      const data: MakerData = { image: this.#image.bytes };
      this.#thread = startWork(
        this.#platform,
        { work: "continuations", data },
        {
          message: (message) => this.#receive(message as MakerAnswer),
          exit: (cause) => this.#gone(cause),
        },
      );
    }
    return this.#ready.promise;
  }

  /** Sees to it that each of these sites has a continuation in `modules`. */
  make(sites: readonly SiteRef[]): Promise<Made> {
    return this.#next(() => this.#make(sites));
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #make(sites: readonly SiteRef[]): Promise<Made> {
    if (sites.every((site) => this.#known.has(siteKey(site)))) return NOTHING;
    const { made } = await this.#ask({ type: "make", sites });
    for (const { functionIndex } of sites) this.#meet(functionIndex);
    return made;
  }

  async #ask(task: MakerTask): Promise<Extract<MakerAnswer, { type: "made" }>> {
    if (this.#ended) throw new Error("the fleet is closed");
    await this.warm();
    this.#answer = Promise.withResolvers();
    this.#thread?.post(task);
    const answer = await this.#answer.promise;
    this.modules.push(...answer.modules);
    for (const { sites } of answer.modules) for (const site of sites) this.#known.add(siteKey(site));
    return answer;
  }

  /** A guest has been seen at this place, and may be stopped there. */
  async foresee(place: CodePlace): Promise<void> {
    await this.#next(() => this.#ask({ type: "foresee", place }));
  }

  /** A guest was stopped in this function. */
  #meet(functionIndex: number): void {
    if (this.#met.has(functionIndex)) return;
    this.#met.add(functionIndex);
    this.#incomplete.push(functionIndex);
    this.#goOn();
  }

  #goOn(): void {
    this.#completing ??= this.#complete().finally(() => {
      this.#completing = undefined;
    });
  }

  /** One piece after the other; whatever is needed at once goes in between. */
  async #complete(): Promise<void> {
    while (this.#held === 0) {
      const functionIndex = this.#incomplete[0];
      if (functionIndex === undefined) return;
      const task = { type: "complete", functionIndex } as const;
      // A function that cannot be completed is left as it is: its sites are made when they are met.
      const { more } = await this.#next(() => this.#ask(task)).catch(() => ({ more: false }));
      if (!more) this.#incomplete.shift();
    }
  }

  /**
   * Gives it up to `ms` to complete the functions that have been met, then holds it: from there until unhold() it does nothing
   * but what it is asked for, without delay.
   */
  async hold(ms: number): Promise<void> {
    await this.warm();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#completing, late]);
    clearTimeout(timer);
    this.#held++;
    await this.#last;
  }

  unhold(): void {
    if (--this.#held === 0) this.#goOn();
  }

  #receive(message: MakerAnswer): void {
    if (message.type === "ready") {
      // It waits for work; that is no reason for the process to stay.
      this.#thread?.unref();
      this.#ready.resolve();
    } else if (message.type === "made") this.#answer?.resolve(message);
    else this.#answer?.reject(new Error(message.message));
  }

  #gone(cause: Error | undefined): void {
    const error = new StillpointError("SP_LIMIT", "the thread that makes continuations ended", { cause });
    this.#answer?.reject(error);
    this.#ready.promise.catch(() => undefined);
    this.#ready.reject(error);
    // The next handover starts another.
    this.#ready = Promise.withResolvers();
    this.#thread = undefined;
  }
}
