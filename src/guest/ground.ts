/**
 * The code that a guest runs: an image, compiled, and the continuations that have been made for it. A guest may change its
 * ground for the image's twin, which was prepared from the same original with other passes: frames, globals and sites are laid
 * out alike in both, so a stack that was captured on the one goes on on the other.
 */

import type { Image } from "../prepare/image.ts";
import { prepare } from "../prepare/off-thread.ts";
import type { Options } from "../prepare/options.ts";
import type { ContinuationMaker } from "../resume/maker.ts";
import type { Makers } from "../resume/makers.ts";

export interface Ground {
  readonly image: Image;
  readonly module: WebAssembly.Module;
  /** Shared by all guests on this image. */
  readonly maker: ContinuationMaker;
}

export async function groundOf(image: Image, makers: Makers): Promise<Ground> {
  return { image, module: await image.module, maker: makers.of(image) };
}

type Passes = Pick<Options, "track" | "polls">;

/** By image, with the passes of each twin; a twin has its origin here in turn. */
const twins: WeakMap<Image, Map<string, Promise<Image>>> = new WeakMap();

function keyOf({ track, polls }: Passes): string {
  return `${track} ${polls}`;
}

function twinsOf(image: Image): Map<string, Promise<Image>> {
  let made = twins.get(image);
  if (made === undefined) {
    made = new Map([[keyOf(image.info.options), Promise.resolve(image)]]);
    twins.set(image, made);
  }
  return made;
}

/**
 * The image with these passes instead of its own. Made in a thread of its own when it is first asked for, and kept: the next guest
 * has it at once.
 */
export function twinOf(image: Image, passes: Passes): Promise<Image> {
  const made = twinsOf(image);
  const key = keyOf(passes);
  let twin = made.get(key);
  if (twin === undefined) {
    twin = prepare(image.original(), { ...image.info.options, ...passes });
    made.set(key, twin);
    twin.then(
      (image) => twins.set(image, made),
      () => made.delete(key),
    );
  }
  return twin;
}
