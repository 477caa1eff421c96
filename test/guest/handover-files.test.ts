// Goal: open files, their offsets, directories that are being read and standard streams go along, whole, and no descriptor of the
// operating system is left behind or closed too early. Method: CPython reads standard input line by line and works on files, in a
// real directory and on a tree in memory, and is handed over between and in the middle of lines; what it prints and what lies in
// the files at the end must be what it is undisturbed.

import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Preopen, prepare } from "../../dist/index.js";
import { scratch } from "../support/command.ts";
import { endOf, pythonWasm, share, sleep, textOf } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const HANDOVERS = share(100, 8);
const LINES = share(400, 60);

const python = prepare(pythonWasm(), { capture: true });

const PROGRAM = `
import hashlib, os, sys
os.chdir("/data")
source = open("input")
copy = open("copy", "w", buffering=64)
table = open("table", "w+b")
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
other = os.open("log", os.O_WRONLY | os.O_APPEND)
entries = os.scandir("many")
gone = open("gone", "w+"); gone.write("still here"); os.remove("gone")
seen = []
for number, line in enumerate(sys.stdin):
    text = source.readline()
    copy.write(f"{number} {line.strip()} {text}")
    table.seek(number * 37 % 4096); table.write(b"%04d" % number)
    table.seek(number * 11 % 4096); part = table.read(7)
    os.write(log, b"a%d " % number); os.write(other, b"b%d " % number)
    entry = next(entries, None)
    if entry is not None: seen.append(entry.name)
    with open(f"many/{number % 5}", "a") as short: short.write(line)
    if number % 7 == 0: os.mkdir(f"dir{number}"); os.rename(f"dir{number}", f"moved{number}")
    gone.seek(6)
    work = hashlib.md5(line.encode() * 2000).hexdigest()
    print(number, line.strip(), part, work, gone.read(), source.tell(), flush=number % 3 == 0)
copy.close(); table.close(); os.close(log); os.close(other)
print(sorted(seen))
for directory, directories, files in sorted(os.walk(".")):
    directories.sort()
    for file in sorted(files):
        print(directory, file, hashlib.sha256(open(os.path.join(directory, file), "rb").read()).hexdigest())
    print(directory, directories)
`;

const INPUT = Array.from({ length: LINES }, (_, i) => `input ${i} ${"x".repeat(i % 90)}\n`).join("");
const MANY = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`file${i}`, `${i}`]));

function realDirectory(): string {
  const directory = scratch();
  mkdirSync(join(directory, "many"));
  writeFileSync(join(directory, "input"), INPUT);
  for (const [name, text] of Object.entries(MANY)) writeFileSync(join(directory, "many", name), text);
  return directory;
}

/** What the process has open, for people to read if it differs; the listing's own descriptor is gone by the time it is read. */
function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [`${descriptor} ${readlinkSync(`/proc/self/fd/${descriptor}`)}`];
    } catch {
      return [];
    }
  });
}

/** Every file below a directory, with its text. */
function contents(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = files.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(directory.length), readFileSync(path, "latin1")] as const;
  });
  return Object.fromEntries(texts.sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Ran {
  readonly output: string;
  readonly errors: string;
  readonly end: string;
  readonly handovers: number;
}

/** Feeds a line, waits a little or not, hands over, and so on. */
async function run(fleet: Fleet, data: Preopen, handoversMax: number, random: Random): Promise<Ran> {
  let feed!: ReadableStreamDefaultController<Uint8Array>;
  const stdin = new ReadableStream<Uint8Array>({
    start: (controller) => {
      feed = controller;
    },
  });
  const options = { stdin, stdout: "pipe", stderr: "pipe", preopens: { "/data": data } } as const;
  const guest = await fleet.boot(await python, { name: "clerk", args: ["python", "-c", PROGRAM], ...options });
  const output = textOf(guest.stdout);
  const errors = textOf(guest.stderr);
  let handovers = 0;
  const each = Math.floor(LINES / Math.max(handoversMax, 1));
  for (let i = 0; i < LINES; i++) {
    // A line may come in two pieces.
    const line = `line ${i} ${"y".repeat((i * 31) % 50)}`;
    feed.enqueue(new TextEncoder().encode(line));
    if (random.oneIn(4)) await sleep(random.below(4));
    feed.enqueue(new TextEncoder().encode("\n"));
    if (i % each === each - 1 && handovers < handoversMax) {
      await sleep(random.below(3));
      await guest.handover();
      handovers++;
    }
  }
  feed.close();
  const end = endOf(await guest.exited);
  return { output: await output, errors: await errors, end, handovers };
}

const files = suite<{ fleet: Fleet }>("handover with files");
files.before(async (context) => {
  context.fleet = await Fleet.open();
});
files.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

for (const [where, make] of [
  ["a real directory", realDirectory],
  ["a tree in memory", () => ({ input: INPUT, many: { ...MANY } })],
] as const) {
  files(`${where} and what is read and written there is the same after ${HANDOVERS} handovers`, async ({ fleet }) => {
    const one = make();
    const undisturbed = await run(fleet, one, 0, new Random(7));
    assert.is(undisturbed.errors, "");
    assert.is(undisturbed.end, "code 0");
    // After a first guest that was handed over: what the library itself keeps open is open.
    await run(fleet, make(), 1, new Random(7));
    const before = openDescriptors();
    const other = make();
    const moved = await run(fleet, other, HANDOVERS, new Random(7));
    assert.is(moved.errors, "");
    assert.equal({ ...moved, handovers: 0 }, undisturbed);
    assert.is(moved.handovers, HANDOVERS);
    if (typeof one === "string" && typeof other === "string") assert.equal(contents(other), contents(one));
    let after = openDescriptors();
    // Ended threads give theirs back a moment later.
    for (let i = 0; i < 200 && after.length !== before.length; i++) {
      await sleep(10);
      after = openDescriptors();
    }
    assert.equal(after.length, before.length, `before:\n${before.join("\n")}\nafter:\n${after.join("\n")}`);
    console.log(
      `# ${where}: ${moved.handovers} handovers over ${LINES} lines, ${after.length} descriptors before and after`,
    );
  });
}

files.run();
