/** Every combination of passes under which a program must behave as the original does. A new pass is one more axis here. */
import type { PrepareOptions } from "../../dist/prepare/prepare.js";

const tracks = ["none", "marks"] as const;
const polls = ["plain", "atomic"] as const;
/** The smallest tracking page and the largest, whose shift differs most. */
const pageSizes = [4096, 65536] as const;

export const combinations: readonly Required<PrepareOptions>[] = tracks.flatMap((track) => [
  ...polls.flatMap((poll) => pageSizes.map((pageBytes) => ({ track, polls: poll, pageBytes, capture: false }))),
  // Capture adds to what the others write and changes none of it, so once with each kind of tracking is enough.
  { track, polls: "plain", pageBytes: 4096, capture: true },
]);

export function combinationName(options: PrepareOptions): string {
  const { capture, ...others } = options;
  return `${Object.values(others).join(" ")}${capture ? " capture" : ""}`;
}
