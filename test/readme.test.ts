// Goal: what the README shows works when it is pasted. Method: its first JavaScript block is run as it stands, from a file
// inside the package, where `stillpoint` is this very build; its command lines are looked up in the command's own help.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stillpoint } from "./support/command.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const output = fileURLToPath(new URL("./output/", import.meta.url));

const blocks = (language: string): string[] =>
  [...README.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , text]) => text ?? "");

const readme = suite("the README");

readme("shows about twenty lines of code that work", () => {
  const [code = ""] = blocks("js");
  const lines = code.split("\n").filter((line) => line !== "").length;
  assert.ok(lines >= 10 && lines <= 22, `${lines} lines`);
  mkdirSync(output, { recursive: true });
  writeFileSync(`${output}readme.mjs`, code);
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${output}readme.mjs`], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.is(stderr, "");
  assert.is(status, 0);
  for (let turn = 0; turn < 5; turn++) assert.match(stdout, `${turn} 1999999000000\n`);
  assert.match(stdout, /^frozen \(parked\) [\d.]+ ms after the request$/m);
  assert.match(stdout, /^it stood still for [\d.]+ ms$/m);
  assert.match(stdout, /^\{ kind: 'code', code: 0 \}$/m);
});

readme("shows options that the command has", async () => {
  const lines = blocks("sh")
    .join("")
    .split("\n")
    .filter((line) => line.startsWith("npx stillpoint "));
  assert.ok(lines.length >= 4);
  for (const line of lines) {
    const [, , command = "", ...words] = (line.split(" -- ")[0] ?? "").split("#")[0]!.trim().split(/\s+/);
    const { status, stdout } = await stillpoint([command, "--help"]);
    assert.is(status, 0, command);
    for (const word of words.filter((word) => word.startsWith("-"))) assert.match(stdout.toString(), word);
  }
});

readme("has no place left to fill in", () => {
  assert.not.match(README, /TODO|TBD|XXX|MEASURED/);
});

readme.run();
