/** From an image back to what it was made from: the original, parsed, and where everything added to it is. Kept by image. */

import { type Module, parseModule } from "../wasm/module.ts";
import { type CapturePlan, capturePlan } from "./capture-plan.ts";
import { entryPolls } from "./cycles.ts";
import type { Image } from "./image.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { KnownSavers } from "./savers.ts";
import { survey } from "./survey.ts";

export interface Reopened {
  readonly module: Module;
  readonly layout: Layout;
  /** As entryPolls() gives them. */
  readonly polls: Uint8Array;
  /** Only with capture. */
  readonly plan: CapturePlan | undefined;
  readonly savers: KnownSavers | undefined;
}

const kept: WeakMap<Image, Reopened> = new WeakMap();

export function reopen(image: Image): Reopened {
  let reopened = kept.get(image);
  if (reopened === undefined) {
    const module = parseModule(image.original());
    const { capture, options } = image.info;
    const surveyed = survey(module);
    const polls = entryPolls(module, surveyed);
    const plan = capture && capturePlan(module, surveyed, polls, options);
    const savers = plan && capture && new KnownSavers(plan.firstSaver, capture.savers);
    reopened = { module, layout: layoutOf(module), polls, plan, savers };
    kept.set(image, reopened);
  }
  return reopened;
}
