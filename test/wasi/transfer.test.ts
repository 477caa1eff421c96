// Goal: bytes arrive once and in order, whatever the streams do, and a call that is cut off while it waits goes on where it was.

import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Calls, outcome } from "./calls.ts";
import { Machine, Output } from "./machine.ts";

const ROOT = 3;
const NONBLOCK = 4;

const streams = suite("standard streams");

streams("wait for room and give everything away, in order", () => {
  const data = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  const stdout = new Output(0);
  const machine = new Machine(
    {
      onWait: () => {
        stdout.makeRoom(7001);
        machine.ring();
      },
    },
    stdout,
  );
  const calls = new Calls(machine);
  assert.is(calls.write(1, data), data.length);
  assert.equal(new Uint8Array(stdout.bytes), data);
  assert.is(machine.waits.length, Math.ceil(data.length / 7001));
});

streams("read the bell before they look, so that no ring is lost", () => {
  // The room comes between the look and the wait: wait() must not sleep then.
  const stdout = new Output(0);
  const machine = new Machine({}, stdout);
  const write = stdout.write.bind(stdout);
  let looks = 0;
  stdout.write = (from) => {
    const taken = write(from);
    if (looks++ === 0) {
      stdout.makeRoom(10);
      machine.ring();
    }
    return taken;
  };
  assert.is(new Calls(machine).write(1, "hello"), 5);
  assert.is(stdout.text, "hello");
});

streams("read the bell before they look for input as well", () => {
  const machine = new Machine();
  const read = machine.stdin.read.bind(machine.stdin);
  let looks = 0;
  machine.stdin.read = (into) => {
    const bytes = read(into);
    if (looks++ === 0) {
      machine.stdin.offer("hello");
      machine.ring();
    }
    return bytes;
  };
  assert.is(new Calls(machine).read(0, 10), "hello");
});

streams("answer EPIPE once nobody reads, also while waiting", () => {
  const stdout = new Output(3);
  const machine = new Machine(
    {
      onWait: () => {
        stdout.refuse();
        machine.ring();
      },
    },
    stdout,
  );
  const calls = new Calls(machine);
  assert.is(calls.write(1, "hello"), 3, "what was taken is taken");
  assert.is(
    outcome(() => calls.write(1, "hello")),
    "EPIPE",
  );
});

streams("do not wait when they are not to: some bytes, or EAGAIN", () => {
  const stdout = new Output(3);
  const calls = new Calls(new Machine({}, stdout));
  calls.call("fd_fdstat_set_flags", 1, NONBLOCK);
  assert.is(calls.write(1, "hello"), 3);
  assert.is(
    outcome(() => calls.write(1, "lo")),
    "EAGAIN",
  );
  calls.call("fd_fdstat_set_flags", 0, NONBLOCK);
  assert.is(
    outcome(() => calls.read(0)),
    "EAGAIN",
  );
});

streams("wait for input, give what there is, and end", () => {
  const machine: Machine = new Machine({
    onWait: () => {
      machine.stdin.offer(machine.waits.length === 1 ? "first" : "second");
      if (machine.waits.length === 2) machine.stdin.end();
      machine.ring();
    },
  });
  const calls = new Calls(machine);
  assert.is(calls.read(0, 3), "fir");
  assert.is(calls.read(0, 100), "st");
  assert.is(calls.read(0, 100), "second");
  assert.is(calls.read(0, 100), "");
  assert.is(calls.read(0, 0), "");
  assert.is(machine.waits.length, 2);
});

streams("have no position, and one direction each", () => {
  const calls = new Calls(new Machine());
  assert.is(
    outcome(() => calls.seek(1, 0)),
    "ESPIPE",
  );
  assert.is(
    outcome(() => calls.read(1, 1, 0)),
    "ESPIPE",
  );
  assert.is(
    outcome(() => calls.read(1)),
    "EBADF",
  );
  assert.is(
    outcome(() => calls.write(0, "x")),
    "EBADF",
  );
});

streams("are terminals only if they say so", () => {
  const machine = new Machine();
  machine.stdout.terminal = true;
  const calls = new Calls(machine);
  assert.is(calls.stat(1).type, 2);
  assert.is(calls.stat(2).type, 6);
});

streams("give nothing away twice when a write is cut off and issued again in another place", () => {
  const data = Uint8Array.from({ length: 50_000 }, (_, index) => index % 241);
  const stdout = new Output(0);
  const signal = { moved: true };
  const make = (): Machine =>
    new Machine(
      {
        onWait: () => {
          stdout.makeRoom(6007);
          throw signal;
        },
      },
      stdout,
    );
  let calls = new Calls(make());
  let moves = 0;
  for (;;) {
    try {
      assert.is(calls.write(1, data), data.length);
      break;
    } catch (error) {
      if (error !== signal) throw error;
      assert.ok(++moves < 100, "it never ends");
      calls = new Calls(make(), structuredClone(calls.wasi.snapshot()));
    }
  }
  assert.is(moves, Math.ceil(data.length / 6007));
  assert.equal(new Uint8Array(stdout.bytes), data);
  assert.is(calls.wasi.snapshot().interrupted, undefined);
  stdout.makeRoom(5);
  assert.is(calls.write(1, "again"), 5, "the next write is a fresh one");
});

streams.run();

interface Context {
  directory: string;
}

const devices = suite<Context>("pipes of the system");
devices.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "stillpoint-pipe-"));
  execFileSync("mkfifo", [join(context.directory, "pipe")]);
});
devices.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }));

devices("are waited for on the ledger, not in the system", ({ directory }) => {
  // Open at both ends, so that the reader below finds neither an end nor bytes.
  const other = openSync(join(directory, "pipe"), constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const machine: Machine = new Machine({
      preopens: { "/": directory },
      onWait: () => {
        if (machine.waits.length === 4) writeSync(other, "from outside");
      },
    });
    const calls = new Calls(machine);
    const fd = calls.open(ROOT, "pipe");
    assert.is(calls.read(fd), "from outside");
    assert.is(machine.waits.length, 4);
    assert.ok(machine.waits.every((wait) => wait.until?.clock === "monotonic"));
    calls.call("fd_fdstat_set_flags", fd, NONBLOCK);
    assert.is(
      outcome(() => calls.read(fd)),
      "EAGAIN",
    );
    assert.is(
      outcome(() => calls.seek(fd, 0)),
      "ESPIPE",
    );
    calls.wasi.dispose("exited");
  } finally {
    closeSync(other);
  }
});

devices("that nobody reads are refused at once", ({ directory }) => {
  const calls = new Calls(new Machine({ preopens: { "/": directory } }));
  assert.is(
    outcome(() => calls.open(ROOT, "pipe", { read: false, write: true })),
    "ENXIO",
  );
  calls.wasi.dispose("exited");
});

devices.run();

const positions = suite<Context>("files");
positions.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "stillpoint-files-"));
});
positions.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }));

positions("append where the end is by then, also when others have written", ({ directory }) => {
  const path = join(directory, "log");
  writeFileSync(path, "one\n");
  const calls = new Calls(new Machine({ preopens: { "/": directory } }));
  const fd = calls.open(ROOT, "log", { write: true, append: true });
  calls.write(fd, "two\n");
  writeFileSync(path, "three\n", { flag: "a" });
  calls.write(fd, "four\n");
  assert.is(readFileSync(path, "utf8"), "one\ntwo\nthree\nfour\n");
  assert.is(calls.tell(fd), 19);
  calls.seek(fd, 0);
  assert.is(calls.read(fd), "one\ntwo\nthree\nfour\n");
  calls.call("fd_fdstat_set_flags", fd, 0);
  calls.seek(fd, 0);
  calls.write(fd, "ONE");
  assert.is(readFileSync(path, "utf8"), "ONE\ntwo\nthree\nfour\n");
  calls.call("fd_fdstat_set_flags", fd, 1);
  calls.seek(fd, 0);
  calls.write(fd, "five\n");
  assert.is(readFileSync(path, "utf8"), "ONE\ntwo\nthree\nfour\nfive\n");
  calls.wasi.dispose("exited");
  assert.is(calls.machine.open.size, 0);
});

positions("list everything once, however small the buffer and whatever is removed meanwhile", ({ directory }) => {
  const names = Array.from({ length: 300 }, (_, index) => `file-${String(index).padStart(3, "0")}`);
  for (const name of names) writeFileSync(join(directory, name), "");
  const calls = new Calls(new Machine({ preopens: { "/": directory } }));
  const seen: string[] = [];
  for (let cookie: bigint | undefined = 0n; cookie !== undefined; ) {
    const part = calls.listPart(ROOT, 200, cookie);
    for (const name of part.names) {
      seen.push(name);
      if (name.startsWith("file-")) calls.unlink(ROOT, name);
    }
    cookie = part.cookie;
  }
  assert.equal(seen.slice(0, 2), [".", ".."]);
  assert.equal(seen.slice(2).sort(), names);
  assert.equal(calls.list(ROOT), []);
  calls.wasi.dispose("exited");
});

positions("keep their descriptors when one takes the number of another", ({ directory }) => {
  writeFileSync(join(directory, "a"), "a");
  writeFileSync(join(directory, "b"), "b");
  const calls = new Calls(new Machine({ preopens: { "/": directory } }));
  const a = calls.open(ROOT, "a");
  const b = calls.open(ROOT, "b");
  calls.call("fd_renumber", b, a);
  assert.is(calls.read(a), "b");
  assert.is(
    outcome(() => calls.read(b)),
    "EBADF",
  );
  calls.call("fd_renumber", a, a);
  assert.is(calls.machine.open.size, 2);
  calls.wasi.dispose("exited");
});

positions("obey the rights that are left", ({ directory }) => {
  writeFileSync(join(directory, "a"), "a");
  const calls = new Calls(new Machine({ preopens: { "/": directory } }));
  const fd = calls.open(ROOT, "a", { write: true });
  const read = 2n;
  calls.call("fd_fdstat_set_rights", fd, read, 0n);
  assert.is(calls.read(fd), "a");
  assert.is(
    outcome(() => calls.write(fd, "x")),
    "ENOTCAPABLE",
  );
  assert.is(
    outcome(() => calls.call("fd_fdstat_set_rights", fd, 3n, 0n)),
    "ENOTCAPABLE",
  );
  calls.wasi.dispose("exited");
});

positions.run();
