// Goal: WASI's whole state goes through a structured clone, and another Worker goes on with it where the first one was.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Calls } from "./calls.ts";
import { Machine } from "./machine.ts";

const ROOT = 3;

interface Context {
  directory: string;
}

const snapshot = suite<Context>("a snapshot");
snapshot.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "stillpoint-snapshot-"));
});
snapshot.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }));

/** The same work at the same point of two lives. */
function firstHalf(calls: Calls, root: number): { log: number; data: number } {
  const log = calls.open(root, "log", { write: true, create: true, append: true });
  calls.write(log, "one\n");
  const data = calls.open(root, "data", { write: true, create: true });
  calls.write(data, "0123456789");
  calls.seek(data, 4);
  for (const name of ["x", "y", "z"]) calls.makeDirectory(root, name);
  return { log, data };
}

function secondHalf(calls: Calls, root: number, { log, data }: { log: number; data: number }): void {
  assert.is(calls.read(data, 3), "456");
  calls.write(data, "ab");
  calls.write(log, "two\n");
  assert.is(calls.read(data), "9");
  assert.is(calls.read(data, 100, 0), "0123456ab9");
  assert.is(calls.read(log, 100, 0), "one\ntwo\n");
  assert.equal(calls.list(root), ["data", "log", "x", "y", "z"]);
}

for (const kind of ["real", "memory"] as const) {
  snapshot(`goes on with the same open files at the same places, ${kind} directories`, ({ directory }) => {
    const preopens = { "/": kind === "real" ? directory : {} };
    const first = new Calls(new Machine({ preopens }));
    const files = firstHalf(first, ROOT);
    const state = structuredClone(first.wasi.snapshot());
    first.wasi.dispose("replaced");
    const second = new Calls(new Machine({ preopens }), state);
    secondHalf(second, ROOT, files);
  });

  snapshot(`changes nothing for who takes it, ${kind} directories`, ({ directory }) => {
    const calls = new Calls(new Machine({ preopens: { "/": kind === "real" ? directory : {} } }));
    const files = firstHalf(calls, ROOT);
    const before = structuredClone(calls.wasi.snapshot());
    assert.equal(calls.wasi.snapshot(), before);
    // The roll-back: the old services go on, restored or not.
    calls.wasi.restore(calls.wasi.snapshot());
    secondHalf(calls, ROOT, files);
    calls.wasi.dispose("exited");
    assert.is(calls.machine.open.size, 0);
  });
}

snapshot("keeps a listing going, whatever was removed before and after", ({ directory }) => {
  const names = Array.from({ length: 50 }, (_, index) => `n${index}`).sort();
  for (const name of names) writeFileSync(join(directory, name), "");
  const preopens = { "/": directory };
  const first = new Calls(new Machine({ preopens }));
  const part = first.listPart(ROOT, 400, 0n);
  for (const name of part.names.slice(2)) first.unlink(ROOT, name);
  const second = new Calls(new Machine({ preopens }), structuredClone(first.wasi.snapshot()));
  const rest = second.listPart(ROOT, 100_000, part.cookie!);
  assert.equal([...part.names.slice(2), ...rest.names].sort(), names);
});

snapshot("keeps a removed file in memory for who holds it open, and lets it go then", () => {
  const preopens = { "/": { file: "content" } };
  const first = new Calls(new Machine({ preopens }));
  const fd = first.open(ROOT, "file");
  first.unlink(ROOT, "file");
  const second = new Calls(new Machine({ preopens }), structuredClone(first.wasi.snapshot()));
  assert.is(second.read(fd), "content");
  assert.is(second.stat(fd).links, 0);
  second.close(fd);
  assert.is(second.wasi.snapshot().memoryFiles.nodes.length, 1);
});

const standby = suite<Context>("services that end");
standby.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "stillpoint-standby-"));
});
standby.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }));

standby("close what they opened when the guest has exited, and nothing when they are replaced", ({ directory }) => {
  const preopens = { "/": directory };
  const first = new Calls(new Machine({ preopens }));
  const { data } = firstHalf(first, ROOT);
  const state = first.wasi.snapshot();
  const open = new Set(first.machine.open);
  first.wasi.dispose("replaced");
  assert.equal(first.machine.open, open);
  const second = new Calls(new Machine({ preopens }), state);
  for (const descriptor of open) second.machine.open.add(descriptor);
  assert.is(second.read(data), "456789");
  second.wasi.dispose("exited");
  assert.is(second.machine.open.size, 0);
});

standby("that are abandoned close what they opened for themselves, and nothing of the guest's", ({ directory }) => {
  const preopens = { "/": directory };
  const guest = new Calls(new Machine({ preopens }));
  const files = firstHalf(guest, ROOT);

  const unused = new Calls(new Machine({ preopens }));
  assert.is(unused.machine.open.size, 1);
  unused.wasi.dispose("abandoned");
  assert.is(unused.machine.open.size, 0);

  const restored = new Calls(new Machine({ preopens }));
  restored.wasi.restore(guest.wasi.snapshot());
  assert.is(restored.machine.open.size, 0, "its own directory is closed, the guest's is the guest's");
  restored.wasi.dispose("abandoned");

  secondHalf(guest, ROOT, files);
  guest.wasi.dispose("exited");
});

standby("say which directory is not there", ({ directory }) => {
  const machine = new Machine({ preopens: { "/": directory, "/missing": join(directory, "missing") } });
  assert.throws(
    () => new Calls(machine),
    (error: { code?: string; message: string }) =>
      error.code === "SP_CONFIG_INVALID" && error.message.includes("missing"),
  );
  assert.is(machine.open.size, 0);
  const without = new Machine({ files: undefined, preopens: { "/": directory } });
  assert.throws(
    () => new Calls(without),
    (error: { code?: string }) => error.code === "SP_CONFIG_INVALID",
  );
  const bad = new Machine({ preopens: { "/": { "a/b": "x" } } });
  assert.throws(
    () => new Calls(bad),
    (error: { code?: string }) => error.code === "SP_CONFIG_INVALID",
  );
});

const workers = suite<Context>("another Worker");
workers.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "stillpoint-worker-"));
});
workers.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }));

workers(
  "goes on with the descriptors of one that is gone, and with the contents of its files in memory",
  async ({ directory }) => {
    const source = (body: string): string => `
    import { parentPort, workerData } from "node:worker_threads";
    import { Calls } from ${JSON.stringify(new URL("./calls.ts", import.meta.url).href)};
    import { Machine } from ${JSON.stringify(new URL("./machine.ts", import.meta.url).href)};
    const machine = new Machine({ preopens: { "/real": workerData.directory, "/memory": {} } });
    ${body}`;
    const run = async (body: string, data: object): Promise<unknown> => {
      const url = new URL(`data:text/javascript,${encodeURIComponent(source(body))}`);
      const worker = new Worker(url, { workerData: { directory, ...data }, trackUnmanagedFds: false });
      const message = new Promise((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      });
      const ended = new Promise((resolve) => worker.once("exit", resolve));
      const answer = await message;
      await ended;
      return answer;
    };
    const state = await run(
      `const calls = new Calls(machine);
     const fds = [3, 4].map((root) => {
       const fd = calls.open(root, "file", { write: true, create: true });
       calls.write(fd, "0123456789");
       calls.seek(fd, 3);
       return fd;
     });
     parentPort.postMessage({ fds, snapshot: calls.wasi.snapshot() });`,
      {},
    );
    const answer = await run(
      `const calls = new Calls(machine, workerData.state.snapshot);
     const read = workerData.state.fds.map((fd) => {
       calls.write(fd, "abc");
       return calls.read(fd);
     });
     calls.wasi.dispose("exited");
     parentPort.postMessage(read);`,
      { state },
    );
    assert.equal(answer, ["6789", "6789"]);
    assert.is(readFileSync(join(directory, "file"), "utf8"), "012abc6789");
  },
);

workers.run();
standby.run();
snapshot.run();
