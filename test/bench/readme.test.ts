// Goal: the README says what the committed reports say. Method: its share of them is made again and compared.

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { included, readmeText, storedReports } from "../../bench/report/readme.ts";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

const readme = suite("figures in the README");

readme("are those of the reports in bench/results (otherwise: npm run bench:readme)", () => {
  assert.is(included(README, readmeText(storedReports())), README);
});

readme("have their place, and nothing else is touched", () => {
  const once = included(README, "one");
  assert.is(included(once, "two").replace("\ntwo\n", "\none\n"), once);
  assert.throws(() => included("nothing", "text"), /lacks the line/);
});

readme.run();
