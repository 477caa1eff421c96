// Goal: no byte changes unmarked, and marks are left out only where another covers them. Method: against a comparison of all of
// memory. Each kind of store at the edges of pages; bulk operations; random programs (test/support/loops.ts) whose map is cleared
// at every poll, as an owner may do, so that a mark merged across a poll is found out.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DIRTY_SLACK_BYTES, OFF_DIRTY_MAP } from "../../dist/abi.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { assemble } from "../support/assemble.ts";
import { NAMED } from "../support/instructions.ts";
import { FUEL, loopProgram } from "../support/loops.ts";
import { Random } from "../support/random.ts";
import { runOriginal, runPrepared, trapOf, wat } from "../support/wat.ts";

const marks = suite("marks");
const FULL = process.env.SP_FULL === "1";
const PAGE_BYTES = [4096, 16384, 65536] as const;

interface Marked {
  readonly memory: WebAssembly.Memory | undefined;
  readonly ledger: WebAssembly.Memory | undefined;
}

/** The dirty map, as much of it as these programs' memories need. */
function dirtyMap({ ledger }: Marked): Uint8Array {
  return new Uint8Array(ledger!.buffer, OFF_DIRTY_MAP, 2 ** 14);
}

function markedPages(guest: Marked): number[] {
  const map = dirtyMap(guest);
  const pages: number[] = [];
  for (let page = map.indexOf(1); page >= 0; page = map.indexOf(1, page + 1)) pages.push(page);
  return pages;
}

function clear(guest: Marked): void {
  dirtyMap(guest).fill(0);
}

/** Stretches of memory, as long as the smallest page, that are not as they were. */
function* changedBlocks({ memory }: Marked, before: Uint8Array): Generator<number> {
  const after = Buffer.from(memory!.buffer);
  const blank = Buffer.alloc(4096);
  for (let at = 0; at < after.length; at += 4096) {
    const was = at < before.length ? before.subarray(at, at + 4096) : blank;
    if (!after.subarray(at, at + 4096).equals(was)) yield at;
  }
}

/** Addresses that changed since `before` and lie neither in a marked page nor in the slack behind one. */
function unmarked(guest: Marked, before: Uint8Array, pageBytes: number): number[] {
  const after = new Uint8Array(guest.memory!.buffer);
  const marked = new Set(markedPages(guest));
  const missed: number[] = [];
  for (const block of changedBlocks(guest, before)) {
    const page = Math.floor(block / pageBytes);
    if (marked.has(page)) continue;
    const slackEnd = marked.has(page - 1) ? page * pageBytes + DIRTY_SLACK_BYTES : 0;
    for (let i = Math.max(block, slackEnd); i < block + 4096; i++) if (after[i] !== (before[i] ?? 0)) missed.push(i);
  }
  return missed;
}

const OPERANDS: Readonly<Record<string, string>> = {
  i: "(i32.const -1)",
  l: "(i64.const -1)",
  f: "(f32.const -1)",
  d: "(f64.const -1)",
  v: "(i32x4.splat (i32.const -1))",
};

marks("cover every kind of store, wherever in a page, with every kind of base", () => {
  const stores = NAMED.filter(({ name, signature }) => signature.startsWith("a") && !name.startsWith("memory."));
  assert.is(stores.length, 9 + 5 + 7 + 49);
  for (const { name, signature } of stores) {
    const [pops, push] = signature.split(">") as [string, string];
    const values = [...pops.slice(1)].map((letter) => OPERANDS[letter]).join(" ");
    const width =
      Number(/(?:store|rmw)(8|16|32|64)/.exec(name)?.[1] ?? { i: 32, l: 64, f: 32, d: 64, v: 128 }[pops[1]!]) / 8;
    const lane = name.includes("lane") ? " 1" : "";
    const store = (base: string, offset: number) =>
      `${push === "" ? "" : "(drop "}(${name} offset=${offset}${lane} ${base} ${values})${push === "" ? "" : ")"}`;
    const atomic = name.includes("atomic");
    const bytes = wat(`(module (memory 3)
      (func (export "local") (param i32) ${store("(local.get 0)", 0)})
      (func (export "offset") (param i32) ${store("(local.get 0)", 5248)})
      (func (export "sum") (param i32) ${store("(i32.add (local.get 0) (i32.const 64))", 64)})
      (func (export "constant") (param i32) ${store("(i32.const 69632)", 8)} ${store("(i32.const 69568)", 8)})
      (func (export "moved") (param i32) (local.get 0) (local.set 0 (i32.const 0)) ${values} (${name} offset=512${lane}) ${push === "" ? "" : "drop"})
      (func (export "several") (param i32) (block (result i32 ${type(pops[1]!)} ${pops.length > 2 ? type(pops[2]!) : ""}) (local.get 0) ${values}) (${name} offset=1024${lane}) ${push === "" ? "" : "drop"}))`);
    for (const pageBytes of PAGE_BYTES) {
      const guest = runPrepared(bytes, { track: "marks", pageBytes });
      for (const form of ["local", "offset", "sum", "constant", "moved", "several"]) {
        for (const address of [0, 4096 - width, 65536 - width, ...(atomic ? [] : [4095, 65535, 65537 - width])]) {
          const before = new Uint8Array(guest.memory!.buffer).slice();
          clear(guest);
          guest.call[form]!(address);
          assert.equal(unmarked(guest, before, pageBytes), [], `${name}, ${form} at ${address}`);
          assert.ok(markedPages(guest).length <= 2);
          new Uint8Array(guest.memory!.buffer).fill(0);
        }
      }
    }
  }
});

function type(letter: string): string {
  return { i: "i32", l: "i64", f: "f32", d: "f64", v: "v128" }[letter]!;
}

marks("come only after stores that did not trap, and none beyond 4 GiB", () => {
  const bytes =
    wat(`(module (memory 1) (func (export "far") (param i32) (i32.store offset=0xffffff00 (local.get 0) (i32.const 1)))
    (func (export "beyond") (i32.store offset=8 (i32.const -4) (i32.const 1))) (func (export "edge") (param i32) (i32.store (local.get 0) (i32.const 1))))`);
  const guest = runPrepared(bytes, { track: "marks" });
  const canary = new Uint8Array(guest.ledger!.buffer).slice();
  for (const act of [
    () => guest.call.far!(0x200),
    () => guest.call.far!(-1),
    () => guest.call.beyond!(),
    () => guest.call.edge!(65533),
    () => guest.call.edge!(-1),
  ])
    assert.is(trapOf(act), "memory access out of bounds");
  assert.equal(new Uint8Array(guest.ledger!.buffer), canary);
});

marks("cover exactly the pages of a bulk operation", () => {
  const bytes = wat(`(module (memory 40) (data $d "${"x".repeat(300)}")
    (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
    (func (export "copy") (param i32 i32) (memory.copy (i32.add (local.get 0) (i32.const 0)) (i32.const 100000) (local.get 1)))
    (func (export "init") (param i32 i32) (memory.init $d (local.get 0) (i32.const 0) (local.get 1)))
    (func (export "small") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (i32.const 256)))
    (func (export "several") (param i32 i32) (block (result i32 i32 i32) (local.get 0) (i32.const 9) (local.get 1)) (memory.fill)))`);
  for (const pageBytes of PAGE_BYTES) {
    const guest = runPrepared(bytes, { track: "marks", pageBytes });
    const lengths = {
      fill: [0, 1, 4096, 4097, 70000, 500000],
      copy: [0, 1, 4095, 300000],
      init: [0, 1, 300],
      small: [256],
      several: [0, 8192],
    };
    for (const [form, counts] of Object.entries(lengths)) {
      for (const first of [0, 1, 4095, 4096, 65535, 1_000_000]) {
        for (const count of counts) {
          clear(guest);
          guest.call[form]!(first, count);
          const last = Math.floor((first + count - 1) / pageBytes);
          const expected = [];
          for (let page = Math.floor(first / pageBytes); count > 0 && page <= last; page++) expected.push(page);
          // What is marked like a store leaves its end to the slack.
          assert.equal(
            markedPages(guest),
            form === "small" ? expected.slice(0, 1) : expected,
            `${form} ${first} ${count}`,
          );
        }
      }
    }
    clear(guest);
    assert.ok(trapOf(() => guest.call.fill!(40 * 65536 - 1, 2)));
    guest.call.fill!(40 * 65536, 0);
    assert.equal(markedPages(guest), []);
  }
});

/** Marks and merged marks of a function with one parameter and one local. */
function counts(...body: string[]): [marks: number, merged: number] {
  const { info } = prepareSync(
    wat(`(module (memory 1) (func $f) (func (param $p i32) (local $q i32) ${body.join(" ")}))`),
    {
      track: "marks",
    },
  );
  return [info.counts.marks, info.counts.marksMerged];
}
const store = (base: string, offset: number) => `(i32.store offset=${offset} ${base} (i32.const 1))`;
const P = "(local.get $p)";

marks("are merged for one base and one group of offsets in a straight line", () => {
  assert.equal(counts(store(P, 0), store(P, 8), store(P, 252)), [1, 2]);
  assert.equal(counts(store(P, 0), `(if ${P} (then ${store(P, 4)}))`), [1, 1]);
  assert.equal(counts(store(P, 0), `(block ${store(P, 4)} (br_if 0 ${P}) ${store(P, 8)})`), [1, 2]);
  assert.equal(counts(store("(i32.const 64)", 0), store("(i32.const 32)", 32)), [1, 1]);
});

marks("are not merged where something lies between, or another base or group is meant", () => {
  const separate = [
    [store(P, 0), store(P, 256)],
    [store(P, 0), store("(local.get $q)", 0)],
    [store(P, 0), "(local.set $p (i32.const 8))", store(P, 0)],
    ["(local.get $p) (local.set $p (i32.const 8)) (i32.const 1) (i32.store)", store(P, 0)],
    [store(P, 0), "(call $f)", store(P, 0)],
    [store(P, 0), `(loop ${store(P, 0)} (br_if 0 ${P}))`],
    [`(block (br_if 0 ${P}) ${store(P, 0)})`, store(P, 0)],
    [`(if ${P} (then ${store(P, 0)}) (else ${store(P, 0)}))`],
    [store("(i32.const 0)", 0), store("(i32.const 4096)", 0)],
  ];
  for (const body of separate) assert.equal(counts(...body), [2, 0], body.join(" "));
});

marks("cover all changes of random programs between any two polls, and programs do the same as without", () => {
  const random = new Random(77);
  let changedPages = 0;
  let marked = 0;
  let checks = 0;
  for (let n = 0; n < (FULL ? 400 : 40); n++) {
    const text = loopProgram(random);
    const bytes = assemble(text)!;
    const pageBytes = random.pick(PAGE_BYTES);
    const every = 1 + random.below(20);
    let pollCount = 0;
    let before = new Uint8Array();
    // What may be compared while this program runs; some poll very often, or grow.
    let budgetBytes = 2 ** 25;
    const check = () => {
      assert.equal(unmarked(guest, before, pageBytes), [], text);
      marked += markedPages(guest).length;
      changedPages += new Set([...changedBlocks(guest, before)].map((at) => Math.floor(at / pageBytes))).size;
      clear(guest);
      before = new Uint8Array(guest.memory!.buffer).slice();
      checks++;
      budgetBytes -= before.length;
    };
    const names = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
    const imports: WebAssembly.Imports = {};
    for (const { module, name } of names) (imports[module] ??= {})[name] = () => 1;
    const guest = runPrepared(
      bytes,
      { track: "marks", pageBytes },
      {
        imports,
        poll() {
          if (before.length > 0 && budgetBytes > 0 && ++pollCount % every === 0) check();
        },
      },
    );
    const plain = runOriginal(bytes, imports);
    before = new Uint8Array(guest.memory!.buffer).slice();
    clear(guest);
    for (const name of Object.keys(guest.exports).filter((key) => /^f\d+$/.test(key))) {
      const args = [random.u32() | 0, random.below(70000)];
      for (const side of [plain, guest]) (side.exports.fuel as WebAssembly.Global).value = FUEL;
      const outcomes = [plain, guest].map(({ call }) => {
        try {
          return call[name]!(...args);
        } catch (error) {
          return String(error);
        }
      });
      assert.is(outcomes[1], outcomes[0], text);
      check();
    }
  }
  console.log(`# marks: ${checks} comparisons of all of memory, ${marked} pages marked, ${changedPages} changed`);
  assert.ok(changedPages > 0);
});

marks.run();
