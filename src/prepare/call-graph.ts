/**
 * Who may call whom. An indirect call may reach whatever a table or a reference may hold, of its type; a node for each type
 * stands for that, so the graph stays as small as the code. Imports are no nodes: their callees are the host's business.
 */

import type { Module } from "../wasm/module.ts";
import { type FunctionType, hasHeap } from "../wasm/types.ts";
import type { Survey } from "./survey.ts";

export interface CallGraph {
  /** By node: functions that are not imported first, then one node for each type that is called indirectly. */
  readonly edges: readonly (readonly number[])[];
  /** The node of a type that is called indirectly. */
  nodeOf(typeIndex: number): number | undefined;
  /** Nodes of types of which an import may be called. */
  readonly reachHost: ReadonlySet<number>;
}

export function callGraph(module: Module, { callees, first }: Survey): CallGraph {
  const { bodies, functions, functionsImported, types } = module;
  const edges: number[][] = Array.from({ length: bodies.length }, () => []);
  const nodes = new Map<string, number>();
  const reachHost = new Set<number>();
  const name = typeNames(module);
  const key = (typeIndex: number) => name(types[typeIndex] as FunctionType);
  for (let f = 0; f < bodies.length; f++) {
    for (let i = first[f]!; i < first[f + 1]!; i++) {
      const callee = callees[i]!;
      if (callee >= functionsImported) edges[f]!.push(callee - functionsImported);
      if (callee >= 0) continue;
      let node = nodes.get(key(-1 - callee));
      if (node === undefined) {
        node = edges.push([]) - 1;
        nodes.set(key(-1 - callee), node);
      }
      edges[f]!.push(node);
    }
  }
  if (nodes.size > 0) {
    for (const index of addressTaken(module)) {
      const node = nodes.get(key(functions[index]!));
      if (node === undefined) continue;
      if (index < functionsImported) reachHost.add(node);
      else edges[node]!.push(index - functionsImported);
    }
  }
  return { edges, nodeOf: (typeIndex) => nodes.get(key(typeIndex)), reachHost };
}

/**
 * What tells types of indirect calls apart. Where types may be subtypes of each other, or equal without looking equal, only
 * the number of parameters and results does: too many edges do no harm.
 */
function typeNames({ types }: Module): (type: FunctionType) => string {
  const plain = types.every(
    (type) => type.kind === "function" && [...type.params, ...type.results].every((value) => !hasHeap(value)),
  );
  return plain
    ? ({ params, results }) => `${params}>${results}`
    : ({ params, results }) => `${params.length}>${results.length}`;
}

/** Functions that may be in a table or a reference: the host may put exported ones there. */
function addressTaken(module: Module): Set<number> {
  const taken = new Set([...module.referenced].sort((a, b) => a - b));
  for (const { kind, index } of module.exports) if (kind === "function") taken.add(index);
  return taken;
}
