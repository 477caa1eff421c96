/** Arguments, environment, clocks, random numbers, the end, and what there is not: signals and sockets. */

import { invalid } from "../checks.ts";
import type { Calls, Context } from "./context.ts";
import { EINVAL, ENOSYS, ENOTSOCK } from "./errno.ts";
import { Fault } from "./fault.ts";
import { ExitSignal } from "./host.ts";
import { CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME, CLOCK_REALTIME, CLOCK_THREAD_CPUTIME } from "./layout.ts";

/** What browsers resolve and Node's wall clock, too; finer ticks are there but mean nothing. */
const CLOCK_RESOLUTION_NS = 1000n;

/** Strings as C has them: all in one run, each ended by a zero byte. */
class StringBlock {
  readonly #pieces: readonly Uint8Array[];
  readonly #bytes: number;

  constructor(strings: readonly string[]) {
    const bad = strings.find((string) => string.includes("\0"));
    if (bad !== undefined) throw invalid(`a zero byte in ${JSON.stringify(bad)}`);
    const encoder = new TextEncoder();
    this.#pieces = strings.map((string) => encoder.encode(`${string}\0`));
    this.#bytes = this.#pieces.reduce((bytes, piece) => bytes + piece.length, 0);
  }

  writeSizes({ memory }: Context, countPtr: number, bytesPtr: number): void {
    memory.check(countPtr, 4);
    memory.check(bytesPtr, 4);
    memory.writeU32(countPtr, this.#pieces.length);
    memory.writeU32(bytesPtr, this.#bytes);
  }

  write({ memory }: Context, pointersPtr: number, bytesPtr: number): void {
    const pointers = memory.check(pointersPtr, this.#pieces.length * 4);
    let at = memory.check(bytesPtr, this.#bytes);
    for (const [index, piece] of this.#pieces.entries()) {
      memory.writeU32(pointers + index * 4, at);
      memory.writeBytes(at, piece);
      at += piece.length;
    }
  }
}

export function processCalls(context: Context): Calls {
  const { host, memory, descriptors } = context;
  const args = new StringBlock(host.args);
  const env = new StringBlock(Object.entries(host.env).map(([name, value]) => `${name}=${value}`));

  const noSocket = (fd: number): never => {
    descriptors.get(fd, 0);
    throw new Fault(ENOTSOCK);
  };

  return {
    args_sizes_get: (count: number, bytes: number) => args.writeSizes(context, count, bytes),
    args_get: (pointers: number, bytes: number) => args.write(context, pointers, bytes),
    environ_sizes_get: (count: number, bytes: number) => env.writeSizes(context, count, bytes),
    environ_get: (pointers: number, bytes: number) => env.write(context, pointers, bytes),

    clock_res_get(clock: number, resolutionPtr: number) {
      if (clock >>> 0 > CLOCK_THREAD_CPUTIME) throw new Fault(EINVAL);
      memory.writeU64(resolutionPtr, CLOCK_RESOLUTION_NS);
    },

    clock_time_get(clock: number, _precision: bigint, timePtr: number) {
      if (clock === CLOCK_REALTIME) memory.writeU64(timePtr, host.clock.wallNs());
      else if (clock === CLOCK_MONOTONIC) memory.writeU64(timePtr, host.clock.monotonicNs());
      else if (clock === CLOCK_PROCESS_CPUTIME || clock === CLOCK_THREAD_CPUTIME)
        memory.writeU64(timePtr, host.clock.cpuNs());
      else throw new Fault(EINVAL);
    },

    random_get(ptr: number, bytes: number) {
      memory.fill(ptr, bytes, (piece) => host.random(piece));
    },

    proc_exit(code: number): never {
      throw new ExitSignal(code >>> 0);
    },

    proc_raise() {
      throw new Fault(ENOSYS);
    },

    sched_yield: () => undefined,

    sock_accept: noSocket,
    sock_recv: noSocket,
    sock_send: noSocket,
    sock_shutdown: noSocket,
  };
}
