/**
 * The import module `stillpoint`, for programs that want a call rather than a file:
 *
 *   events_read(ptr, bytes) -> length     copies the document to memory, as much as there is room for, and answers how long it is:
 *                                         if that is more than `bytes`, ask again with more room
 *   events_approve(ptr, bytes) -> 0       ids of events that may start, in a form of wasi/start-requests.ts
 *
 * All are i32. A negative answer is an errno of WASI with its sign changed. In C, for instance:
 *
 *   __attribute__((import_module("stillpoint"), import_name("events_read"))) int events_read(void *to, int bytes);
 */

import { IMPORT_EVENTS_APPROVE, IMPORT_EVENTS_READ } from "../abi.ts";
import { EFBIG } from "../wasi/errno.ts";
import { Fault } from "../wasi/fault.ts";
import { GuestMemory } from "../wasi/guest-memory.ts";
import type { Notices } from "../wasi/notice-files.ts";
import { RequestReader } from "../wasi/start-requests.ts";

const REQUEST_BYTES_MAX = 65_536;

export function noticeCalls(
  host: { memory: WebAssembly.Memory; mark(range: { ptr: number; bytes: number }): void },
  notices: Notices,
): Record<string, (ptr: number, bytes: number) => number> {
  const memory = new GuestMemory(host);

  const guarded =
    (call: (ptr: number, bytes: number) => number) =>
    (ptr: number, bytes: number): number => {
      try {
        return call(ptr, bytes >>> 0);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        return -error.errno;
      }
    };

  return {
    [IMPORT_EVENTS_READ]: guarded((ptr, room) => {
      const { bytes } = notices.read();
      memory.check(ptr, room);
      memory.writeBytes(ptr, bytes.subarray(0, room));
      return bytes.length;
    }),
    [IMPORT_EVENTS_APPROVE]: guarded((ptr, bytes) => {
      if (bytes > REQUEST_BYTES_MAX) throw new Fault(EFBIG);
      const requests = new RequestReader();
      const ids = [...requests.take(memory.span(ptr, bytes)), ...requests.end()];
      if (ids.length > 0) notices.approve(ids);
      return 0;
    }),
  };
}
