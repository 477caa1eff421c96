// Goal: no path leaves its directory. Method: a directory with a secret beside it, every way out that is known, on every kind
// of directory; then a second thread that swaps a directory for a link to the outside as fast as it can.

import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NodeFiles, nodeFiles } from "../../dist/platform/node-files.js";
import { Calls, outcome } from "./calls.ts";
import { Machine } from "./machine.ts";

const ROOT = 3;
const SECRET = "the secret";

interface Context {
  base: string;
  inside: string;
}

/** What the guest sees: two directories, one file, links that the system's user made. */
function build(): Context {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "stillpoint-escape-")));
  const inside = join(base, "inside");
  mkdirSync(join(inside, "dir", "deep"), { recursive: true });
  writeFileSync(join(inside, "file"), "mine");
  writeFileSync(join(base, "secret"), SECRET);
  mkdirSync(join(base, "outside"));
  writeFileSync(join(base, "outside", "secret"), SECRET);
  symlinkSync("../secret", join(inside, "up"));
  symlinkSync(join(base, "secret"), join(inside, "absolute"));
  symlinkSync("../outside", join(inside, "updir"));
  symlinkSync(join(base, "outside"), join(inside, "absdir"));
  symlinkSync("dir/../../secret", join(inside, "through"));
  symlinkSync("up", join(inside, "chain"));
  symlinkSync("loop2", join(inside, "loop1"));
  symlinkSync("loop1", join(inside, "loop2"));
  symlinkSync(inside, join(inside, "self"));
  symlinkSync("..", join(inside, "dir", "parent"));
  symlinkSync("/proc/self/root", join(inside, "proc"));
  return { base, inside };
}

/** Each of them would read, change or make something outside if it went through. */
const ATTEMPTS: Record<string, (calls: Calls) => unknown> = {
  "open ..": (calls) => calls.open(ROOT, ".."),
  "open ../secret": (calls) => calls.open(ROOT, "../secret"),
  "open dir/../../secret": (calls) => calls.open(ROOT, "dir/../../secret"),
  "open dir/deep/../../../secret": (calls) => calls.open(ROOT, "dir/deep/../../../secret"),
  "open ./../secret": (calls) => calls.open(ROOT, "./../secret"),
  "open .//..//secret": (calls) => calls.open(ROOT, ".//..//secret"),
  "open an absolute path": (calls) => calls.open(ROOT, "/etc/passwd"),
  "open a double slash": (calls) => calls.open(ROOT, "//etc/passwd"),
  "open the root": (calls) => calls.open(ROOT, "/"),
  "open a link upwards": (calls) => calls.open(ROOT, "up"),
  "open an absolute link": (calls) => calls.open(ROOT, "absolute"),
  "open through a link to a directory": (calls) => calls.open(ROOT, "updir/secret"),
  "open through an absolute link": (calls) => calls.open(ROOT, "absdir/secret"),
  "open a link that goes down and up": (calls) => calls.open(ROOT, "through"),
  "open a link to a link": (calls) => calls.open(ROOT, "chain"),
  "open a link with a slash": (calls) => calls.open(ROOT, "updir/"),
  "open a link with a dot": (calls) => calls.open(ROOT, "updir/."),
  "go round by an absolute link to itself": (calls) => calls.open(ROOT, "self/file"),
  "go up behind a link": (calls) => calls.open(ROOT, "dir/parent/../secret"),
  "open the process's root": (calls) => calls.open(ROOT, "proc/etc/passwd"),
  "list outside": (calls) => calls.list(calls.open(ROOT, "updir", { directory: true })),
  "stat outside": (calls) => calls.statAt(ROOT, "../secret"),
  "stat a link's target": (calls) => calls.statAt(ROOT, "up"),
  "read a link outside": (calls) => calls.readLink(ROOT, "../inside/up"),
  "create outside": (calls) => calls.open(ROOT, "../made", { create: true, write: true }),
  "create through a link": (calls) => calls.open(ROOT, "updir/made", { create: true, write: true }),
  "create through a dangling link": (calls) => {
    calls.symlink("../made", ROOT, "dangling");
    return calls.open(ROOT, "dangling", { create: true, write: true });
  },
  "truncate outside": (calls) => calls.open(ROOT, "up", { write: true, truncate: true }),
  "make a directory outside": (calls) => calls.makeDirectory(ROOT, "updir/made"),
  "remove a directory outside": (calls) => calls.removeDirectory(ROOT, "../outside"),
  "unlink outside": (calls) => calls.unlink(ROOT, "updir/secret"),
  "rename out": (calls) => calls.rename(ROOT, "file", ROOT, "../made"),
  "rename in": (calls) => calls.rename(ROOT, "../secret", ROOT, "made"),
  "rename in through a link": (calls) => calls.rename(ROOT, "updir/secret", ROOT, "made"),
  "hard link out": (calls) => calls.link(ROOT, "file", ROOT, "../made"),
  "hard link in": (calls) => calls.link(ROOT, "../secret", ROOT, "made"),
  "hard link a link's target": (calls) => calls.link(ROOT, "up", ROOT, "made", true),
  "make a link outside": (calls) => calls.symlink("x", ROOT, "updir/made"),
  "make an absolute link": (calls) => calls.symlink("/etc/passwd", ROOT, "made"),
  "make a link upwards and open it": (calls) => {
    calls.symlink("../../secret", ROOT, "dir/made");
    return calls.open(ROOT, "dir/made");
  },
  "make a link to a link upwards and go through": (calls) => {
    calls.symlink("dir/parent/..", ROOT, "made");
    return calls.open(ROOT, "made/secret");
  },
  "set times outside": (calls) => calls.setTimesAt(ROOT, "../secret", 0n),
  "set times through a link": (calls) => calls.setTimesAt(ROOT, "up", 0n),
  "go up from a directory below": (calls) => calls.open(calls.open(ROOT, "dir", { directory: true }), "../file"),
  "go up from a directory that was moved up": (calls) => {
    const deep = calls.open(ROOT, "dir/deep", { directory: true });
    calls.rename(ROOT, "dir/deep", ROOT, "moved");
    return calls.open(deep, "../file");
  },
};

const REFUSALS = ["ENOTCAPABLE", "ELOOP"];

for (const [kind, files] of [
  ["descriptors", nodeFiles],
  ["paths", new NodeFiles({ relative: false })],
] as const) {
  const paths = suite<Context>(`paths stay inside, directories as ${kind}`);
  paths.before.each((context) => void Object.assign(context, build()));
  paths.after.each(({ base }) => rmSync(base, { recursive: true, force: true }));

  for (const [name, attempt] of Object.entries(ATTEMPTS)) {
    paths(`refuse to ${name}`, ({ base, inside }) => {
      const calls = new Calls(new Machine({ files, preopens: { "/": inside } }));
      const before = [readdirSync(base).sort(), readdirSync(join(base, "outside")).sort()];
      const answer = outcome(() => attempt(calls));
      // Where a directory is a path, one that was moved is not there any more.
      const refusals = kind === "paths" ? [...REFUSALS, "ENOENT"] : REFUSALS;
      assert.ok(refusals.includes(answer as string), `answered ${String(answer)}`);
      assert.equal([readdirSync(base).sort(), readdirSync(join(base, "outside")).sort()], before);
      assert.is(readFileSync(join(base, "secret"), "utf8"), SECRET);
      calls.wasi.dispose("exited");
      assert.is(calls.machine.open.size, 0);
    });
  }

  paths("end circles of links", ({ inside }) => {
    const calls = new Calls(new Machine({ files, preopens: { "/": inside } }));
    assert.is(
      outcome(() => calls.open(ROOT, "loop1")),
      "ELOOP",
    );
    assert.is(
      outcome(() => calls.open(ROOT, "loop1/x")),
      "ELOOP",
    );
    calls.wasi.dispose("exited");
  });

  paths("follow forty links and no more", ({ inside }) => {
    const calls = new Calls(new Machine({ files, preopens: { "/": inside } }));
    calls.symlink("file", ROOT, "link1");
    for (let index = 2; index <= 41; index++) calls.symlink(`link${index - 1}`, ROOT, `link${index}`);
    assert.is(calls.read(calls.open(ROOT, "link40")), "mine");
    assert.is(
      outcome(() => calls.open(ROOT, "link41")),
      "ELOOP",
    );
    calls.wasi.dispose("exited");
  });

  paths("follow links that stay inside, also by way of ..", ({ inside }) => {
    const calls = new Calls(new Machine({ files, preopens: { "/": inside } }));
    calls.symlink("../file", ROOT, "dir/good");
    calls.symlink("dir/deep/..", ROOT, "round");
    assert.is(calls.read(calls.open(ROOT, "dir/good")), "mine");
    assert.is(calls.read(calls.open(ROOT, "round/good")), "mine");
    assert.is(calls.read(calls.open(ROOT, "dir/parent/file")), "mine");
    assert.is(calls.read(calls.open(ROOT, "dir/deep/../../file")), "mine");
    calls.wasi.dispose("exited");
  });

  paths("refuse a directory that became a link after it was opened", ({ base, inside }) => {
    const calls = new Calls(new Machine({ files, preopens: { "/": inside } }));
    const dir = calls.open(ROOT, "dir", { directory: true });
    renameSync(join(inside, "dir"), join(inside, "gone"));
    symlinkSync(join(base, "outside"), join(inside, "dir"));
    const answer = outcome(() => calls.open(dir, "secret"));
    assert.is(answer, kind === "paths" ? "ENOTCAPABLE" : "ENOENT");
    calls.wasi.dispose("exited");
  });

  paths.run();
}

const tree = suite("paths stay inside, trees in memory");

tree("refuse every way out", () => {
  for (const [name, attempt] of Object.entries(ATTEMPTS)) {
    const calls = new Calls(
      new Machine({ preopens: { "/": { dir: { deep: {} }, file: "mine" }, "/beside": { secret: SECRET } } }),
    );
    for (const [target, path] of [
      ["../secret", "up"],
      ["../beside", "updir"],
      ["dir/../../secret", "through"],
      ["up", "chain"],
    ]) {
      calls.symlink(target!, ROOT, path!);
    }
    calls.symlink("..", ROOT, "dir/parent");
    const answer = outcome(() => attempt(calls));
    // Absolute links cannot be there: nobody could have made one.
    const expected =
      /absolute link|process's root/.test(name) && !name.startsWith("make") ? [...REFUSALS, "ENOENT"] : REFUSALS;
    assert.ok(expected.includes(answer as string), `${name}: ${String(answer)}`);
  }
});

tree.run();

const race = suite<Context>("paths stay inside under a race");
race.before.each((context) => void Object.assign(context, build()));
race.after.each(({ base }) => rmSync(base, { recursive: true, force: true }));

race("read no secret while a directory and a file turn into links and back", async ({ base, inside }) => {
  const swap = join(inside, "swap");
  mkdirSync(join(base, "real", "below"), { recursive: true });
  writeFileSync(join(base, "real", "secret"), "mine");
  writeFileSync(join(base, "real", "below", "secret"), "mine");
  mkdirSync(join(base, "outside", "below"));
  linkSync(join(base, "outside", "secret"), join(base, "outside", "below", "secret"));
  renameSync(join(base, "real"), swap);
  writeFileSync(join(inside, "leaf"), "mine");
  const source = `
    const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
    const { workerData: { inside, stop } } = require("node:worker_threads");
    const swap = (name, target) => {
      renameSync(inside + name, inside + "aside");
      symlinkSync(target, inside + name);
      unlinkSync(inside + name);
      renameSync(inside + "aside", inside + name);
    };
    while (Atomics.load(stop, 0) === 0) {
      swap("swap", "../outside");
      swap("leaf", "../secret");
      Atomics.add(stop, 1, 1);
    }`;
  const stop = new Int32Array(new SharedArrayBuffer(8));
  const workerData = { inside: `${inside}/`, stop };
  const worker = new Worker(source, { eval: true, workerData });
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  try {
    const calls = new Calls(new Machine({ preopens: { "/": inside } }));
    const answers = new Map<string, number>();
    const endMs = performance.now() + (process.env.SP_FULL === "1" ? 20_000 : 3_000);
    while (performance.now() < endMs) {
      for (const path of ["swap/secret", "swap/below/secret", "swap/below/../secret", "leaf"]) {
        const answer = outcome(() => {
          const fd = calls.open(ROOT, path);
          try {
            return calls.read(fd);
          } finally {
            calls.close(fd);
          }
        });
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    }
    const report = JSON.stringify([...answers]);
    assert.not(answers.has(SECRET), report);
    // Both sides of the race have to have been seen, or it was none.
    assert.ok((answers.get("mine") ?? 0) > 10 && (answers.get("ENOTCAPABLE") ?? 0) > 0, report);
    assert.ok(Atomics.load(stop, 1) > 100, `${Atomics.load(stop, 1)} swaps`);
    assert.is(calls.machine.open.size, 1, "a walk left something open");
    calls.wasi.dispose("exited");
  } finally {
    Atomics.store(stop, 0, 1);
    await ended;
  }
});

race.run();
