/**
 * Makes continuations on a thread of their own, for all guests of an image, and keeps them.
 *
 * The first thing that thread does is to open the image again, which is most of the work for a large one; so it is started
 * when a handover begins, before its guest is frozen. What it has made is kept here as compiled modules: each new host is
 * given all of them before it is needed, and only what nobody has met before is made in a blackout.
 */

import { StillpointError } from "../errors.ts";
import type { Platform, Thread } from "../platform/platform.ts";
import type { Image } from "../prepare/image.ts";
import type { SiteRef } from "./continuation.ts";
import type { ContinuationModule } from "./resume.ts";

/** What the thread is given. */
export interface MakerData {
  readonly image: Uint8Array<ArrayBuffer>;
}

export interface MakerTask {
  readonly sites: readonly SiteRef[];
}

export type MakerAnswer =
  | { readonly type: "ready" }
  | { readonly type: "made"; readonly modules: readonly ContinuationModule[]; readonly made: Made }
  | { readonly type: "failed"; readonly message: string };

export interface Made {
  readonly cacheMisses: number;
  readonly synthesisMs: number;
  readonly compileMs: number;
}

const NOTHING: Made = { cacheMisses: 0, synthesisMs: 0, compileMs: 0 };

function keyOf({ functionIndex, site }: SiteRef): string {
  return `${functionIndex}:${site}`;
}

export class ContinuationMaker {
  /** All that has been made, in its order. */
  readonly modules: ContinuationModule[] = [];
  readonly #platform: Platform;
  readonly #image: Image;
  readonly #known: Set<string> = new Set();
  #thread: Thread | undefined;
  #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  /** One task after the other: a site is never made twice. */
  #last: Promise<unknown> = Promise.resolve();
  #answer: PromiseWithResolvers<Extract<MakerAnswer, { type: "made" }>> | undefined;

  constructor(platform: Platform, image: Image) {
    this.#platform = platform;
    this.#image = image;
  }

  /** Resolves when continuations can be made without delay. */
  warm(): Promise<void> {
    if (this.#thread === undefined) {
      const data: MakerData = { image: this.#image.bytes };
      this.#thread = this.#platform.spawn(
        (Worker) => new Worker(new URL("./maker-worker.js", import.meta.url), { type: "module" }),
        { name: "stillpoint continuations", data },
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
    const work = this.#last.then(() => this.#make(sites));
    this.#last = work.catch(() => undefined);
    return work;
  }

  async #make(sites: readonly SiteRef[]): Promise<Made> {
    if (sites.every((site) => this.#known.has(keyOf(site)))) return NOTHING;
    await this.warm();
    this.#answer = Promise.withResolvers();
    const task: MakerTask = { sites: sites.map(({ functionIndex, site }) => ({ functionIndex, site })) };
    this.#thread?.post(task);
    const { modules, made } = await this.#answer.promise;
    this.modules.push(...modules);
    for (const module of modules) for (const site of module.sites) this.#known.add(keyOf(site));
    return made;
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

  async end(): Promise<void> {
    await this.#thread?.terminate();
  }
}
