// Goal: a prepared module answers every assertion of the public WebAssembly test scripts as the original does. Method: each
// script is run on the engine as it stands and prepared under every combination of passes; whatever comes of a command, the
// value to the last bit or the engine's own words for the trap, must be equal on all sides and be what the script expects.
// Prepared instances link to prepared instances, and every poll takes its slow path. On further sides calls are captured at every
// n-th safepoint and go on from continuations.
//
// The scripts are data from outside: SP_SPEC_DIR, or ../shared/spec beside the repository.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { StillpointError } from "../../dist/errors.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { capturedSide, newForced } from "../support/captured-side.ts";
import { Random } from "../support/random.ts";
import { asExpected, assembleModules, type Modules, type Outcome, outcomeText, runScript } from "../support/runner.ts";
import { type Command, readScript } from "../support/script.ts";
import { original, preparedSides, type Side } from "../support/sides.ts";

/**
 * What is left out, and why: a script, or a module of one by its line, which takes along what the script asks of it. An entry
 * that is not needed fails the test, so the table stays true.
 */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "memory_grow.wast": "each of its modules has several memories",
  "table.wast:9": "V8 has no tables of 2^32 - 1 elements",
  "try_table.wast:420": "wabt does not know its types, and binaryen's output for it is invalid",
};

const MODULE_LEFT_OUT = "its module was left out";

const directory = process.env.SP_SPEC_DIR
  ? pathToFileURL(`${process.env.SP_SPEC_DIR}/`)
  : new URL("../../../shared/spec/", import.meta.url);
const scripts = existsSync(directory) ? readdirSync(directory).filter((file) => file.endsWith(".wast")) : [];
const FULL = process.env.SP_FULL === "1";
const random = new Random();
/** The n of "every n-th safepoint", and what was forced. */
const forcing = (FULL ? [1, 2 + random.below(3), 5 + random.below(20)] : [1 + random.below(3)]).map((every) => {
  const forced = newForced();
  return { every, forced, side: capturedSide(every, forced) };
});
const sides: readonly Side[] = [...preparedSides, ...forcing.map(({ side }) => side)];

const totals = { scripts: 0, assertions: 0, comparisons: 0, hostile: 0 };
const needed = new Set<string>();

function leftOut(place: string, outcome: Outcome): boolean {
  if (outcome.kind !== "left out") return false;
  if (outcome.reason !== MODULE_LEFT_OUT && place in LEFT_OUT) needed.add(place);
  return outcome.reason === MODULE_LEFT_OUT || place in LEFT_OUT;
}

/** Bytes that must not make a module: the preparer refuses them, or, where the engine knows more than the script, both agree. */
function checkHostile(place: string, bytes: Uint8Array<ArrayBuffer>): void {
  totals.hostile++;
  let image: Uint8Array<ArrayBuffer>;
  try {
    image = prepareSync(bytes).bytes as Uint8Array<ArrayBuffer>;
  } catch (error) {
    assert.instance(error, StillpointError, `${place}: ${error}`);
    return;
  }
  assert.ok(WebAssembly.validate(bytes), `${place}: V8 refuses what the preparer takes`);
  assert.ok(WebAssembly.validate(image), `${place}: V8 refuses what the preparer makes`);
}

function compare(script: string, commands: readonly Command[], modules: Modules): void {
  const expected = runScript(commands, modules, original);
  for (const [i, command] of commands.entries()) {
    const place = `${script}:${command.line}`;
    if (command.kind === "invalid") {
      const bytes = modules.get(command.source);
      if (bytes !== undefined) checkHostile(place, bytes);
      continue;
    }
    if (leftOut(place, expected[i]!)) continue;
    totals.assertions++;
    assert.ok(asExpected(command, expected[i]!), `${place}: ${command.kind}, original: ${outcomeText(expected[i]!)}`);
  }
  for (const side of sides) {
    const outcomes = runScript(commands, modules, side);
    for (const [i, command] of commands.entries()) {
      const place = `${script}:${command.line}`;
      if (command.kind === "invalid" || leftOut(place, outcomes[i]!)) continue;
      totals.comparisons++;
      assert.is(
        outcomeText(outcomes[i]!),
        outcomeText(expected[i]!),
        `${place}: ${command.kind}, prepared ${side.name}`,
      );
    }
  }
}

const spec = suite("spec scripts");

for (const script of scripts) {
  if (script in LEFT_OUT) {
    needed.add(script);
    continue;
  }
  spec(`${script} gets the same answers prepared in every way`, () => {
    const commands = readScript(readFileSync(new URL(script, directory), "utf8"));
    compare(script, commands, assembleModules(commands));
    totals.scripts++;
  });
}

if (scripts.length === 0) {
  spec("has no scripts to run here", () => console.log("# spec: no test scripts here (SP_SPEC_DIR), nothing compared"));
} else {
  spec("at least 85 scripts are run, and nothing is left out but what the table names", () => {
    const { scripts: run, assertions, comparisons, hostile } = totals;
    console.log(
      `# spec: ${run} of ${scripts.length} scripts, ${assertions} commands as expected, ${comparisons} equal on ` +
        `${sides.length} prepared sides, ${hostile} invalid modules`,
    );
    for (const { every, forced } of forcing) {
      const { calls, captured, captures, pinned, framesMax } = forced;
      console.log(
        `# every ${every}. safepoint: ${captures} captures in ${captured} of ${calls} calls, up to ${framesMax} frames deep; ` +
          `${pinned} not possible because of a frame that cannot be captured`,
      );
      assert.ok(captures > 100 && captured > 10);
    }
    for (const [place, reason] of Object.entries(LEFT_OUT)) console.log(`# left out: ${place}: ${reason}`);
    assert.ok(run >= 85, `${run} scripts were run`);
    assert.equal([...needed].sort(), Object.keys(LEFT_OUT).sort());
  });
}

spec.run();
