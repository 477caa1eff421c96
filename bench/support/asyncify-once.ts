/** Applies binaryen's Asyncify to one module, in a process that may be given up on, and writes what comes out beside it. */

import { readFileSync, writeFileSync } from "node:fs";
import binaryen from "binaryen";
import { V8_FEATURES } from "../../test/support/assemble.ts";

const [from, to] = process.argv.slice(2) as [string, string];
const module = binaryen.readBinary(readFileSync(from));
module.setFeatures(V8_FEATURES);
binaryen.setOptimizeLevel(2);
// Its own documentation asks for optimisation afterwards: the pass leaves much that a later one takes away.
module.runPasses(["asyncify"]);
module.optimize();
writeFileSync(to, module.emitBinary());
