/** Entry of the Worker that makes the continuations of one image (maker.ts). */

import { loadPlatform } from "../platform/platform.ts";
import { Image } from "../prepare/image.ts";
import { reopen } from "../prepare/reopen.ts";
import type { MakerAnswer, MakerData, MakerTask } from "./maker.ts";
import { ContinuationCache, type ContinuationModule } from "./resume.ts";

/** Keeps apart what a task has added. */
class Cache extends ContinuationCache {
  added: ContinuationModule[] = [];

  override add(module: ContinuationModule): void {
    super.add(module);
    this.added.push(module);
  }
}

const self = await (await loadPlatform()).self();
const image = Image.open((self.data as MakerData).image);
const cache = new Cache(image);

function answer({ sites }: MakerTask): MakerAnswer {
  try {
    const { synthesisMs, compileMs } = cache;
    cache.added = [];
    const cacheMisses = cache.complete(sites);
    return {
      type: "made",
      modules: cache.added,
      made: { cacheMisses, synthesisMs: cache.synthesisMs - synthesisMs, compileMs: cache.compileMs - compileMs },
    };
  } catch (error) {
    return { type: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}

reopen(image);
self.listen((message) => self.post(answer(message as MakerTask)));
self.post({ type: "ready" } satisfies MakerAnswer);
