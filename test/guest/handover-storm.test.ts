// Goal: wherever a program is, it can be taken off its Worker and goes on in another as if nothing had happened. Method: programs
// by others and of our own do a fixed piece of work, once undisturbed and then again and again while they are handed over at
// seeded random moments, every time to a new Worker. What they answer and all of memory at the end must be equal.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, type Image, prepare } from "../../dist/index.js";
import { digestOf, endOf, FULL, pythonWasm, quickjsWasm, share, textOf } from "../support/guests.ts";
import { kernelsWasm, structuresWasm } from "../support/kernels.ts";
import { move, movesText, newMoves } from "../support/moves.ts";
import { Random } from "../support/random.ts";

const HANDOVERS = share(1000, 16);

const still = new URL("../support/still.services.ts", import.meta.url);

interface Work {
  /** Begun, of all pieces. */
  count: number;
}

interface Subject {
  readonly name: string;
  readonly image: Promise<Image>;
  readonly boot?: { args: string[]; env: Record<string, string>; stdout: "pipe"; stderr: "pipe" };
  /** Does all of the work, and says what came of it. */
  run(guest: Guest, work: Work): Promise<string>;
}

const PYTHON = `
import functools, hashlib, json, re, sys
def squares(n):
    for i in range(n):
        try:
            if i % 97 == 0: raise ValueError(i)
            yield i * i
        except ValueError as error:
            yield -int(str(error))
        finally:
            seen.append(i & 7)
def tree(n):
    yield n
    if n > 0:
        yield from tree(n - 1)
        yield from tree(n - 2)
class Sum:
    def __init__(self, x): self.x = x
    def __add__(self, other): return Sum(self.x + other.x)
    def __lt__(self, other): return self.x < other.x
class Mixed(Sum):
    def __add__(self, other): return Mixed(super().__add__(other).x ^ 5)
class Doubled(Mixed):
    @property
    def twice(self): return self.x * 2
    def __getattr__(self, name): return len(name) + self.twice
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
def nested(n): return 0 if n == 0 else 1 + sum(map(nested, [n - 1]))
def chain(n):
    try:
        if n == 0: raise KeyError("bottom")
        chain(n - 1)
    except KeyError as error:
        if n % 5: raise
        raise KeyError(n) from error
digest = hashlib.sha256()
for round in range(ROUNDS):
    seen = []
    values = list(squares(150)) + list(tree(9))
    total = functools.reduce(lambda a, b: a + Mixed(b), values, Doubled(round))
    words = sorted((hashlib.md5(str(v).encode()).hexdigest() for v in values), key=lambda w: (w[1], Sum(int(w[:4], 16))))
    text = json.dumps({"round": round, "values": values, "words": words[::9], "nested": [[[seen]]]}, sort_keys=True)
    assert json.loads(text)["values"] == values
    found = re.sub(r"([a-f]{2,})(\\d)", lambda m: m[2] + m[1].upper(), text)
    length = 0
    try:
        chain(40)
    except KeyError as error:
        while error is not None: length, error = length + 1, error.__cause__
    try:
        limit = deep(10 ** 6 if round % 4 == 0 else 60 + round)
    except RecursionError as error:
        limit = str(error)
    for piece in (text, found, total.x, total.longer if isinstance(total, Doubled) else "", length, limit, nested(40), fib(12), 3 ** (200 + round)):
        digest.update(str(piece).encode())
    if round % 10 == 0: print(round, digest.hexdigest(), limit, flush=True)
print(digest.hexdigest())
`;

const python: Subject = {
  name: "CPython",
  image: prepare(pythonWasm(), { capture: true }),
  boot: {
    args: ["python", "-B", "-c", PYTHON.replace("ROUNDS", String(share(3000, 300)))],
    env: { PYTHONHASHSEED: "0" },
    stdout: "pipe",
    stderr: "pipe",
  },
  async run(guest) {
    const [output, errors] = await Promise.all([textOf(guest.stdout), textOf(guest.stderr)]);
    return `${output}${errors}${endOf(await guest.exited)}`;
  },
};

const SCRIPT = `
function* count(n) { for (let i = 0; i < n; i++) try { yield i } finally { last = i } }
var last = 0, round = (globalThis.round ?? 0) + 1;
var Tree = class { constructor(d) { this.left = d ? new Tree(d - 1) : null; this.right = d ? new Tree(d - 1) : null; }
  sum() { return 1 + (this.left?.sum() ?? 0) + (this.right?.sum() ?? 0); } }
var Named = class extends Tree { get name() { return "tree" + this.sum(); } sum() { return super.sum() * 2; } }
function deep(n) { return n === 0 ? 0 : 1 + deep(n - 1); }
function work() {
  const words = [...count(300)].map((i) => "w" + (Math.imul(i + round, 2654435761) >>> 20)).sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
  const found = words.join(" ").replace(/w(\\d)(\\d*)/g, (all, a, b) => b + a).match(/\\b[1-9]0+\\b/g);
  let caught = 0;
  for (let i = 0; i < 200; i++) try { if (i % 3 === 0) throw new RangeError(i); } catch (e) { caught += e.message.length; }
  const { a, ...rest } = JSON.parse(JSON.stringify({ a: words, b: new Map(words.map((w, i) => [w, i])).size, c: [[[round]]] }));
  let mixed = round;
  for (let i = 0; i < 3000; i++) mixed = (Math.imul(mixed, 1103515245) + 12345) >>> 0;
  let overflow = "";
  if (round % 4 === 0) try { deep(1e6) } catch (e) { overflow = String(e) }
  return JSON.stringify({ last, found, caught, rest, mixed, overflow, name: new Named(9).name, deep: deep(300), at: Date.now() });
}
var results = []; for (let turn = 0; turn < TURNS; turn++) results.push(work()); results.join()`;

const quickjs: Subject = {
  name: "QuickJS",
  image: prepare(quickjsWasm(), { capture: true }),
  async run(guest, work) {
    const call = (name: string, ...args: unknown[]): Promise<number> => guest.call(name, args);
    const written = async (text: string): Promise<{ ptr: number; bytes: number }> => {
      const data = new TextEncoder().encode(`${text}\0`);
      const ptr = await call("wasm_malloc", data.length);
      await guest.withFrozen(() => guest.write({ ptr, data }));
      return { ptr, bytes: data.length - 1 };
    };
    assert.is(await call("qjs_init"), 0);
    await call("qjs_set_max_stack_size", 512 * 1024);
    const code = await written(SCRIPT.replace("TURNS", String(share(300, 120))));
    const name = await written("script");
    const length = await written("\0\0\0");
    const answers: string[] = [];
    for (let i = 0; i < 2; i++) {
      work.count++;
      const value = await call("qjs_eval", code.ptr, code.bytes, name.ptr, 0);
      assert.is(await call("qjs_is_exception", value), 0);
      const ptr = await call("qjs_get_string_len", value, length.ptr);
      answers.push(
        await guest.withFrozen(() => {
          const bytes = new DataView(guest.read({ ptr: length.ptr, bytes: 4 }).buffer).getUint32(0, true);
          return new TextDecoder().decode(guest.read({ ptr, bytes }));
        }),
      );
      await call("qjs_free_value", value);
    }
    return answers.join("\n");
  },
};

/** A fixed order of calls of exports, with what they answer. */
function calls(
  name: string,
  wasm: Uint8Array<ArrayBuffer>,
  list: readonly (readonly [string, ...number[]])[],
): Subject {
  return {
    name,
    image: prepare(wasm, { capture: true }),
    async run(guest, work) {
      const answers: unknown[] = [];
      for (const [name, ...args] of list) {
        work.count++;
        answers.push(await guest.call(name, args));
      }
      return answers.join();
    },
  };
}

const kernels = calls("kernels", kernelsWasm(), [
  ["matmul", 96, share(400, 150)],
  ["hash", share(30_000_000, 10_000_000)],
  ["sort", share(4_000_000, 1_500_000), 7],
  ["fib", share(39, 37)],
  ["copy", share(120_000, 40_000)],
  ["strings", share(60_000, 20_000)],
  ["count", share(2_000_000_000, 700_000_000)],
]);

const structures = calls(
  "structures",
  structuresWasm(),
  Array.from({ length: share(4, 2) }, () => ["structures", share(60_000, 30_000)]),
);

const stormy = suite<{ fleet: Fleet }>("handover storm");
stormy.before(async (context) => {
  context.fleet = await Fleet.open();
});
stormy.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

for (const [stream, subject] of [python, quickjs, kernels, structures].entries()) {
  stormy(`${subject.name} does the same, whatever it is handed over in the middle of`, async ({ fleet }) => {
    const image = await subject.image;
    const random = new Random(stream);
    const moves = newMoves();
    const all = async (name: string, moving: boolean): Promise<{ text: string; memory: number }> => {
      const guest = await fleet.boot(image, { name, services: still, ...subject.boot });
      const work: Work = { count: 0 };
      let over = false;
      const done = subject.run(guest, work).finally(() => {
        over = true;
      });
      if (moving) {
        await move(guest, random, moves, { handoversMax: HANDOVERS, work: () => work.count, over: () => over });
      }
      const text = await done;
      const memory = subject.boot === undefined ? await guest.withFrozen(digestOf) : digestOf(guest.memory);
      await guest.terminate();
      return { text, memory };
    };
    const expected = await all(`${subject.name} undisturbed`, false);
    let runs = 0;
    while (moves.handovers < HANDOVERS) {
      const { text, memory } = await all(`${subject.name} ${++runs}`, true);
      assert.is(text, expected.text);
      assert.is(memory, expected.memory, "memory at the end differs");
    }
    console.log(`# ${subject.name}, ${runs} runs: ${movesText(moves)}`);
    // Of a few moves more are left to luck.
    assert.ok(moves.inMotion >= share(0.8, 0.5) * moves.handovers, "most hit a guest in mid-execution");
    assert.ok(moves.again > 0, "continuations were captured as well");
    assert.ok(moves.places.size > (FULL ? 100 : 10) || subject.boot === undefined);
  });
}

stormy.run();
