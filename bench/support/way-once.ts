/** Entry of the process in which one way of bench/ways/ is measured: `way-once.ts NAME`. Who asked hears of everything by IPC. */

import { Random, SEED } from "../../test/support/random.ts";
import { Missing, type Outcome, type Way } from "../ways/way.ts";

export type FromWay =
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "outcome"; readonly outcome: Outcome }
  | { readonly type: "missing"; readonly reason: string };

/** Resolves when it is on its way. */
function tell(message: FromWay): Promise<unknown> {
  return new Promise((resolve) => process.send!(message, resolve));
}

// Whoever asked has gone.
process.on("disconnect", () => process.exit(1));

const name = process.argv[2]!;
const { way } = (await import(new URL(`../ways/${name}.ts`, import.meta.url).href)) as { way: Way };
try {
  const outcome = await way.measure({
    full: process.env.SP_BENCH === "full",
    random: new Random(0, SEED),
    progress: (text) => void tell({ type: "progress", text }),
  });
  await tell({ type: "outcome", outcome });
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  await tell({ type: "missing", reason: error.message });
}
process.exit(0);
