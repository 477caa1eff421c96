/**
 * The stack is unwound and rewound by binaryen's Asyncify, which has rewritten the module for it.
 *
 * QuickJS runs a script and asks its host every so often whether it should be interrupted; there it is unwound, and rewound at once. Timed
 * is one such trip by its own thread's clock, from the call of the import to the return into it. What the rewritten module costs while it
 * runs, its size and what building takes are in bench/asyncify.ts.
 *
 * It would change with: the depth of the stack, and how often the program calls an import that may unwind.
 */

import { interruptible, quickJs } from "../programs/quickjs.ts";
import { asyncified } from "../support/asyncified.ts";
import { plainVariant } from "../support/variants.ts";
import { HANDOVER, Missing, QUICKJS, type Way } from "./way.ts";

const TRIPS = { full: 2000, smoke: 50 };
const BUILD_S_MAX = 240;

export const way: Way = {
  measure: async ({ full, progress }) => {
    progress("building QuickJS, if it has not been");
    const { bytes, failed } = asyncified(quickJs.bytes, { secondsMax: BUILD_S_MAX, fresh: false });
    if (bytes === undefined) throw new Missing(`QuickJS could not be built: ${failed}`);
    return {
      pauses: [
        {
          way: "Asyncify: unwind, rewind",
          guest: QUICKJS,
          keeps: "memory and stack",
          newHost: "not timed",
          stopsAt: "calls of some imports",
          samplesMs: interruptible(plainVariant("Asyncify", bytes), full ? TRIPS.full : TRIPS.smoke),
          // The frames alone, and they stay in the program's memory.
          bytes: 0,
          counterpart: { way: HANDOVER, guest: QUICKJS },
        },
      ],
      notes: [
        "Asyncify: out of the stack and back on one thread. A new instance on the same memory is possible between the two and is not in the time; our handover has a new Worker in it. A loop that calls no such import runs to its end.",
      ],
    };
  },
};
