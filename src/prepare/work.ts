/** Prepares one module, in a Worker (off-thread.ts). */

import { StillpointError } from "../errors.ts";
import type { Self } from "../platform/platform.ts";
import type { PrepareAnswer, PrepareTask } from "./off-thread.ts";
import { prepareSync } from "./prepare.ts";

export function makeImage(self: Self, { bytes, options }: PrepareTask): void {
  const post = (answer: PrepareAnswer, transfer: ArrayBuffer[] = []): void => self.post(answer, transfer);
  try {
    const image = prepareSync(bytes, { ...options, onProgress: (progress) => post({ type: "progress", progress }) });
    post({ type: "image", bytes: image.bytes }, [image.bytes.buffer]);
  } catch (error) {
    if (error instanceof StillpointError) post({ type: "refused", error: { ...error, message: error.message } });
    else post({ type: "failed", error });
  }
}
