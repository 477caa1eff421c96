// Goal: the demonstration shows what it says. Method: it runs as `npm start` runs it, and what it prints is read.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SEED } from "../support/random.ts";

const demo = suite("npm start");

const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [fileURLToPath(new URL("../../demo/start.ts", import.meta.url))],
  { encoding: "utf8", env: { ...process.env, SP_SEED: String(SEED) }, timeout: 180_000 },
);

/** The cells of a row of the tables. */
const row = (heading: string): string[] =>
  new RegExp(`^ *${heading} {2,}(.*)$`, "m").exec(stdout)?.[1]?.trim().split(/ {2,}/) ?? [];

demo("ends with 0, says nothing on standard error, and uses no colours where nobody looks", () => {
  assert.is(stderr, "");
  assert.is(status, 0, stdout);
  assert.not.match(stdout, "\x1b");
});

demo("freezes three programs many times, copies nothing, and their output is the same", () => {
  assert.ok(
    row("pauses")
      .map(Number)
      .every((count) => count >= 20),
    row("pauses").join(" "),
  );
  assert.ok(Number(row("in mid-execution")[0]) >= 20);
  assert.equal(row("guest memory copied").slice(0, 3), ["0 bytes", "0 bytes", "0 bytes"]);
  assert.equal(row("sha256, frozen and resumed"), row("sha256, undisturbed"));
  assert.equal(row("the same"), ["yes", "yes", "yes"]);
});

demo("replaces the services under a running program, refuses a broken version, and the output is the same", () => {
  assert.match(stdout, /v1 → v2 +v2 → v3, refused/);
  assert.match(stdout, /v2 took over\n +v2 stays\. .*v3\.js: not healthy\n/);
  assert.match(stdout, /served: [1-9]\d* times by v1, [1-9]\d* by v2, 0 by v3/);
  assert.match(stdout, "Its output is the same as undisturbed: yes.");
  assert.ok(
    row("frames on the stack")
      .map(Number)
      .every((frames) => frames > 3),
  );
});

demo("announces a wave, lets a program of the set approve it, and stops one that is no good", () => {
  for (const domain of ["orders_0, orders_3", "orders_1, orders_4", "orders_2, orders_5"]) {
    assert.match(stdout, new RegExp(`Freeze of ${domain} +started, because it was approved`));
  }
  assert.match(stdout, /the wave is completed: they run under v2\n/);
  assert.match(stdout, /the wave is stopped: they run under v2\n/);
  assert.is(stdout.match(/^v2, update domain \d +orders_\d +updated/gm)?.length, 6);
  assert.match(stdout, /^v3, update domain 0 +orders_\d +rolledBack/m);
  assert.match(stdout, /printed the [1-9]\d* lines that a program prints which nobody touched: yes\./);
});

demo.run();
