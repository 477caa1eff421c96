/**
 * Whether guests of an image can be handed over with memory kept, and if not, why. It is known from the image alone, so that
 * whoever plans an update knows before anything is touched.
 *
 * `ok` is about the program, not about the moment. A guest that can move may stand in a function that cannot be captured; it is
 * handed over once that function has returned. `functions` says how many of those there are, and which. Only where such a function
 * is on the stack from the first instruction to the last is there no such moment, and `ok` is false.
 */

import type { ErrorCode } from "../errors.ts";
import type { Image } from "../prepare/image.ts";
import { functionName } from "../prepare/names.ts";
import { startFunction } from "../prepare/original.ts";

/** The functions in which a guest may be stopped. */
export interface SuspendableFunctions {
  readonly count: number;
  /** Those of them that can be taken off the thread. */
  readonly captured: number;
  /** The others. */
  readonly refused: readonly { readonly function: string; readonly reason: string }[];
}

export type Eligibility =
  | { readonly ok: true; readonly functions: SuspendableFunctions }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly reason: string;
      /** Name of the function concerned, where there is one. */
      readonly function?: string;
    };

const known: WeakMap<Image, Eligibility> = new WeakMap();

export function eligibilityOf(image: Image): Eligibility {
  let eligibility = known.get(image);
  if (eligibility === undefined) {
    eligibility = judged(image);
    known.set(image, eligibility);
  }
  return eligibility;
}

function judged(image: Image): Eligibility {
  const { capture } = image.info;
  const no = (reason: string): Extract<Eligibility, { ok: false }> => ({
    ok: false,
    code: "SP_MODULE_UNSUPPORTED",
    reason,
  });
  if (capture === undefined) return no("the image was prepared without capture");
  const { functionsMaySuspend: count, functionsRefused, notCarried } = capture;
  if (notCarried.length > 0) return no(`another instance would not have its ${notCarried.join(" and its ")}`);
  const start = functionsRefused.length === 0 ? undefined : startFunction(image);
  const refused = functionsRefused.map(({ index, reason }) => ({ function: functionName(image, index), reason }));
  const pinned = refused[functionsRefused.findIndex(({ index }) => index === start)];
  if (pinned !== undefined)
    return { ...no(`from beginning to end it is in a function with ${pinned.reason}`), function: pinned.function };
  return { ok: true, functions: { count, captured: count - refused.length, refused } };
}
