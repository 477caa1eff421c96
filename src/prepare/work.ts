/** Prepares one module, in a Worker (off-thread.ts). */

import { ModuleInvalidError, ModuleUnsupportedError, StillpointError } from "../errors.ts";
import type { Self } from "../platform/platform.ts";
import type { PrepareAnswer, PrepareTask, RefusedFields } from "./off-thread.ts";
import { prepareSync } from "./prepare.ts";

function fieldsOf(error: StillpointError): RefusedFields {
  if (error instanceof ModuleInvalidError) {
    return { name: "ModuleInvalidError", reason: error.reason, offset: error.offset };
  }
  if (error instanceof ModuleUnsupportedError) {
    return {
      name: "ModuleUnsupportedError",
      feature: error.feature,
      offset: error.offset,
      function: error.function,
    };
  }
  return { name: "StillpointError", code: error.code, message: error.message };
}

export function makeImage(self: Self, { bytes, options }: PrepareTask): void {
  const post = (answer: PrepareAnswer, transfer: ArrayBuffer[] = []): void => self.post(answer, transfer);
  try {
    const image = prepareSync(bytes, { ...options, onProgress: (progress) => post({ type: "progress", progress }) });
    post({ type: "image", bytes: image.bytes }, [image.bytes.buffer]);
  } catch (error) {
    if (error instanceof StillpointError) post({ type: "refused", error: fieldsOf(error) });
    else post({ type: "failed", error });
  }
}
