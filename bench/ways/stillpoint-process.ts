/** Entry of a process in which ours is measured: `stillpoint-process.ts STREAM`. It has a turn each time it is told to (bench/ways/ours.ts). */

import { Random } from "../../test/support/random.ts";
import { Stillpoint } from "./stillpoint.ts";
import type { Pause } from "./way.ts";

/** `pauses` are all that were counted so far. */
export type ToOurs = "turn" | "pauses";
export type FromOurs =
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "ready" }
  | { readonly type: "pauses"; readonly pauses: readonly Pause[] };

function tell(message: FromOurs): void {
  process.send!(message);
}

// Whoever asked has gone, or has heard all.
process.on("disconnect", () => process.exit(0));

const stillpoint = await Stillpoint.open({
  full: process.env.SP_BENCH === "full",
  random: new Random(Number(process.argv[2])),
  progress: (text) => tell({ type: "progress", text }),
});
process.on("message", async (message: ToOurs) => {
  if (message === "pauses") return tell({ type: "pauses", pauses: stillpoint.pauses() });
  await stillpoint.turn();
  tell({ type: "ready" });
});
tell({ type: "ready" });
