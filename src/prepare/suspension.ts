/**
 * Which functions a guest may be captured in: those from which a safepoint can be reached, by whatever calls. Safepoints are
 * polls (of loops, of recursion), waits, and calls of imports, since a host function that waits may be left.
 *
 * Follows from the original alone. A loop that nothing repeats counts here, though it will not be polled: to know that, the
 * body has to be walked with its operands.
 */

import type { Module } from "../wasm/module.ts";
import { callGraph } from "./call-graph.ts";
import type { Survey } from "./survey.ts";

/** What may happen in a call besides that it returns: frames of the guest are saved; the call itself must be issued again. */
export const RETURNS = 0;
export const SAVES = 1;
export const AGAIN = 2;
/** One of these, or SAVES | AGAIN. */
export type Outcome = number;

export interface Suspension {
  /** By function index: 1 if a call of it may not return in this instance. */
  readonly functions: Uint8Array;
  readonly handlers: Survey["handlers"];
  /** Of a call through a table or a reference. */
  indirect(typeIndex: number): Outcome;
}

export function suspension(module: Module, survey: Survey, entryPolls: Uint8Array): Suspension {
  const { functionsImported, bodies } = module;
  const graph = callGraph(module, survey);
  const callers: number[][] = graph.edges.map(() => []);
  for (const [from, edges] of graph.edges.entries()) for (const to of edges) callers[to]!.push(from);

  const reached = new Uint8Array(graph.edges.length);
  const open: number[] = [];
  const reach = (node: number) => {
    if (reached[node] === 1) return;
    reached[node] = 1;
    open.push(node);
  };
  for (let f = 0; f < bodies.length; f++) {
    if (survey.stops[f] === 1 || entryPolls[f] === 1) reach(f);
    for (let i = survey.first[f]!; i < survey.first[f + 1]!; i++) {
      if (survey.callees[i]! >= 0 && survey.callees[i]! < functionsImported) reach(f);
    }
  }
  for (const node of graph.reachHost) reach(node);
  while (open.length > 0) for (const caller of callers[open.pop()!]!) reach(caller);

  const functions = new Uint8Array(functionsImported + bodies.length).fill(1, 0, functionsImported);
  functions.set(reached.subarray(0, bodies.length), functionsImported);
  return {
    functions,
    handlers: survey.handlers,
    indirect(typeIndex) {
      const node = graph.nodeOf(typeIndex);
      if (node === undefined || reached[node] !== 1) return RETURNS;
      return graph.reachHost.has(node) ? SAVES | AGAIN : SAVES;
    },
  };
}
