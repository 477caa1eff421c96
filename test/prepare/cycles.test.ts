// Goal: every recursion meets a poll at some entry or a leading loop, and no entry polls in vain. Method: the call graphs of
// real programs and of seeded random ones; once polling functions are taken out, what is left is sorted topologically
// (Kahn), which fails exactly if there is a cycle; and with any one of them put back, it must fail.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { callGraph } from "../../dist/prepare/call-graph.js";
import { entryPolls } from "../../dist/prepare/cycles.js";
import { survey } from "../../dist/prepare/survey.js";
import { type Module, parseModule } from "../../dist/wasm/module.js";
import { assemble } from "../support/assemble.ts";
import { pythonWasm, quickjsWasm } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const FULL = process.env.SP_FULL === "1";

/** Whether calls can come back to where they began without passing a node that is out. */
function hasCycle(edges: readonly (readonly number[])[], out: (node: number) => boolean): boolean {
  const callers = new Uint32Array(edges.length);
  let left = 0;
  for (const [node, callees] of edges.entries()) {
    if (out(node)) continue;
    left++;
    for (const to of callees) callers[to]!++;
  }
  const free = [...edges.keys()].filter((node) => !out(node) && callers[node] === 0);
  while (free.length > 0) {
    left--;
    for (const to of edges[free.pop()!]!) if (--callers[to]! === 0 && !out(to)) free.push(to);
  }
  return left > 0;
}

/** Checks a module, and puts back each of its polls, or so many drawn ones; gives how many entries poll. */
function check(what: string, module: Module, { random, putBackMax }: { random: Random; putBackMax: number }): number {
  const facts = survey(module);
  const { edges } = callGraph(module, facts);
  const entries = entryPolls(module, facts);
  const polled = [...entries.keys()].filter((f) => entries[f] === 1);
  const out = (node: number): boolean => entries[node] === 1 || facts.pollsFirst[node] === 1;
  assert.not(hasCycle(edges, out), `${what}: recursion without a poll`);
  const putBack = polled.length <= putBackMax ? polled : Array.from({ length: putBackMax }, () => random.pick(polled));
  for (const f of putBack) {
    assert.ok(
      hasCycle(edges, (node) => node !== f && out(node)),
      `${what}: function ${f} polls in vain`,
    );
  }
  return polled.length;
}

/** Functions that call each other, directly and by way of a table. */
function randomModule(random: Random): Module {
  const count = 1 + random.below(40);
  const density = random.pick([1, 2, 4]);
  const functions = Array.from({ length: count }, (_, f) => {
    const calls = Array.from({ length: random.below(density + 1) }, () => `(call $f${random.below(count)})`);
    if (random.oneIn(8)) calls.push("(call_indirect (i32.const 0))");
    if (random.oneIn(6)) calls.unshift("(loop $l (br_if $l (i32.const 0)))");
    return `(func $f${f} ${calls.join(" ")})`;
  });
  const referenced = Array.from({ length: random.below(4) }, () => `$f${random.below(count)}`);
  const text = `(module (table 8 funcref) (elem (i32.const 0) ${referenced.join(" ")}) ${functions.join(" ")})`;
  return parseModule(assemble(text)!);
}

const cycles = suite("cycles");

cycles("are cut in random programs, and nothing else is", () => {
  const random = new Random();
  let polled = 0;
  for (let round = 0; round < (FULL ? 5000 : 500); round++) {
    polled += check(`round ${round}`, randomModule(random), { random, putBackMax: Number.POSITIVE_INFINITY });
  }
  assert.ok(polled > 500, "random programs recur");
});

for (const [name, bytes] of Object.entries({ QuickJS: quickjsWasm, CPython: pythonWasm })) {
  cycles(`are cut in ${name}, and nothing else is`, () => {
    const polled = check(name, parseModule(bytes()), { random: new Random(1), putBackMax: FULL ? 500 : 50 });
    assert.ok(polled > 10);
  });
}

cycles("are cut where they are rare, not in what everybody calls", () => {
  // $small is called by both large functions, and every cycle leads through one of these as well.
  const large = (callee: string): string =>
    `${"(drop (i32.add (i32.const 1) (i32.const 2)))".repeat(100)} (call ${callee})`;
  const text = `(module
    (func $small (call $a))
    (func $a ${large("$small")} (call $b))
    (func $b ${large("$small")}))`;
  const module = parseModule(assemble(text)!);
  assert.equal([...entryPolls(module, survey(module))], [0, 1, 0]);
});

cycles.run();
