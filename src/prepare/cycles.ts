/**
 * Which functions poll at their entry: enough that no recursion goes on without a poll, and not many more.
 *
 * Loops poll for themselves, so only cycles of the call graph are left. An indirect call may reach whatever a table or a
 * reference may hold, of its type; a node for each type stands for that, so the graph stays as small as the code. A function
 * that enters a polled loop before anything else can happen cuts every cycle it is on, and is left out of the graph.
 *
 * Every cycle has an edge that leads back in a depth-first search, and a poll at either end of it cuts the cycle; it is put into
 * the larger function (a type has no size and never polls). That is more than is needed, so polls without which there is no
 * cycle all the same are taken back, those of the smallest functions first: there a poll weighs most, and small functions
 * are called all the time. A tail call is a call here.
 *
 * Recursion by way of the host (an import that calls an export) is not seen; there the host looks for freezes.
 */

import type { Module } from "../wasm/module.ts";
import { callGraph } from "./call-graph.ts";
import type { Survey } from "./survey.ts";

type Graph = readonly (readonly number[])[];

/** Steps along edges that taking back may cost, so that no module makes it slow: some tenths of a second. */
const STEPS_MAX = 20_000_000;

/** For each function that is not imported: 1 if it polls at its entry. */
export function entryPolls(module: Module, survey: Survey): Uint8Array {
  const graph = callGraph(module, survey).edges;
  const functionCount = module.bodies.length;
  // By node. A type never polls.
  const cut = new Uint8Array(graph.length);
  cut.set(survey.pollsFirst);
  const bytes = Uint32Array.from(graph, (_, node) => {
    const body = module.bodies[node];
    return body === undefined ? 0 : body.end - body.start;
  });
  const polls = cutCycles(graph, bytes, cut);
  polls.sort((a, b) => bytes[a]! - bytes[b]!);
  takeBack(graph, polls, cut);
  const entries = new Uint8Array(functionCount);
  for (const f of polls) entries[f] = cut[f]!;
  return entries;
}

/** Cuts every cycle; gives the functions where. */
function cutCycles(graph: Graph, bytes: Uint32Array, cut: Uint8Array): number[] {
  const polls: number[] = [];
  // Depth first with a stack of our own. `next` is how far each node's edges have been followed.
  const NEW = 0;
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(graph.length);
  const next = new Uint32Array(graph.length);
  const stack: number[] = [];
  for (let root = 0; root < graph.length; root++) {
    if (state[root] !== NEW || cut[root] === 1) continue;
    stack.push(root);
    state[root] = OPEN;
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const edges = graph[node]!;
      if (next[node] === edges.length) {
        state[node] = DONE;
        stack.pop();
        continue;
      }
      const to = edges[next[node]!++]!;
      if (cut[to] === 1) continue;
      if (state[to] === NEW) {
        state[to] = OPEN;
        stack.push(to);
      } else if (state[to] === OPEN && cut[node] === 0) {
        const poll = bytes[to]! > bytes[node]! ? to : node;
        cut[poll] = 1;
        polls.push(poll);
      }
    }
  }
  return polls;
}

/** Cuts no longer where no cycle comes of it, in this order. */
function takeBack(graph: Graph, polls: readonly number[], cut: Uint8Array): void {
  // The edges of node n are those from first[n] to before first[n + 1]: this goes over them many times.
  const first = new Uint32Array(graph.length + 1);
  for (const [node, edges] of graph.entries()) first[node + 1] = first[node]! + edges.length;
  const edges = Uint32Array.from(graph.flat());
  const seenBy = new Uint32Array(graph.length);
  const stack = new Uint32Array(graph.length);
  let steps = 0;
  const leadsBack = (poll: number, mark: number): boolean => {
    let depth = 0;
    stack[depth++] = poll;
    while (depth > 0) {
      const node = stack[--depth]!;
      const end = first[node + 1]!;
      steps += end - first[node]!;
      for (let edge = first[node]!; edge < end; edge++) {
        const to = edges[edge]!;
        if (to === poll) return true;
        if (cut[to] === 1 || seenBy[to] === mark) continue;
        seenBy[to] = mark;
        stack[depth++] = to;
      }
    }
    return false;
  };
  for (const [i, poll] of polls.entries()) {
    if (!leadsBack(poll, i + 1)) cut[poll] = 0;
    if (steps > STEPS_MAX) return;
  }
}
