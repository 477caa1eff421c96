/** The makers of continuations of a fleet: one for each image, shared by its guests. They end with the fleet. */

import type { Platform } from "../platform/platform.ts";
import type { Image } from "../prepare/image.ts";
import { ContinuationMaker } from "./maker.ts";

export class Makers {
  readonly #platform: Platform;
  readonly #byImage: Map<Image, ContinuationMaker> = new Map();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  of(image: Image): ContinuationMaker {
    let maker = this.#byImage.get(image);
    if (maker === undefined) {
      maker = new ContinuationMaker(this.#platform, image);
      this.#byImage.set(image, maker);
    }
    return maker;
  }

  async end(): Promise<void> {
    await Promise.all(Array.from(this.#byImage.values(), (maker) => maker.end()));
  }
}
