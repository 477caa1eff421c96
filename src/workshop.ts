/** What runs in the Workers that make something (platform/workshop.ts). */

import { testPolls } from "./guest/self-test.ts";
import type { Platform, Self } from "./platform/platform.ts";
import type { Order } from "./platform/workshop.ts";
import { makeImage } from "./prepare/work.ts";
import { makeContinuations } from "./resume/maker-work.ts";

const WORKS: Record<Order["work"], (self: Self, data: never, platform: Platform) => void | Promise<void>> = {
  image: makeImage,
  continuations: makeContinuations,
  "self-test": testPolls,
};

export async function runWorkshop(platform: Platform, self: Self): Promise<void> {
  const { work, data } = self.data as Order;
  await WORKS[work](self, data as never, platform);
}
