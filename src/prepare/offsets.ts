/**
 * From a byte offset in a prepared module, as engines print it in stack traces, back to the original's.
 *
 * No table of offsets is kept. The one function concerned is rewritten once more, which gives the same bytes, and this time
 * the runs that were copied are written down. Whether it polls at its entry follows from the whole call graph, see reopen.ts.
 */

import { Reader } from "../wasm/reader.ts";
import { readSections, SECTION } from "../wasm/sections.ts";
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
  const { module, layout, polls, plan, savers } = reopen(image);
  const defined = functionIndex - module.functionsImported;
  if (defined < 0 || defined >= module.bodies.length) return undefined;
  const body = preparedBody(image, defined);
  if (preparedOffset < body.at || preparedOffset >= body.end) return undefined;

  const rewriter = new Rewriter(module, layout, image.info.options, plan, savers);
  const trace: Trace = [];
  rewriter.rewrite(functionIndex, polls[defined] === 1, new Writer(body.end - body.at + 8), trace);
  const offset = preparedOffset - body.at;
  for (let i = 0; i < trace.length; i += 3) {
    const start = trace[i]!;
    const original = trace[i + 1]!;
    const length = trace[i + 2]!;
    if (offset < start || offset >= start + Math.abs(length)) continue;
    return length < 0 ? original : original + offset - start;
  }
  return undefined;
}

function preparedBody(image: Image, defined: number): Reader {
  const bytes = image.moduleBytes();
  const section = readSections(bytes).find(({ id }) => id === SECTION.code)!;
  const reader = new Reader(bytes, section.start, section.end);
  reader.count();
  for (let i = 0; i < defined; i++) reader.skip(reader.u32());
  return reader.part(reader.u32());
}
