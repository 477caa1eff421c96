/** Makes the continuations of one image, in a Worker (maker.ts). */

import type { Self } from "../platform/platform.ts";
import { Image } from "../prepare/image.ts";
import { reopen } from "../prepare/reopen.ts";
import type { MakerAnswer, MakerData, MakerTask } from "./maker.ts";
import { ContinuationCache } from "./resume.ts";
import { synthesisOf } from "./synthesis.ts";

/** So many sites of a function at once: what is asked for meanwhile waits no longer than for these. */
const PIECE_SITES = 64;

function answer(cache: ContinuationCache, task: MakerTask): MakerAnswer {
  try {
    const { synthesisMs, compileMs } = cache;
    const before = cache.modules.length;
    const completes = task.type === "complete";
    const more = completes && cache.completeFunction(task.functionIndex, PIECE_SITES);
    const cacheMisses = completes ? 0 : cache.complete(task.sites);
    return {
      type: "made",
      modules: cache.modules.slice(before),
      made: { cacheMisses, synthesisMs: cache.synthesisMs - synthesisMs, compileMs: cache.compileMs - compileMs },
      more,
    };
  } catch (error) {
    return { type: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}

export function makeContinuations(self: Self, data: MakerData): void {
  const image = Image.open(data.image);
  const cache = new ContinuationCache(synthesisOf(image));
  reopen(image);
  self.listen((message) => self.post(answer(cache, message as MakerTask)));
  self.post({ type: "ready" } satisfies MakerAnswer);
}
