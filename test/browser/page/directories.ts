// Goal: a guest finds a directory of the browser as it was when it was booted, goes on reading it wherever it is moved, and changes
// nothing in it. Method: CPython on a directory of the page's own file system, handed over in the middle of reading.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DirectoryHandle, Fleet } from "../../../dist/index.js";
import { clerk, endOf, python, textOf } from "../../support/guests.ts";

const LINES = 40;
const BYTES = 300_000;

const PROGRAM = `
import hashlib, os, sys
source = open("/data/input")
for line in sys.stdin:
    print(line.strip(), source.readline().strip(), flush=True)
print(hashlib.sha256(open("/data/deep/er/bytes", "rb").read()).hexdigest(), sorted(os.listdir("/data")))
def attempt(change):
    try:
        change()
        return "done"
    except OSError:
        return "refused"
def written(path, mode):
    with open(path, mode) as file: file.write("changed")
print([attempt(change) for change in (
    lambda: written("/data/input", "w"), lambda: written("/data/input", "a"), lambda: written("/data/input", "r+"),
    lambda: written("/data/new", "w"), lambda: os.mkdir("/data/new"), lambda: os.remove("/data/input"),
    lambda: os.rmdir("/data/empty"), lambda: os.rename("/data/input", "/data/output"), lambda: os.truncate("/data/input", 1),
    lambda: os.utime("/data/input", (1, 1)), lambda: os.link("/data/input", "/other/input"),
    lambda: os.rename("/data/input", "/other/input"), lambda: os.symlink("input", "/data/link"),
)])
written("/other/kept", "w")
print(len(open("/data/input").read()), open("/other/kept").read())
`;

const line = (index: number): string => `line ${index} ${"x".repeat(1 + ((index * 37) % 90))}`;
const TEXT = Array.from({ length: LINES }, (_, i) => `${line(i)}\n`).join("");
const bytes = Uint8Array.from({ length: BYTES }, (_, i) => (i * i) >> 3);

async function put(
  directory: FileSystemDirectoryHandle,
  name: string,
  content: FileSystemWriteChunkType,
): Promise<void> {
  const file = await (await directory.getFileHandle(name, { create: true })).createWritable();
  await file.write(content);
  await file.close();
}

async function made(name: string): Promise<FileSystemDirectoryHandle> {
  const directory = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
  const under = (of: FileSystemDirectoryHandle, name: string) => of.getDirectoryHandle(name, { create: true });
  await put(directory, "input", TEXT);
  await put(await under(await under(directory, "deep"), "er"), "bytes", bytes);
  await under(directory, "empty");
  return directory;
}

async function sha256(content: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const directories = suite("directories of the browser");

directories("are read as they were, across handovers, and nothing in them can be changed", async () => {
  const directory = await made("data");
  const image = await python();
  await using fleet = await Fleet.open();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const input = writable.getWriter();
  const preopens = { "/data": directory, "/other": {} };
  const guest = await fleet.boot(image, {
    name: "reader",
    args: ["python", "-c", PROGRAM],
    preopens,
    stdin: readable,
    stdout: "pipe",
  });
  const output = textOf(guest.stdout!);
  // What is in it later, the guest does not see.
  await put(directory, "later", "unseen");
  for (let i = 0; i < LINES; i++) {
    await input.write(new TextEncoder().encode(`${i}\n`));
    if (i % 8 === 3) await guest.handover();
  }
  await input.close();
  assert.is(endOf(await guest.exited), "code 0");
  const said = (await output).trimEnd().split("\n");
  assert.equal(
    said.slice(0, LINES),
    Array.from({ length: LINES }, (_, i) => `${i} ${line(i)}`),
  );
  const [hash, attempts, same] = said.slice(LINES);
  assert.is(hash, `${await sha256(bytes)} ['deep', 'empty', 'input']`);
  assert.is(attempts, `[${new Array(13).fill("'refused'").join(", ")}]`);
  assert.is(same, `${TEXT.length} changed`);
  const kept = await (await directory.getFileHandle("input")).getFile();
  assert.is(await kept.text(), TEXT);
});

directories("that cannot be read keep a guest from booting", async () => {
  const directory = await made("gone");
  await (await navigator.storage.getDirectory()).removeEntry("gone", { recursive: true });
  const image = await clerk();
  await using fleet = await Fleet.open();
  const handle: DirectoryHandle = directory;
  try {
    await fleet.boot(image, { name: "none", preopens: { "/data": handle } });
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code?: string }).code, "SP_CONFIG_INVALID");
  }
  assert.is(fleet.guests.size, 0);
});

directories.run();
