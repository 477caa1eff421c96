/** Makes the continuations of one image, in a Worker (maker.ts). */

import type { Self } from "../platform/platform.ts";
import { Image } from "../prepare/image.ts";
import { originalOffset } from "../prepare/offsets.ts";
import { reopen } from "../prepare/reopen.ts";
import type { MakerAnswer, MakerData, MakerTask } from "./maker.ts";
import { ContinuationCache } from "./resume.ts";
import type { CodePlace } from "./site.ts";
import { synthesisOf } from "./synthesis.ts";

/** So many sites of a function at once: what is asked for meanwhile waits no longer than for these. */
const PIECE_SITES = 64;

/** A place that is no site of the program's is an engine's that counts otherwise: nothing is made for it. */
function foresee(image: Image, cache: ContinuationCache, { functionIndex, offset }: CodePlace): void {
  const { functionsImported, bodies } = reopen(image).module;
  const original = originalOffset(image, functionIndex, offset);
  const body = bodies[functionIndex - functionsImported];
  if (original === undefined || body === undefined) return;
  try {
    cache.complete([{ functionIndex, site: original - body.start }]);
  } catch {
    // Only a guess has failed. A real place that cannot be gone on from is refused when the guest has been captured there.
  }
}

function answer(image: Image, cache: ContinuationCache, task: MakerTask): MakerAnswer {
  try {
    const { synthesisMs, compileMs } = cache;
    const before = cache.modules.length;
    const completes = task.type === "complete";
    const more = completes && cache.completeFunction(task.functionIndex, PIECE_SITES);
    if (task.type === "foresee") foresee(image, cache, task.place);
    const cacheMisses = task.type === "make" ? cache.complete(task.sites) : 0;
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
  self.listen((message) => self.post(answer(image, cache, message as MakerTask)));
  self.post({ type: "ready" } satisfies MakerAnswer);
}
