// Goal: a tree in memory behaves as a real directory does. Method: the same seeded sequence of calls on both; every answer,
// every error and, from time to time, everything that is there has to be the same.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Calls, outcome } from "./calls.ts";
import { Machine } from "./machine.ts";
import { Random, seedOf } from "./random.ts";

const STEPS = process.env.SP_FULL === "1" ? 20_000 : 3_000;
const ROOT = 3;
const NAMES = ["a", "b", "c", "d", "long-name.txt", "é"];

const model = suite("files in memory");

function pathOf(random: Random): string {
  const depth = 1 + random.below(3);
  const names = Array.from({ length: depth }, () =>
    random.below(12) === 0 ? random.pick(["..", "."]) : random.pick(NAMES),
  );
  return names.join("/") + (random.below(15) === 0 ? "/" : "");
}

/** Size and count of names are the same everywhere for files and links only. */
function comparable(stat: unknown): unknown {
  if (typeof stat !== "object" || stat === null) return stat;
  const { type, bytes, links } = stat as { type: number; bytes: number; links: number };
  return type === 3 ? { type } : { type, bytes, links };
}

/** All paths with what is there. */
function everything(calls: Calls, dir: number, prefix = ""): string[] {
  const lines: string[] = [];
  for (const name of calls.list(dir)) {
    const stat = calls.statAt(dir, name, false);
    lines.push(`${prefix}${name} ${JSON.stringify(comparable(stat))}`);
    if (stat.type === 3) {
      const inner = calls.open(dir, name, { directory: true });
      lines.push(...everything(calls, inner, `${prefix}${name}/`));
      calls.close(inner);
    } else if (stat.type === 7) {
      lines.push(`${prefix}${name} -> ${calls.readLink(dir, name)}`);
    } else {
      const file = calls.open(dir, name);
      lines.push(`${prefix}${name} = ${Buffer.from(calls.read(file), "latin1").toString("base64")}`);
      calls.close(file);
    }
  }
  return lines;
}

type Step = (calls: Calls) => unknown;

function stepOf(random: Random): [description: string, step: Step] {
  const path = pathOf(random);
  const other = pathOf(random);
  const fd = 3 + random.below(6);
  const bytes = random.below(3000);
  const position = random.below(5000);
  const follow = random.below(2) === 0;
  const kind = random.below(20);
  switch (kind) {
    case 0:
    case 1:
    case 2: {
      const flags = {
        read: random.below(3) > 0,
        write: random.below(2) === 0,
        create: random.below(2) === 0,
        exclusive: random.below(5) === 0,
        truncate: random.below(6) === 0,
        append: random.below(5) === 0,
        directory: random.below(8) === 0,
        follow,
      };
      return [`open ${path} ${JSON.stringify(flags)}`, (calls) => calls.open(ROOT, path, flags)];
    }
    case 3:
      return [`close ${fd}`, (calls) => (fd === ROOT ? 0 : calls.close(fd))];
    case 4:
    case 5:
      return [`write ${fd} ${bytes}`, (calls) => calls.write(fd, new Uint8Array(bytes).fill(65 + (bytes % 26)))];
    case 6:
      return [
        `pwrite ${fd} ${bytes} at ${position}`,
        (calls) => calls.write(fd, new Uint8Array(bytes).fill(97), position),
      ];
    case 7:
      return [`read ${fd} ${bytes}`, (calls) => calls.read(fd, bytes)];
    case 8:
      return [`pread ${fd} ${bytes} at ${position}`, (calls) => calls.read(fd, bytes, position)];
    case 9: {
      const whence = random.below(4);
      const delta = random.below(2) === 0 ? position : -random.below(500);
      return [`seek ${fd} ${delta} ${whence}`, (calls) => calls.seek(fd, delta, whence)];
    }
    case 10:
      return [`truncate ${fd} ${bytes}`, (calls) => calls.truncate(fd, bytes)];
    case 11:
      return [`stat ${fd}`, (calls) => comparable(calls.stat(fd))];
    case 12:
      return [`stat ${path} ${follow}`, (calls) => comparable(calls.statAt(ROOT, path, follow))];
    case 13:
      return [`mkdir ${path}`, (calls) => calls.makeDirectory(ROOT, path)];
    case 14:
      return random.below(2) === 0
        ? [`rmdir ${path}`, (calls) => calls.removeDirectory(ROOT, path)]
        : [`unlink ${path}`, (calls) => calls.unlink(ROOT, path)];
    case 15:
      return [`rename ${path} ${other}`, (calls) => calls.rename(ROOT, path, ROOT, other)];
    case 16:
      return [`link ${path} ${other} ${follow}`, (calls) => calls.link(ROOT, path, ROOT, other, follow)];
    case 17:
      return [`symlink ${other} ${path}`, (calls) => calls.symlink(other, ROOT, path)];
    case 18:
      return random.below(2) === 0
        ? [`readlink ${path}`, (calls) => calls.readLink(ROOT, path)]
        : [
            `times ${path} ${follow}`,
            (calls) => {
              calls.setTimesAt(ROOT, path, 1_000_000_000n * BigInt(position), follow);
              return calls.statAt(ROOT, path, follow).modifiedNs;
            },
          ];
    default: {
      const flags = random.below(2);
      return [`flags ${fd} ${flags}`, (calls) => (fd === ROOT ? 0 : calls.call("fd_fdstat_set_flags", fd, flags))];
    }
  }
}

model("answer as a real directory does, call by call", () => {
  const seed = seedOf();
  const directory = mkdtempSync(join(tmpdir(), "stillpoint-model-"));
  try {
    const real = new Calls(new Machine({ preopens: { "/": directory } }));
    const memory = new Calls(new Machine({ preopens: { "/": {} } }));
    const random = new Random(seed);
    const past: string[] = [];
    let failures = 0;
    for (let step = 0; step < STEPS; step++) {
      const [description, work] = stepOf(random);
      past.push(description);
      const where = (): string => `seed ${seed}, step ${step}:\n  ${past.slice(-12).join("\n  ")}`;
      const expected = outcome(() => work(real));
      const actual = outcome(() => work(memory));
      if (typeof expected === "string" && expected.startsWith("E")) failures++;
      assert.equal(actual, expected, where());
      if (step % 200 === 199) assert.equal(everything(memory, ROOT), everything(real, ROOT), where());
    }
    // Otherwise the sequence would be too tame, or too wild, to say much.
    assert.ok(failures > STEPS / 20 && failures < STEPS * 0.9, `${failures} failures, seed ${seed}`);
    real.wasi.dispose("exited");
    assert.is(real.machine.open.size, 0);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

model.run();
