// Goal: `stillpoint run` is a WASI runner like any other, whether it freezes its program or not. Method: stock CPython, prepared
// once by `stillpoint prepare`, and small modules, as child processes with pipes; what they print and how they end is compared.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAIN, outcome, PYTHON_WASM, QUICKJS_WASM, scratch, start, stillpoint, writeWat } from "../support/command.ts";
import { Random } from "../support/random.ts";

const directory = scratch();
const python = join(directory, "python");

/** Runs a Python program with options before it. */
const py = (source: string, options: readonly string[] = [], rest: Parameters<typeof stillpoint>[1] = {}) =>
  stillpoint(["run", ...options, python, "--", "-c", source], rest);

const preparing = async (): Promise<void> => {
  const { status, stderr } = await stillpoint(["prepare", PYTHON_WASM, "-o", python]);
  assert.is(status, 0, stderr);
};

const randomBytes = (count: number): Uint8Array => {
  const random = new Random();
  return Uint8Array.from({ length: count }, () => random.below(256));
};

const programs = suite("run: a program");
programs.before(preparing);

programs("gets the file's name and what follows -- as its arguments", async () => {
  const { status, stdout } = await stillpoint([
    "run",
    python,
    "--",
    "-c",
    "import sys; print(sys.orig_argv)",
    "--dir",
    "-x",
    "--",
    "",
  ]);
  assert.is(stdout.toString(), "['python', '-c', 'import sys; print(sys.orig_argv)', '--dir', '-x', '--', '']\n");
  assert.is(status, 0);
});

programs("ends the process with its own exit code", async () => {
  for (const code of [0, 1, 7, 255]) assert.is((await py(`raise SystemExit(${code})`)).status, code);
});

programs("reads and writes bytes as they are", async () => {
  const input = randomBytes(1_500_000);
  const copy = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])";
  const { stdout } = await py(copy, [], { input });
  assert.ok(stdout.equals(Buffer.from(input.toReversed())));
});

programs("writes its errors to standard error alone", async () => {
  const { status, stdout, stderr } = await py("import sys; print('out'); raise ValueError('größe')");
  assert.is(stdout.toString(), "out\n");
  assert.match(stderr, /^Traceback .*\n.*\nValueError: größe\n$/);
  assert.is(status, 1);
});

programs("sees the variables that are named and no others", async () => {
  const { stdout } = await py(
    "import os; print(dict(os.environ))",
    ["--env", "A=b=c", "--env", "HERE", "--env", "NOWHERE", "--env", "EMPTY="],
    { env: { HERE: "x", OTHER: "y" } },
  );
  assert.is(stdout.toString(), "{'A': 'b=c', 'HERE': 'x', 'EMPTY': ''}\n");
});

programs("reads and writes the directories that are named and sees no others", async () => {
  const data = join(directory, "data");
  mkdirSync(data);
  writeFileSync(join(data, "in"), "given");
  writeFileSync(join(directory, "secret"), "hidden");
  const source = [
    "import os",
    "print(os.listdir('/data'), open('/data/in').read())",
    "open('/data/out', 'w').write('made')",
    "for path in ('/data/../secret', '/secret', '/etc/hosts'):",
    "  try: print(open(path).read())",
    "  except OSError: print('refused')",
  ].join("\n");
  const { stdout, stderr } = await py(source, ["--dir", `${data}::/data`]);
  assert.is(stdout.toString(), "['in'] given\nrefused\nrefused\nrefused\n", stderr);
  assert.is(readFileSync(join(data, "out"), "utf8"), "made");
});

programs("is a module as well as an image", async () => {
  const { stdout, status } = await stillpoint(["run", PYTHON_WASM, "--", "-c", "print(6 * 7)"]);
  assert.is(stdout.toString(), "42\n");
  assert.is(status, 0);
});

programs("is limited in its memory by --memory-max", async () => {
  const { stdout } = await py(
    "try: bytearray(100 << 20)\nexcept MemoryError: print('no')\nprint(len(bytearray(10 << 20)))",
    ["--memory-max", "64MiB"],
  );
  assert.is(stdout.toString(), "no\n10485760\n");
});

programs("finds the functions of a services module", async () => {
  const module = writeWat(
    join(directory, "asks.wasm"),
    `(module (import "env" "answer" (func $answer (result i32))) (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "_start") (call $exit (call $answer))))`,
  );
  const services = join(directory, "answers.mjs");
  writeFileSync(services, "export default () => ({ imports: { env: { answer: () => 42 } } });");
  assert.is((await stillpoint(["run", module, "--services", services])).status, 42);
  const without = await stillpoint(["run", module]);
  assert.is(without.status, 1);
  assert.match(without.stderr, /^stillpoint: SP_IMPORT_MISSING: .*env\.answer/);
});

programs.run();

const frozen = suite("run: a program that is frozen again and again");

const WORK = `
import hashlib, sys
state = sys.stdin.buffer.read()
for turn in range(60):
    state = b"".join(hashlib.sha256(state + bytes([i])).digest() for i in range(200))
    print(turn, state.hex()[:32], sum(i * i for i in range(20000)), flush=True)
`;

frozen("prints what it prints undisturbed, and --json accounts for every pause", async () => {
  const input = randomBytes(1000);
  const undisturbed = await py(WORK, [], { input });
  const { status, stdout, stderr } = await py(WORK, ["--freeze-every", "2", "--freeze-for", "1", "--json"], { input });
  assert.is(stdout.toString(), undisturbed.stdout.toString());
  assert.is(status, 0);
  const report = JSON.parse(stderr);
  assert.equal(Object.keys(report), ["program", "status", "ranMs", "memoryBytes", "pauses", "handovers"]);
  assert.is(report.handovers, null);
  const { pauses } = report;
  assert.ok(pauses.count >= 20, `only ${pauses.count} pauses`);
  assert.is(pauses.parked + pauses.waiting, pauses.count);
  assert.is(pauses.guestBytesCopied, 0);
  assert.is(pauses.dirtyPages, null);
  assert.ok(pauses.blackoutMs.p50 >= 1 && pauses.blackoutMs.p50 <= pauses.blackoutMs.max);
  assert.ok(pauses.wallStepMs >= pauses.count, "each pause of 1 ms steps the wall clock by as much");
});

frozen("has its written pages counted with --track", async () => {
  for (const how of ["marks", "scan"]) {
    const { stderr } = await py(WORK, ["--freeze-every", "20", "--freeze-for", "0", "--track", how, "--json"]);
    const { pauses, memoryBytes } = JSON.parse(stderr);
    assert.ok(pauses.dirtyPages > 0, how);
    assert.ok(pauses.dirtyPages <= pauses.count * (memoryBytes / 4096), how);
  }
});

frozen("sees pauses on its monotonic clock or does not, as --clock says", async () => {
  const source = "import time\nuntil = time.monotonic() + 0.3\nwhile time.monotonic() < until: pass";
  const [included, excluded] = await Promise.all(
    ["include", "exclude"].map(async (clock) => {
      const { stderr } = await py(source, ["--freeze-every", "5", "--freeze-for", "20", "--clock", clock, "--json"]);
      return JSON.parse(stderr);
    }),
  );
  assert.ok(included.pauses.monotonicStepMs >= 0.9 * included.pauses.wallStepMs);
  // Between release and first instruction even a clock that excludes pauses goes on.
  assert.ok(excluded.pauses.monotonicStepMs <= 0.5 * excluded.pauses.wallStepMs);
  assert.ok(excluded.ranMs > 300 + 0.5 * excluded.pauses.wallStepMs, "the clock stood still, so the wait took longer");
});

frozen("has its pauses shown as plain lines where standard error is no terminal", async () => {
  const { stderr, stdout } = await py("print(sum(range(10**6)))", ["--freeze-every", "5", "--pauses"]);
  assert.is(stdout.toString(), "499999500000\n");
  assert.match(stderr, /^(stillpoint: .*\d+ pauses? .*\n)+$/);
  assert.not.match(stderr, "\x1b");
});

frozen.run();

const endings = suite("run: the end of a program");

endings("comes with SIGINT and SIGTERM, whatever it does", async () => {
  const busy: Record<string, string> = {
    computes: "print('on', flush=True)\nwhile True: pass",
    sleeps: "import time; print('on', flush=True); time.sleep(1000)",
    reads: "import sys; print('on', flush=True); sys.stdin.read()",
  };
  for (const [what, source] of Object.entries(busy)) {
    for (const [signal, expected] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const child = start(["run", python, "--freeze-every", "3", "--freeze-for", "3", "--", "-c", source]);
      const ended = outcome(child);
      await once(child.stdout, "data");
      await sleep(20);
      const beforeMs = performance.now();
      child.kill(signal);
      const { status, stdout, stderr } = await ended;
      assert.is(status, expected, `${what}, ${signal}: ${stderr}`);
      assert.is(stdout.toString(), "on\n");
      assert.is(stderr, "");
      assert.ok(performance.now() - beforeMs < 5000, `${what} took long to end`);
    }
  }
});

endings("is quiet when nobody reads its output any more", async () => {
  const child = start(["run", python, "--", "-c", "while True: print('y')"]);
  const ended = outcome(child);
  await once(child.stdout, "data");
  child.stdout.destroy();
  const { status, stderr } = await ended;
  assert.is(stderr, "");
  assert.is(status, 141);
});

endings("loses nothing of its output", async () => {
  const { stdout } = await py(
    "import sys; sys.stdout.write('x' * 3_000_000); sys.stdout.flush(); import os; os._exit(0)",
  );
  assert.is(stdout.length, 3_000_000);
});

endings("is no success if its output could not be written", async () => {
  // The device that is always full; where there is none, a descriptor that cannot be written does as well.
  const full = existsSync("/dev/full") ? openSync("/dev/full", "w") : openSync(python, "r");
  const child = spawn(process.execPath, [MAIN, "run", python, "--", "-c", "print('x' * 1000)"], {
    stdio: ["ignore", full, "pipe"],
  });
  closeSync(full);
  const closed = once(child, "close");
  const stderr = await text(child.stderr as Readable);
  await closed;
  assert.match(stderr, /output of .*python is lost: /);
  assert.ok(child.exitCode !== 0);
});

endings("waits for a reader that is slow, and stops writing meanwhile", async () => {
  const counts = join(directory, "counts");
  mkdirSync(counts);
  const source = [
    "import sys",
    "for turn in range(200):",
    "  sys.stdout.write('x' * 65536); sys.stdout.flush()",
    "  open('/counts/turn', 'w').write(str(turn + 1))",
  ].join("\n");
  const child = start(["run", python, "--dir", `${counts}::/counts`, "--", "-c", source]);
  await once(child.stdout, "readable");
  await sleep(1000);
  const written = Number(readFileSync(join(counts, "turn"), "utf8"));
  assert.ok(written < 40, `${written} of 200 pieces were written with nobody reading`);
  assert.is((await outcome(child)).stdout.length, 200 * 65536);
});

endings("is 134 and a message with the place after a trap", async () => {
  const module = writeWat(
    join(directory, "trap.wasm"),
    '(module (func $sinks unreachable) (func (export "_start") (call $sinks)))',
  );
  const { status, stderr } = await stillpoint(["run", module]);
  assert.is(status, 134);
  assert.match(stderr, /^stillpoint: SP_GUEST_TRAP: .*unreachable\n {4}at sinks \(module byte \d+\)\n/);
});

endings("is 1 for what cannot be run, with the reason", async () => {
  const plain = join(directory, "text.wasm");
  writeFileSync(plain, "no module at all");
  const cases: [args: string[], message: RegExp][] = [
    [["nowhere.wasm"], /^stillpoint: cannot read nowhere\.wasm: no such file or directory\n$/],
    [[directory], /^stillpoint: cannot read .*: it is a directory\n$/],
    [[plain], /^stillpoint: SP_MODULE_INVALID: /],
    [[QUICKJS_WASM], /^stillpoint: .* exports no _start: /],
    [[python, "--memory-max", "64KiB"], /^stillpoint: SP_LIMIT: /],
    [[python, "--dir", "nowhere::/x"], /^stillpoint: SP_CONFIG_INVALID: .*nowhere/],
  ];
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = await stillpoint(["run", ...args]);
    assert.match(stderr, message);
    assert.is(status, 1, stderr);
    assert.is(stdout.length, 0);
  }
});

endings.run();
