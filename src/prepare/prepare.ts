/**
 * Prepares a module: bytes in, image out.
 *
 *   parse     what the module declares                                wasm/module.ts
 *   refuse    what cannot be prepared, by name                        refusals.ts, survey.ts
 *   survey    who calls whom, hence where recursion is polled         survey.ts, cycles.ts
 *   rewrite   one function body after the other                       scan.ts, rewrite.ts with polls, marks, waits, hints
 *   fill up   functions for the engine's inliner to count             fillers.ts
 *   assemble  sections in their order, most of them copied            assemble.ts with memories, segments
 *
 * Nothing of the original moves in its index space; everything added is appended. Memory 0 becomes an imported shared memory,
 * the ledger is memory 1. The work is linear in the size of the module, and no step depends on how code is nested.
 */

import { SECTION_INFO, SECTION_ORIGINAL } from "../abi.ts";
import { ModuleInvalidError, ModuleUnsupportedError } from "../errors.ts";
import { LIMITS, type Module, parseModule } from "../wasm/module.ts";
import { Parts } from "../wasm/parts.ts";
import { SECTION } from "../wasm/sections.ts";
import { Writer } from "../wasm/writer.ts";
import { type AddedFunction, assemble } from "./assemble.ts";
import { type CapturePlan, capturePlan, writeDropFunction, writeSegmentUse } from "./capture-plan.ts";
import { entryPolls } from "./cycles.ts";
import { describe } from "./describe.ts";
import { Exceptions } from "./exceptions.ts";
import { fillerCount, writeFiller } from "./fillers.ts";
import { copyBytes, Image } from "./image.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { writeMarkRangeFunction } from "./marks.ts";
import { completeOptions, type Options, type PrepareOptions } from "./options.ts";
import { writePollFunction } from "./polls.ts";
import { refuse } from "./refusals.ts";
import { Rewriter } from "./rewrite.ts";
import { ModuleSavers, writeLoadGlobals, writeSaveGlobals, writeSaver } from "./savers.ts";
import { writeBootFunction } from "./segments.ts";
import { survey, takesRange } from "./survey.ts";
import { OP_WAIT32, OP_WAIT64, writeWaitFunction } from "./waits.ts";

export type { PrepareOptions };

export interface PrepareProgress {
  readonly functionsDone: number;
  readonly functionsTotal: number;
}

/** How many functions are rewritten between two reports of progress. */
const PROGRESS_EVERY = 256;

/**
 * Prepares a module, on the calling thread.
 *
 * Requires    bytes of a module that this engine accepts.
 * On success  an image whose guests do what the module does, and can be frozen.
 * On failure  nothing was made.
 *
 * @throws {ModuleInvalidError} SP_MODULE_INVALID
 * @throws {ModuleUnsupportedError} SP_MODULE_UNSUPPORTED, with the name of what cannot be prepared and its byte offset
 * @throws {StillpointError} SP_CONFIG_INVALID
 */
export function prepareSync(
  bytes: BufferSource,
  options?: PrepareOptions & { onProgress?(progress: PrepareProgress): void },
): Image {
  const complete = completeOptions(options);
  const original = copyBytes(bytes);
  const module = parseModule(original);
  refuse(module);
  const surveyed = survey(module);
  validate(original);

  const layout = layoutOf(module);
  const polls = entryPolls(module, surveyed);
  const plan = complete.capture ? capturePlan(module, surveyed, polls, complete) : undefined;
  const savers = plan && new ModuleSavers(plan.firstSaver);
  const rewriter = new Rewriter(module, layout, complete, plan, savers);
  const total = module.bodies.length;
  const bodies = new Writer(Math.ceil(original.length / 2));
  const sizes: number[] = [];
  for (let f = 0; f < total; f++) {
    if (f % PROGRESS_EVERY === 0) options?.onProgress?.({ functionsDone: f, functionsTotal: total });
    sizes.push(rewriter.rewrite(module.functionsImported + f, polls[f] === 1, bodies));
  }
  options?.onProgress?.({ functionsDone: total, functionsTotal: total });
  const added = addedFunctions(module, layout, complete, plan, savers);
  for (const { body } of added) sizes.push(body.length);
  const fillers = fillerCount(sizes, module.functionsImported + sizes.length);
  const count = new Writer(5);
  count.u32(total + added.length + fillers);
  for (const { body } of added) bodies.sized(body);
  for (let i = 0; i < fillers; i++) writeFiller(bodies);
  const code = [count.view, bodies.view];

  const out = new Parts();
  assemble(out, module, layout, code, added, fillers, rewriter.hints, plan, savers?.types);
  const codeSection = module.sections.find(({ id }) => id === SECTION.code);
  const byteCounts = {
    original: original.length,
    codeOriginal: codeSection === undefined ? 0 : codeSection.end - codeSection.start,
    code: count.length + bodies.length,
    module: out.length,
  };
  const counts = { functions: total, loops: surveyed.loops, ...rewriter.counts };
  const capture = plan &&
    savers && {
      ...rewriter.captured,
      notCarried: plan.notCarried,
      changesTables: plan.changesTables,
      savers: savers.names,
    };
  const info = describe(module, complete, counts, byteCounts, capture);
  out.customSection(SECTION_INFO, new TextEncoder().encode(JSON.stringify(info)));
  out.customSection(SECTION_ORIGINAL, original);
  const image = Image.own(out.join());
  // An engine that accepts the original may still find what was added too much, at limits of its own.
  if (!WebAssembly.validate(image.moduleBytes()))
    throw new ModuleUnsupportedError("a module at the limits of the engine", 0);
  return image;
}

/** The engine says whether the module is valid as a whole, and if not, where. */
function validate(original: Uint8Array<ArrayBuffer>): void {
  if (WebAssembly.validate(original)) return;
  let reason = "the engine does not accept the module";
  let offset = 0;
  let cause: unknown;
  try {
    new WebAssembly.Module(original);
  } catch (error) {
    cause = error;
    const place = /@\+(\d+)/.exec(String(error));
    if (place !== null) offset = Number(place[1]);
    if (error instanceof Error) reason = error.message;
  }
  throw new ModuleInvalidError(reason, offset, { cause });
}

function exceptionFunctions(
  module: Module,
  { exceptions }: CapturePlan,
  savers: ModuleSavers,
): ReturnType<Exceptions["functions"]> {
  return exceptions === undefined ? [] : new Exceptions(module, exceptions, savers, (index) => index).functions();
}

/** In the order of the layout. */
function addedFunctions(
  module: Module,
  layout: Layout,
  options: Options,
  plan: CapturePlan | undefined,
  savers: ModuleSavers | undefined,
): AddedFunction[] {
  const marks = options.track === "marks";
  const make = (name: string, type: number, write: (code: Writer) => void): AddedFunction => {
    const code = new Writer();
    write(code);
    if (code.length > LIMITS.functionBytes)
      throw new ModuleUnsupportedError(`a module of ${module.data.length} data segments`, 0);
    return { name: `stillpoint:${name}`, type, body: code.view };
  };
  const { types } = layout;
  const added = [
    make("boot", types.plain, (code) => writeBootFunction(code, module, layout, marks)),
    make("poll", types.plain, (code) => writePollFunction(code, layout, options)),
    make("wait32", types.wait32, (code) => writeWaitFunction(code, layout, OP_WAIT32)),
    make("wait64", types.wait64, (code) => writeWaitFunction(code, layout, OP_WAIT64)),
  ];
  if (marks) added.push(make("markRange", types.range, (code) => writeMarkRangeFunction(code, options)));
  if (plan === undefined || savers === undefined) return added;
  added.push(
    make("save", types.plain, (code) => writeSaveGlobals(code, module.globals, layout)),
    make("load", types.plain, (code) => writeLoadGlobals(code, module.globals)),
    make("drop", types.plain, (code) => writeDropFunction(code, module)),
    ...exceptionFunctions(module, plan, savers).map(({ name, type, write }) => make(name, type, write)),
    ...plan.segmentUses.map((use, i) =>
      make(`segment:${i}`, takesRange(use) ? plan.rangeType : types.plain, (code) => writeSegmentUse(code, use)),
    ),
    ...savers.types.map((type, i) =>
      make(`save:${savers.names[i]}`, plan.firstSaverType + i, (code) => writeSaver(code, type)),
    ),
  );
  return added;
}
