/**
 * Workers of the library that make something: images, continuations, the proof that polls are seen. One kind of Worker for all
 * of them (src/workshop.ts), because they have most of their code in common.
 */

import type { Platform, Thread, ThreadEvents } from "./platform.ts";

/** What such a Worker is told first. */
export interface Order {
  readonly work: "image" | "continuations" | "self-test";
  readonly data: unknown;
}

export function startWork(platform: Platform, { work, data }: Order, events: ThreadEvents): Thread {
  return platform.spawn(
    platform.workers.workshop,
    { name: `stillpoint ${work}`, data: { work, data } satisfies Order },
    events,
  );
}
