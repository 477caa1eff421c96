/** What an image can be prepared for. The words are recorded in the image, so they are part of its format. */

import { StillpointError } from "../errors.ts";

export interface PrepareOptions {
  /** `"marks"`: every store marks its page in the dirty map. Default `"none"`. */
  readonly track?: "none" | "marks";
  /** How the hint word is loaded. `"plain"` is cheaper; engines where it is not seen need `"atomic"`. Default `"plain"`. */
  readonly polls?: "plain" | "atomic";
  /** Size of a tracking page. Default 4096. */
  readonly pageBytes?: 4096 | 8192 | 16384 | 32768 | 65536;
  /** `true`: a guest's stack can be taken off its thread, to go on in another instance. Default `true`; code is smaller without. */
  readonly capture?: boolean;
}

export type Options = Required<PrepareOptions>;

const CHOICES: Readonly<{ [Key in keyof Options]: readonly Options[Key][] }> = {
  track: ["none", "marks"],
  polls: ["plain", "atomic"],
  pageBytes: [4096, 8192, 16384, 32768, 65536],
  capture: [false, true],
};

/**
 * Options with their defaults, checked.
 *
 * @throws {StillpointError} SP_CONFIG_INVALID
 */
export function completeOptions({
  track = "none",
  polls = "plain",
  pageBytes = 4096,
  capture = true,
}: PrepareOptions = {}): Options {
  const options: Options = { track, polls, pageBytes, capture };
  for (const key of Object.keys(CHOICES) as (keyof Options)[]) {
    const choices: readonly unknown[] = CHOICES[key];
    if (!choices.includes(options[key]))
      throw new StillpointError("SP_CONFIG_INVALID", `${key} must be one of ${choices.join(", ")}`);
  }
  return options;
}
