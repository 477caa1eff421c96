/** prepare() off the calling thread: a Worker of its own for each module, ended when it has answered. */

import { platform } from "#platform";
import { ModuleInvalidError, ModuleUnsupportedError, StillpointError } from "../errors.ts";
import { startWork } from "../platform/workshop.ts";
import { copyBytes, Image } from "./image.ts";
import type { PrepareProgress, PrepareOptions as SyncOptions } from "./prepare.ts";

export interface PrepareOptions extends SyncOptions {
  /** Gives up: the Worker is ended. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PrepareProgress) => void;
}

/** What the Worker is given. */
export interface PrepareTask {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly options: SyncOptions;
}

/** What the Worker answers. */
export type PrepareAnswer =
  | { readonly type: "progress"; readonly progress: PrepareProgress }
  | { readonly type: "image"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "refused"; readonly error: RefusedFields }
  | { readonly type: "failed"; readonly error: unknown };

/** A refusal as plain data, because classes do not survive the way between threads: what its class has, besides what all have. */
export type RefusedFields = Pick<StillpointError, "name" | "code" | "message"> &
  Partial<Pick<ModuleInvalidError, "reason"> & Pick<ModuleUnsupportedError, "feature" | "offset" | "function">>;

function refusal({
  name,
  code,
  message,
  reason,
  feature,
  offset,
  function: inFunction,
}: RefusedFields): StillpointError {
  switch (name) {
    case "ModuleInvalidError":
      return new ModuleInvalidError(reason!, offset!);
    case "ModuleUnsupportedError":
      return new ModuleUnsupportedError(feature!, offset!, inFunction === undefined ? {} : { function: inFunction });
    default:
      return new StillpointError(code, message);
  }
}

/**
 * Prepares a module in a Worker.
 *
 * @throws {ModuleInvalidError} SP_MODULE_INVALID: no valid module
 * @throws {ModuleUnsupportedError} SP_MODULE_UNSUPPORTED: valid, but it uses something that cannot be prepared
 */
export async function prepare(
  bytes: BufferSource,
  { signal, onProgress, ...options }: PrepareOptions = {},
): Promise<Image> {
  signal?.throwIfAborted();
  const task: PrepareTask = { bytes: copyBytes(bytes), options };
  const answer = Promise.withResolvers<Image>();
  const receive = (message: PrepareAnswer): void => {
    if (message.type === "progress") onProgress?.(message.progress);
    else if (message.type === "image") answer.resolve(Image.open(message.bytes));
    else if (message.type === "refused") answer.reject(refusal(message.error));
    else answer.reject(message.error);
  };
  const thread = startWork(
    platform,
    { work: "image", data: task },
    {
      message: (message) => {
        try {
          receive(message as PrepareAnswer);
        } catch (error) {
          answer.reject(error);
        }
      },
      exit: (error) => {
        answer.reject(
          new StillpointError("SP_LIMIT", "the thread that prepared the module ended, most likely for want of memory", {
            cause: error,
          }),
        );
      },
    },
  );
  const abort = (): void => answer.reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    return await answer.promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    await thread.terminate();
  }
}
