// Goal: a guest that is captured anywhere and goes on in another instance does what it would have done. Method: seeded random
// programs, rich in loops and calls (test/support/loops.ts) or of every kind of instruction (test/support/fuzz.ts), captured at
// random polls and host calls, continuations included, against the oracle of test/support/oracle.ts. A failure names the program: SP_SEED=… SP_MODULE=… runs that one alone, and
// SP_DUMP=FILE writes its text.
import { writeFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { assemble } from "../support/assemble.ts";
import { loopProgram } from "../support/loops.ts";
import { compareCaptured } from "../support/oracle.ts";
import { Random, SEED } from "../support/random.ts";
import { readSignatures } from "../support/signatures.ts";

const FULL = process.env.SP_FULL === "1";
const ONLY = process.env.SP_MODULE === undefined ? undefined : Number(process.env.SP_MODULE);
const MODULES = FULL ? 5000 : 150;
/** So that a program that polls a million times does not take a minute. */
const CAPTURES_MAX = 400;

const random = suite("random programs, captured");

random(`${MODULES} of them end as they would have, wherever they are captured`, () => {
  let captures = 0;
  let left = 0;
  let framesMax = 0;
  let places = 0;
  let pinned = 0;
  for (let i = 0; i < MODULES; i++) {
    if (ONLY !== undefined && i !== ONLY) continue;
    const source = new Random(i);
    const text = loopProgram(source);
    const bytes = assemble(text);
    assert.ok(bytes, `program ${i} is not well-formed`);
    if (process.env.SP_DUMP !== undefined) writeFileSync(process.env.SP_DUMP, text);
    const args = () => [BigInt(source.u32()), BigInt(source.below(100))];
    const calls = [...readSignatures(bytes).functions.keys()].map((name) => ({ name, args: args() }));
    const every = source.pick([1, 2, 10, 100]);
    let more = CAPTURES_MAX;
    const counts = compareCaptured(
      `SP_SEED=${SEED} SP_MODULE=${i}`,
      bytes,
      { track: source.pick(["none", "marks"]) },
      calls,
      (log) => ({ host: { log: (value: number) => log(String(value)) } }),
      () => more > 0 && source.oneIn(every) && more-- > 0,
      { sameInstance: source.oneIn(4), sharedLoopBytesMin: source.pick([0, 256, 1_000_000]) },
    );
    pinned += counts.pinned;
    captures += counts.captures;
    left += counts.left;
    framesMax = Math.max(framesMax, counts.framesMax);
    places += counts.places.size;
  }
  console.log(
    `# random: ${captures} captures, ${left} of them in host calls, at ${places} places, up to ${framesMax} frames deep; ` +
      `${pinned} not possible because of a frame that cannot be captured`,
  );
  if (ONLY === undefined) assert.ok(captures > 20 * MODULES && left > 0 && framesMax > 5);
});

random.run();
