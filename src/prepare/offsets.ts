/**
 * From a byte offset in a prepared module, as engines print it in stack traces, back to the original's.
 *
 * No table of offsets is kept. The one function concerned is rewritten once more, which gives the same bytes, and this time
 * the runs that were copied are written down. Whether it polls at its entry follows from the whole call graph, see reopen.ts.
 */

import { Writer } from "../wasm/writer.ts";
import type { Image } from "./image.ts";
import { reopen } from "./reopen.ts";
import { Rewriter, type Trace } from "./rewrite.ts";

/**
 * Byte offset in the original module of the instruction at `preparedOffset`, which lies in function `functionIndex`.
 *
 * @returns undefined inside code that the preparer added, and for an offset outside of the function
 */
export function originalOffset(image: Image, functionIndex: number, preparedOffset: number): number | undefined {
  const { module, prepared, layout, polls, plan, savers } = reopen(image);
  const defined = functionIndex - module.functionsImported;
  const body = prepared.bodies[defined];
  if (module.bodies[defined] === undefined || body === undefined) return undefined;
  const { start, end } = body;
  if (preparedOffset < start || preparedOffset >= end) return undefined;

  const rewriter = new Rewriter(module, layout, image.info.options, plan, savers);
  const trace: Trace = [];
  rewriter.rewrite(functionIndex, polls[defined] === 1, new Writer(end - start + 8), trace);
  const offset = preparedOffset - start;
  for (let i = 0; i < trace.length; i += 3) {
    const from = trace[i]!;
    const original = trace[i + 1]!;
    const length = trace[i + 2]!;
    if (offset < from || offset >= from + Math.abs(length)) continue;
    return length < 0 ? original : original + offset - from;
  }
  return undefined;
}
