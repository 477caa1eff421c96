/**
 * Text to bytes. wabt goes first because it keeps a module as it is written, dead code included; what it cannot read or gets
 * wrong (newer proposals) goes to binaryen, which rebuilds function bodies on the way but not their meaning. Neither
 * validates here, because a test may want an invalid module.
 */
import binaryen from "binaryen";
import openWabt from "wabt";

const FEATURES = {
  exceptions: true,
  function_references: true,
  gc: true,
  multi_memory: true,
  relaxed_simd: true,
  simd: true,
  tail_call: true,
  threads: true,
  extended_const: true,
};

/** What V8 knows; binaryen uses newer encodings wherever it may. */
export const V8_FEATURES: number = [
  binaryen.Features.Atomics,
  binaryen.Features.BulkMemory,
  binaryen.Features.BulkMemoryOpt,
  binaryen.Features.ExceptionHandling,
  binaryen.Features.ExtendedConst,
  binaryen.Features.GC,
  binaryen.Features.MultiMemory,
  binaryen.Features.Multivalue,
  binaryen.Features.MutableGlobals,
  binaryen.Features.NontrappingFPToInt,
  binaryen.Features.ReferenceTypes,
  binaryen.Features.RelaxedSIMD,
  binaryen.Features.SIMD128,
  binaryen.Features.SignExt,
  binaryen.Features.TailCall,
].reduce((all, feature) => all | feature);

const wabt = await openWabt();

function withWabt(text: string): Uint8Array<ArrayBuffer> {
  const parsed = wabt.parseWat("module.wat", text, FEATURES);
  try {
    return new Uint8Array(parsed.toBinary({ write_debug_names: true }).buffer);
  } finally {
    parsed.destroy();
  }
}

function withBinaryen(text: string): Uint8Array<ArrayBuffer> {
  const parsed = binaryen.parseText(text);
  try {
    parsed.setFeatures(V8_FEATURES);
    return new Uint8Array(parsed.emitBinary());
  } finally {
    parsed.dispose();
  }
}

/** Bytes of a module's text, valid ones if either assembler makes such, or `undefined` if neither reads it. */
export function assemble(text: string): Uint8Array<ArrayBuffer> | undefined {
  let first: Uint8Array<ArrayBuffer> | undefined;
  for (const assembler of [withWabt, withBinaryen]) {
    try {
      const bytes = assembler(text);
      if (WebAssembly.validate(bytes)) return bytes;
      first ??= bytes;
    } catch {
      // The next one may know more; a text that none reads is the caller's to report.
    }
  }
  return first;
}
