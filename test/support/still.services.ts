/**
 * Services under which a program does the same at every run, to the last byte of its memory: clocks that go on by a fixed step at
 * each reading, and random bytes that are always the same. Where the clock stands goes from host to host, so a handover that
 * loses the services' state shows. What QuickJS asks of its host is answered with nothing.
 */
import type { Attach } from "../../dist/index.js";

const START_NS = 1_700_000_000_000_000_000n;
const STEP_NS = 1000n;

const nothing = (): number => 0;

const attach: Attach = (host) => {
  let ns = START_NS;
  const view = (): DataView => new DataView(host.memory.buffer);
  return {
    imports: {
      wasi_snapshot_preview1: {
        clock_time_get(_clock: number, _precision: bigint, ptr: number): number {
          view().setBigUint64(ptr, (ns += STEP_NS), true);
          return 0;
        },
        random_get(ptr: number, bytes: number): number {
          new Uint8Array(host.memory.buffer, ptr, bytes).fill(7);
          return 0;
        },
      },
      env: {
        host_call: nothing,
        host_interrupt: nothing,
        host_module_load: nothing,
        host_module_normalize: nothing,
        host_get_timezone_offset: nothing,
        host_promise_rejection: nothing,
      },
    },
    snapshot: () => ns,
    restore(state) {
      ns = (state as bigint | undefined) ?? START_NS;
    },
  };
};

export default attach;
