/**
 * Services of the second act: where the program's random numbers come from. All versions draw them from one sequence, whose
 * state is handed from version to version by snapshot() and restore(); a number left out or drawn twice would change what the
 * program prints.
 *
 * Each version tells on a channel what became of it. Services are plain JavaScript beside the guest.
 */

/** Where versions report; replacement.ts listens there. */
const CHANNEL = "stillpoint demonstration";

/** @returns {import("stillpoint").Attach} */
export function version(name, { healthy }) {
  return (host) => {
    const channel = new BroadcastChannel(CHANNEL);
    let state = 1;
    let served = 0;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    };
    return {
      imports: {
        wasi_snapshot_preview1: {
          random_get(ptr, bytes) {
            const target = new Uint8Array(host.memory.buffer);
            for (let i = 0; i < bytes; i++) target[(ptr >>> 0) + i] = next();
            host.mark({ ptr: ptr >>> 0, bytes });
            served += 1;
            return 0;
          },
        },
      },
      snapshot: () => state,
      restore: (before) => {
        if (before !== undefined) state = before;
      },
      healthy: () => healthy,
      dispose: (reason) => {
        channel.postMessage({ version: name, reason, served });
        channel.close();
      },
    };
  };
}
