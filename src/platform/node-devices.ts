/** Pipes, terminals and other devices, opened non-blocking. They ring no bell of ours, so they are asked again and again. */

import type { Context } from "../wasi/context.ts";
import { EAGAIN } from "../wasi/errno.ts";
import type { Channel, Handle, HostFiles } from "../wasi/files.ts";

/** How long until the next look; grows from the first to the second. */
const RETRY_NS = 1_000_000n;
const RETRY_NS_MAX = 20_000_000n;

export function deviceChannel(files: HostFiles, device: Handle, { host, waits }: Context): Channel {
  const attempt = (move: () => number): number | undefined => {
    try {
      return move();
    } catch (error) {
      if (files.errnoOf(error) === EAGAIN) return undefined;
      throw error;
    }
  };
  return {
    read(into) {
      const bytes = attempt(() => files.read(device, into, undefined));
      if (bytes === undefined) return 0;
      return bytes === 0 ? undefined : bytes;
    },
    write: (from) => attempt(() => files.write(device, from, undefined)) ?? 0,
    pause({ takenBytes, attempt }) {
      const pauseNs = RETRY_NS << BigInt(Math.min(attempt, 5));
      const ns = host.clock.monotonicNs() + (pauseNs < RETRY_NS_MAX ? pauseNs : RETRY_NS_MAX);
      waits.waitHavingTaken(takenBytes, host.bell(), { clock: "monotonic", ns });
    },
  };
}
