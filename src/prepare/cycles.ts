/**
 * Which functions poll at their entry: enough that no recursion goes on without a poll, and not many more.
 *
 * Loops poll for themselves, so only cycles of the call graph are left. An indirect call may reach whatever a table or a
 * reference may hold, of its type; a node for each type stands for that, so the graph stays as small as the code. A function
 * that enters a polled loop before anything else can happen cuts every cycle it is on, and is left out of the graph.
 *
 * Every cycle has an edge that leads back in a depth-first search, and a poll at either end of it cuts the cycle: at the
 * callee if that is a function, at the caller if it is a type. A tail call is a call here.
 *
 * Recursion by way of the host (an import that calls an export) is not seen; there the host looks for freezes.
 */

import type { Module } from "../wasm/module.ts";
import { callGraph } from "./call-graph.ts";
import type { Survey } from "./survey.ts";

/** For each function that is not imported: 1 if it polls at its entry. */
export function entryPolls(module: Module, survey: Survey): Uint8Array {
  const { pollsFirst } = survey;
  const graph = callGraph(module, survey).edges;
  const functionCount = module.bodies.length;
  const polls = new Uint8Array(functionCount);
  const cut = (node: number) => polls[node] === 1 || pollsFirst[node] === 1;

  // Depth first with a stack of our own. `next` is how far each node's edges have been followed.
  const NEW = 0;
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(graph.length);
  const next = new Uint32Array(graph.length);
  const stack: number[] = [];
  for (let root = 0; root < functionCount; root++) {
    if (state[root] !== NEW || pollsFirst[root] === 1) continue;
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
      if (to < functionCount && pollsFirst[to] === 1) continue;
      if (state[to] === NEW) {
        state[to] = OPEN;
        stack.push(to);
      } else if (state[to] === OPEN && !(node < functionCount && cut(node)) && !(to < functionCount && cut(to))) {
        polls[to < functionCount ? to : node] = 1;
      }
    }
  }
  return polls;
}
