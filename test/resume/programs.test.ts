// Goal: programs that nobody wrote for this are captured in the middle of their work and do not notice. Method: stock QuickJS, stock
// CPython, SQLite and C++ that works in destructors, in process, undisturbed and captured at seeded random polls; what they print,
// how often they poll and all of memory at the end must be equal. Continuations are captured like everything else.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { CapturedGuest } from "../support/captured.ts";
import { FULL, pythonWasm, quickjsWasm, share } from "../support/guests.ts";
import { nativeWasm } from "../support/native.ts";
import { command, compareRuns, endOf, type Run, stillMachine, wasiImports } from "../support/program.ts";
import { readSignatures } from "../support/signatures.ts";

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

const python = (): Run => command(prepareSync(pythonWasm(), { capture: true }), ["python", "-B", "-c", PYTHON]);

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
    const { framesMax } = compareRuns(name, make(), captures);
    assert.ok(framesMax > (FULL ? 20 : 5));
  });
}

/** Joins, a recursive query of many steps, sorting, text and blobs, a trigger, a transaction that is undone. */
const SQL = `
create table t (id integer primary key, name text, weight real);
create index by_name on t (name);
create table log (what text);
create trigger noted after delete on t begin insert into log values ('gone ' || old.name); end;
with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000)
  insert into t select i, printf('n%05d', (i * 7919) % 10007), (i % 97) / 7.0 from n;
select count(*), sum(weight), min(name), max(name) from t;
select a.name, b.name from t a join t b on b.id = a.id * 2 where a.weight > 13.5 order by a.name desc limit 7;
begin; delete from t where id % 3 = 0; select count(*) from t; rollback;
delete from t where name like '%77%'; select count(*) from log; select * from log limit 3;
select hex(zeroblob(3)), upper(group_concat(name, ',')) from (select name from t order by weight, name limit 9);
select count(*) from (with recursive c (x, y) as (select 0, 1 union all select x + 1, (y * 31) % 1009 from c where x < 20000)
  select distinct y from c);
select * from nowhere;
`;

programs("SQLite does not notice captures in the middle of queries", () => {
  const bytes = nativeWasm("sqlite");
  if (bytes === undefined) return;
  const counts = compareRuns("SQLite", command(prepareSync(bytes), ["sqlite"], SQL), share(1000, 60));
  assert.ok(counts.framesMax > 5);
});

for (const name of ["cleanup", "cleanup-exnref"] as const) {
  programs(`${name}: destructors in C++ do not notice captures while exceptions pass through them`, () => {
    const bytes = nativeWasm(name);
    if (bytes === undefined) return;
    const image = prepareSync(bytes);
    assert.equal(image.info.capture!.functionsRefused, []);
    const counts = compareRuns(name, command(image, [name, "300"]), share(3000, 300));
    assert.ok(counts.framesMax > 5);
  });
}

programs.run();
