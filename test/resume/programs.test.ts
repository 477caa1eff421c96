// Goal: programs that nobody wrote for this are captured in the middle of their work and do not notice. Method: stock QuickJS and
// stock CPython, in process, undisturbed and captured at seeded random polls; what they print, how often they poll and all of
// memory at the end must be equal. Continuations are captured like everything else.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Image } from "../../dist/prepare/image.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { ExitSignal } from "../../dist/wasi/host.js";
import { createWasi, type Wasi } from "../../dist/wasi/wasi.js";
import { CapturedGuest, type Counts } from "../support/captured.ts";
import { FULL, pythonWasm, quickjsWasm, share } from "../support/guests.ts";
import { Random } from "../support/random.ts";
import { type FunctionType, readSignatures } from "../support/signatures.ts";
import { Machine } from "../wasi/machine.ts";

interface Ended {
  readonly text: string;
  readonly memory: Uint8Array;
  readonly counts: Counts;
}

type Run = (wants: () => boolean) => Ended;

type Imports = Record<string, Record<string, (...args: never[]) => unknown>>;

const endOf = (text: string, guest: CapturedGuest): Ended => ({
  text,
  memory: new Uint8Array(guest.memory.buffer).slice(),
  counts: guest.counts,
});

const VOID: FunctionType = { params: [], results: [] };

/** A machine of which every run reads the same. */
function stillMachine(args: readonly string[]): Machine {
  let ns = 0n;
  const next = () => (ns += 1000n);
  return new Machine({
    args: [...args],
    env: { PYTHONHASHSEED: "0" },
    random: (into) => into.fill(7),
    clock: { wallNs: () => 1_700_000_000_000_000_000n + next(), monotonicNs: next, cpuNs: next },
  });
}

function wasiImports(image: Image, machine: Machine): Imports {
  let wasi: Wasi | undefined;
  const imports: Imports = {};
  for (const { module, name, kind } of image.info.imports) {
    if (kind !== "function" || module !== "wasi_snapshot_preview1") continue;
    (imports[module] ??= {})[name] = (...args: never[]) => {
      wasi ??= createWasi(machine.host);
      return (wasi.imports[name] as (...args: never[]) => unknown)(...args);
    };
  }
  return imports;
}

const PYTHON = `
import json, hashlib, re
def squares(n):
    for i in range(n):
        try:
            yield i * i
        except GeneratorExit:
            return
class Sum:
    def __init__(self, x): self.x = x
    def __add__(self, other): return Sum(self.x + other.x)
class Mixed(Sum):
    def __add__(self, other): return Mixed(super().__add__(other).x ^ 5)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
def bad(n):
    try:
        if n == 0: raise KeyError("x")
        bad(n - 1)
    except KeyError as error:
        if n < 20: raise
        return str(error)
total = Mixed(0)
for s in squares(1000): total = total + Mixed(s)
print(total.x, hashlib.sha256(str(total.x).encode()).hexdigest(), fib(13), deep(400), bad(20))
rows = {str(k): sorted([(k * 7919 + j) % 101 for j in range(20)], key=lambda v: -v)[:3] for k in range(30)}
print(json.dumps(rows), re.findall("[a-f]{2,}", hashlib.md5(json.dumps(rows).encode()).hexdigest()))
try:
    deep(10 ** 6)
except RecursionError as error:
    print(error)
`;

function python(): Run {
  const image = prepareSync(pythonWasm(), { capture: true });
  const module = new WebAssembly.Module(image.moduleBytes());
  return (wants) => {
    const machine = stillMachine(["python", "-B", "-c", PYTHON]);
    const guest = new CapturedGuest(image, module, wasiImports(image, machine), wants);
    machine.memory = guest.memory;
    guest.boot();
    try {
      guest.call("_start", VOID, []);
    } catch (error) {
      if (!(error instanceof ExitSignal)) throw error;
    }
    assert.is(machine.stderr.text, "");
    return endOf(machine.stdout.text, guest);
  };
}

const SCRIPT = `
function* count(n) { for (let i = 0; i < n; i++) try { yield i } finally { last = i } }
let last = 0;
class Tree { constructor(d) { this.left = d ? new Tree(d - 1) : null; this.right = d ? new Tree(d - 1) : null; }
  sum() { return 1 + (this.left?.sum() ?? 0) + (this.right?.sum() ?? 0); } }
const words = [...count(300)].map((i) => "w" + (Math.imul(i, 2654435761) >>> 20)).sort();
const found = words.join(" ").replace(/w(\\d)(\\d*)/g, (all, a, b) => b + a).match(/\\b[1-9]0+\\b/g);
let caught = 0;
for (let i = 0; i < 200; i++) try { if (i % 3 === 0) throw new RangeError(i); } catch (e) { caught += e.message.length; }
const deep = (n) => n === 0 ? 0 : 1 + deep(n - 1);
let mixed = 1;
for (let i = 0; i < 20000; i++) mixed = (Math.imul(mixed, 1103515245) + 12345) >>> 0;
JSON.stringify({ last, sum: new Tree(9).sum(), words: words.slice(0, 5), found, caught, deep: deep(500), mixed, pi: Math.PI.toFixed(12) })`;

function quickjs(): Run {
  const bytes = quickjsWasm();
  const image = prepareSync(bytes, { capture: true });
  const module = new WebAssembly.Module(image.moduleBytes());
  const { functions } = readSignatures(bytes);
  return (wants) => {
    const machine = stillMachine(["quickjs"]);
    const imports = wasiImports(image, machine);
    for (const { module: from, name } of image.info.imports) (imports[from] ??= {})[name] ??= () => 0;
    const guest = new CapturedGuest(image, module, imports, wants);
    machine.memory = guest.memory;
    guest.boot();
    const call = (name: string, ...args: number[]): number => {
      const [result] = guest.call(
        name,
        functions.get(name)!,
        args.map((arg) => BigInt(arg)),
      );
      return Number(result ?? 0n);
    };
    const allocate = (text: string): { ptr: number; bytes: number } => {
      const data = new TextEncoder().encode(`${text}\0`);
      const ptr = call("wasm_malloc", data.length);
      new Uint8Array(guest.memory.buffer).set(data, ptr);
      return { ptr, bytes: data.length - 1 };
    };
    if (functions.has("_initialize")) call("_initialize");
    assert.is(call("qjs_init"), 0);
    call("qjs_set_max_stack_size", 512 * 1024);
    const code = allocate(SCRIPT);
    const value = call("qjs_eval", code.ptr, code.bytes, allocate("script").ptr, 0);
    const length = allocate("\0\0\0").ptr;
    const ptr = call("qjs_get_string_len", value, length);
    const byteCount = new DataView(guest.memory.buffer).getUint32(length, true);
    return endOf(new TextDecoder().decode(new Uint8Array(guest.memory.buffer, ptr, byteCount).slice()), guest);
  };
}

const programs = suite("programs of others, captured");

for (const [name, make, captures] of [
  ["QuickJS", quickjs, share(1000, 60)],
  ["CPython", python, share(1000, 20)],
] as const) {
  programs(`${name} does not notice ${captures} captures`, () => {
    const run = make();
    let chances = 0;
    const undisturbed = run(() => {
      chances++;
      return false;
    });
    assert.ok(undisturbed.text.length > 100, undisturbed.text);
    const random = new Random();
    // So many moments drawn, rather than a chance at each: how many come of that would be left to luck.
    const moments = new Set(Array.from({ length: captures }, () => random.below(chances)));
    let moment = 0;
    const { text, memory, counts } = run(() => moments.has(moment++));
    console.log(
      `# ${name}: ${counts.captures} captures (${counts.left} in host calls) in ${counts.polls} polls, ` +
        `at ${counts.places.size} places, up to ${counts.framesMax} frames deep`,
    );
    assert.is(text, undisturbed.text);
    assert.is(counts.polls, undisturbed.counts.polls);
    assert.is(Buffer.compare(memory, undisturbed.memory), 0, "memory differs");
    assert.is(counts.pinned, 0);
    assert.ok(counts.captures > captures / 2 && counts.framesMax > (FULL ? 20 : 5));
  });
}

programs.run();
