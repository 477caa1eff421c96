/** From an image back to what it was made from: the original, parsed, and where everything added to it is. Kept by image. */

import { type Module, parseModule } from "../wasm/module.ts";
import { type CapturePlan, capturePlan } from "./capture-plan.ts";
import { entryPolls } from "./cycles.ts";
import type { Image } from "./image.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { ModuleSavers } from "./savers.ts";
import { survey } from "./survey.ts";

export interface Reopened {
  readonly module: Module;
  /** The image's own module. */
  readonly prepared: Module;
  readonly layout: Layout;
  /** As entryPolls() gives them. */
  readonly polls: Uint8Array;
  /** Only with capture. */
  readonly plan: CapturePlan | undefined;
  readonly savers: ModuleSavers | undefined;
}

const kept: WeakMap<Image, Reopened> = new WeakMap();

export function reopen(image: Image): Reopened {
  let reopened = kept.get(image);
  if (reopened === undefined) {
    const module = parseModule(image.original());
    const prepared = parseModule(image.moduleBytes());
    const { capture, options } = image.info;
    const surveyed = survey(module);
    const polls = entryPolls(module, surveyed);
    const plan = capture && capturePlan(module, surveyed, polls, options);
    const savers = plan && capture && new ModuleSavers(plan.firstSaver, capture.savers);
    reopened = { module, prepared, layout: layoutOf(module), polls, plan, savers };
    kept.set(image, reopened);
  }
  return reopened;
}
