// Goal: the command line says what it can do, and what is wrong with what it was given. Method: the command with right and
// wrong arguments; the parsers of option values by themselves.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { count, distributionOf, milliseconds, size } from "../../dist/cli/figures.js";
import { bytesOf, directoriesOf, environmentOf, millisecondsOf, moduleUrlOf } from "../../dist/cli/option-values.js";
import { stillpoint } from "../support/command.ts";

const usage = suite("the command line");

usage("has help for itself and each command", async () => {
  const commands = ["run", "prepare", "inspect", "serve"];
  const control = ["ps", "freeze", "resume", "plan", "update", "waves", "cancel", "events", "approve", "top"];
  for (const args of [["--help"], ...[...commands, ...control].map((command) => [command, "--help"])]) {
    const { status, stdout, stderr } = await stillpoint(args);
    assert.is(status, 0);
    assert.is(stderr, "");
    assert.match(stdout.toString(), /^Usage: stillpoint /);
    assert.not.match(stdout.toString(), /default: (\{|false|undefined)/);
  }
});

usage("knows its version", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  assert.is((await stillpoint(["--version"])).stdout.toString(), `${version}\n`);
});

usage("ends with 2 and a sentence when it is wrong", async () => {
  const cases: [args: string[], message: RegExp][] = [
    [["rum"], /^stillpoint: unknown command 'rum'\n\(Did you mean run\?\)\n/],
    [["run"], /^stillpoint: missing required argument 'file'\n/],
    [
      ["run", "a.wasm", "--freeze-evry", "3"],
      /^stillpoint: unknown option '--freeze-evry'\n\(Did you mean --freeze-every\?\)\n/,
    ],
    [
      ["run", "a.wasm", "--clock", "stop"],
      /^stillpoint: option '--clock <policy>' argument 'stop' is invalid\. Allowed choices/,
    ],
    [
      ["run", "a.wasm", "--memory-max", "1MB"],
      /^stillpoint: option .* It must be a number of bytes, such as 65536 or 64MiB\.\n/,
    ],
    [["run", "a.wasm", "--freeze-every", "-1"], /^stillpoint: option .* It must be a number of milliseconds\.\n/],
    [["run", "a.wasm", "--dir", "a::b::c"], /^stillpoint: option .* It must be HOST::GUEST/],
    [["run", "a.wasm", "--env", "=x"], /^stillpoint: option .* It must be KEY=VALUE\.\n/],
    [["run", "a.wasm", "--pauses"], /^stillpoint: --pauses needs --freeze-every or --handover-every\n/],
    [["run", "a.wasm", "--freeze-for", "3"], /^stillpoint: --freeze-for needs --freeze-every\n/],
    [
      ["run", "a.wasm", "--services", "a.mjs", "--services", "b.mjs"],
      /^stillpoint: more than one --services need --handover-every\n/,
    ],
    [["serve"], /^stillpoint: missing required argument 'file'\n/],
    [["approve"], /^stillpoint: name events, or say --all\n/],
    [["approve", "x", "--all"], /^stillpoint: name events, or say --all\n/],
    [["update", "--kind", "explode"], /^stillpoint: option '--kind <kind>' argument 'explode' is invalid/],
    [["prepare", "a.wasm"], /^stillpoint: required option '-o, --output <file>' not specified\n/],
    [["inspect", "a.wasm", "b.wasm"], /^stillpoint: too many arguments/],
  ];
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = await stillpoint(args);
    assert.match(stderr, message);
    assert.is(status, 2, args.join(" "));
    assert.is(stdout.length, 0);
  }
});

usage.run();

const values = suite("option values");

function refused(parse: (text: string) => unknown, ...texts: string[]): void {
  for (const text of texts)
    assert.throws(
      () => parse(text),
      (error: { code: string }) => error.code === "commander.invalidArgument",
    );
}

values("are bytes with binary units", () => {
  assert.equal(["0", "65536", "64KiB", "1.5MiB", "4GiB"].map(bytesOf), [0, 65536, 65536, 1572864, 2 ** 32]);
  refused(bytesOf, "", "MiB", "-1", "1e3", "64 MiB", "1MB", "0.3KiB");
});

values("are milliseconds that a timer can hold", () => {
  assert.equal(["0", "0.5", "20"].map(millisecondsOf), [0, 0.5, 20]);
  refused(millisecondsOf, "", "-1", "1s", "Infinity", "99999999999");
});

values("are directories by the path under which the program sees them", () => {
  assert.equal(directoriesOf("here::/there"), { "/there": "here" });
  assert.equal(directoriesOf("C:\\x::/x", directoriesOf("both")), { both: "both", "/x": "C:\\x" });
  refused(directoriesOf, "", "::/x", "x::", "a::b::c");
});

values("are variables, the later ones first to count", () => {
  assert.equal(environmentOf("A=2", environmentOf("A=1")), { A: "2" });
  assert.equal(environmentOf("A="), { A: "" });
  assert.equal(environmentOf("SP_SURELY_NOT_SET"), {});
  refused(environmentOf, "", "=x");
});

values("are URLs or paths", () => {
  assert.is(moduleUrlOf("file:///x.mjs").href, "file:///x.mjs");
  assert.is(moduleUrlOf("data:text/javascript,0").protocol, "data:");
  assert.is(moduleUrlOf("./x.mjs").href, pathToFileURL("./x.mjs").href);
});

values("and figures are written for people", () => {
  assert.equal([0, 0.00123, 0.0123, 4.567, 56.78, 789.9].map(milliseconds), [
    "0 ms",
    "0.0012 ms",
    "0.0123 ms",
    "4.57 ms",
    "56.8 ms",
    "790 ms",
  ]);
  assert.equal([0, 1023, 1536, 64 * 2 ** 20].map(size), ["0 bytes", "1023 bytes", "1.5 KiB", "64.0 MiB"]);
  assert.equal(
    [7, 1234, 1234567].map((value) => count(value)),
    ["7", "1\u202f234", "1\u202f234\u202f567"],
  );
  assert.equal(
    [0, 1, 1000].map((value) => count(value, "page")),
    ["0 pages", "1 page", "1\u202f000 pages"],
  );
  assert.is(distributionOf([]), null);
  assert.equal(distributionOf([3, 1, 2]), { p50: 2, p99: 3, max: 3 });
});

values.run();
