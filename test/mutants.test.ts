// Goal: the table of mutants is of these sources, so that a run of an hour does not find at its end what has been moved meanwhile.
// Method: every text that a mutant replaces is looked for, and every test that it names.

import { existsSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MUTANTS } from "./support/mutants.ts";

const PROJECT = new URL("../", import.meta.url);

const table = suite("the table of mutants");

table("the text of each stands in its file once, and its tests are there", () => {
  assert.ok(MUTANTS.length > 100);
  for (const { name, file, text, tests } of MUTANTS) {
    assert.is(readFileSync(new URL(file, PROJECT), "utf8").split(text).length, 2, `${file}, ${name}`);
    for (const test of tests) assert.ok(existsSync(new URL(`test/${test}.test.ts`, PROJECT)), test);
  }
});

table.run();
