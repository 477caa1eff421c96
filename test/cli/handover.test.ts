// Goal: a program under `stillpoint run --handover-every` does what it does undisturbed, whatever host it is in and whatever becomes of
// new ones. Method: stock CPython as a child process; what it prints and how it ends is compared.

import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { outcome, PYTHON_WASM, scratch, start, stillpoint } from "../support/command.ts";

const directory = scratch();
const python = join(directory, "python");

/** Runs a Python program with options before it. */
const py = (source: string, options: readonly string[] = [], rest: Parameters<typeof stillpoint>[1] = {}) =>
  stillpoint(["run", ...options, python, "--", "-c", source], rest);

const work = (turns: number): string => `
import hashlib, sys
state = sys.stdin.buffer.read()
for turn in range(${turns}):
    state = b"".join(hashlib.sha256(state + bytes([i])).digest() for i in range(200))
    print(turn, state.hex()[:32], sum(i * i for i in range(20000)), flush=True)
`;

const moved = suite("run: a program that is handed over again and again");
moved.before(async () => {
  const { status, stderr } = await stillpoint(["prepare", PYTHON_WASM, "-o", python]);
  assert.is(status, 0, stderr);
});

/** Services that leave a letter in a file each time they are attached, and do `more`. */
function versioned(letter: string, more = ""): { readonly options: readonly string[]; attached(): string } {
  const log = join(directory, `attached-${letter}`);
  const file = join(directory, `services-${letter}.mjs`);
  const source = [
    'import { appendFileSync } from "node:fs";',
    `export default () => { appendFileSync(${JSON.stringify(log)}, "${letter}"); ${more} return { imports: {} }; };`,
  ];
  writeFileSync(file, source.join("\n"));
  return {
    options: ["--services", file],
    attached: () => (existsSync(log) ? readFileSync(log, "utf8") : ""),
  };
}

moved("prints what it prints undisturbed, under services that alternate, and ends with its own code", async () => {
  const input = "some input";
  // The first handover takes about a second to prepare, and far more where all cores are busy; the program has to outlast three.
  const source = `${work(100)}\nraise SystemExit(7)`;
  const undisturbed = await py(source, [], { input });
  const [v1, v2] = [versioned("1"), versioned("2")];
  const options = ["--handover-every", "10", ...v1.options, ...v2.options, "--json"];
  const { status, stdout, stderr } = await py(source, options, { input });
  assert.is(stdout.toString(), undisturbed.stdout.toString());
  assert.is(status, 7);
  const { handovers } = JSON.parse(stderr);
  assert.ok(handovers.count >= 3, `only ${handovers.count} handovers`);
  assert.is(handovers.failed, 0);
  assert.is(handovers.guestBytesCopied, 0);
  for (const part of ["timeToSafepointMs", "captureMs", "restoreMs", "blackoutMs", "frames"]) {
    assert.ok(handovers[part].p50 > 0 && handovers[part].p50 <= handovers[part].max, part);
  }
  // One more host of either may have stood by when the program came to its end.
  const attached = v1.attached().length + v2.attached().length;
  assert.ok(attached - handovers.count === 1 || attached - handovers.count === 2, `${attached} hosts`);
  assert.ok(Math.abs(v1.attached().length - v2.attached().length) <= 1, "each handover goes to the next services");
});

moved("is frozen in between as well, and asleep or reading no less than computing", async () => {
  const source = [
    "import sys, time",
    "for line in sys.stdin:",
    "  before = time.monotonic(); time.sleep(0.02)",
    "  print(line.strip(), time.monotonic() - before >= 0.02, sum(range(50000)), flush=True)",
  ].join("\n");
  const host = versioned("3");
  const options = ["--handover-every", "15", "--freeze-every", "7", "--freeze-for", "3", ...host.options, "--json"];
  const child = start(["run", ...options, python, "--", "-c", source]);
  const ended = outcome(child);
  let lines = 0;
  // Until it has been moved often enough, however slow the machine is.
  while (host.attached().length < 8) {
    child.stdin.write(`line ${lines++}\n`);
    await sleep(10);
  }
  child.stdin.end();
  const { status, stdout, stderr } = await ended;
  const expected = Array.from({ length: lines }, (_, index) => `line ${index} True 1249975000\n`).join("");
  assert.is(stdout.toString(), expected);
  assert.is(status, 0);
  const { pauses, handovers } = JSON.parse(stderr);
  assert.ok(pauses.count >= 1 && handovers.count >= 5, `${pauses.count} pauses, ${handovers.count} handovers`);
  assert.is(handovers.failed, 0);
});

moved("goes on where it is when the next services are no good, and the reason is told once", async () => {
  const [v1, broken] = [versioned("4"), versioned("5", "throw new Error('sick');")];
  const undisturbed = await py(work(25));
  const options = ["--handover-every", "10", ...v1.options, ...broken.options];
  const { status, stdout, stderr } = await py(work(25), [...options, "--json"]);
  assert.is(stdout.toString(), undisturbed.stdout.toString());
  assert.is(status, 0);
  const [said, account, ...more] = stderr.split("\n");
  assert.match(said ?? "", /^stillpoint: not handed over: .*sick$/);
  assert.equal(more, [""]);
  const { handovers } = JSON.parse(account ?? "");
  assert.ok(handovers.failed > 0 && handovers.count > 0, `${handovers.failed} failed, ${handovers.count} did not`);
});

moved("has the parts of its handovers shown with --pauses", async () => {
  const { stderr } = await py(work(25), ["--handover-every", "50", "--pauses"]);
  assert.match(stderr, /\d+ handovers? · blackout .* ms, max .* ms\n +p50 +p99 +max\n/);
  for (const part of ["safepoint", "capture", "synthesis", "compile", "restore", "blackout"]) {
    assert.match(stderr, new RegExp(`^ +${part}( +[\\d.]+ ms){3}$`, "m"));
  }
});

moved("ends with SIGTERM in the midst of it", async () => {
  const source = "print('on', flush=True)\nwhile True: pass";
  const child = start(["run", python, "--handover-every", "0", "--", "-c", source]);
  const ended = outcome(child);
  await once(child.stdout, "data");
  await sleep(150);
  child.kill("SIGTERM");
  const { status, stderr } = await ended;
  assert.is(stderr, "");
  assert.is(status, 143);
});

moved("needs an image that was prepared with capture, and says so", async () => {
  const fixed = join(directory, "fixed");
  assert.is((await stillpoint(["prepare", PYTHON_WASM, "--no-capture", "-o", fixed])).status, 0);
  const { status, stdout, stderr } = await stillpoint(["run", fixed, "--handover-every", "10", "--", "-c", "print(1)"]);
  assert.is(status, 1);
  assert.match(stderr, /^stillpoint: .*fixed was prepared without capture, which --handover-every needs; prepare it/);
  assert.is(stdout.length, 0);
});

moved.run();
