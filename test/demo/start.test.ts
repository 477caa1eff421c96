// Goal: the demonstration shows what it says. Method: it runs as `npm start` runs it, and what it prints is read.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SEED } from "../support/random.ts";

const demo = suite("npm start");

demo("freezes three programs many times, copies nothing, and ends with 0 because their output is the same", () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL("../../demo/start.ts", import.meta.url))],
    {
      encoding: "utf8",
      env: { ...process.env, SP_SEED: String(SEED) },
      timeout: 120_000,
    },
  );
  assert.is(stderr, "");
  assert.is(status, 0, stdout);
  const row = (heading: string): string[] =>
    new RegExp(`^ *${heading} {2,}(.*)$`, "m").exec(stdout)?.[1]?.trim().split(/ {2,}/) ?? [];
  assert.ok(
    row("pauses")
      .map(Number)
      .every((count) => count >= 20),
    row("pauses").join(" "),
  );
  assert.ok(Number(row("in mid-execution")[0]) >= 20);
  assert.equal(row("guest memory copied"), ["0 bytes", "0 bytes", "0 bytes"]);
  assert.equal(row("sha256, frozen and resumed"), row("sha256, undisturbed"));
  assert.equal(row("the same"), ["yes", "yes", "yes"]);
  assert.not.match(stdout, "\x1b");
});

demo.run();
