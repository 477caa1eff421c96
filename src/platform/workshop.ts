/**
 * Workers of the library that make something: images, continuations, the proof that polls are seen. One file for all of them
 * (src/workshop.ts), because a bundler makes each Worker whole by itself, and all of these have most of their code in common.
 */

import type { Platform, Thread, ThreadEvents } from "./platform.ts";

/** What such a Worker is told first. */
export interface Order {
  readonly work: "image" | "continuations" | "self-test";
  readonly data: unknown;
}

export function startWork(platform: Platform, { work, data }: Order, events: ThreadEvents): Thread {
  return platform.spawn(
    (Worker) => new Worker(new URL("../workshop.js", import.meta.url), { type: "module" }),
    { name: `stillpoint ${work}`, data: { work, data } satisfies Order },
    events,
  );
}
