/**
 * Services of the page's guests: what they are told at the beginning, where their frames go, and how they rest. Every version is
 * this one with another name; one of them is broken.
 *
 * A frame is copied out of guest memory at once, so what the page paints is whole whatever the guest does next.
 */

/** @returns {import("stillpoint").Attach} */
export function version(name, { healthy = true } = {}) {
  return (host) => {
    const channel = new BroadcastChannel("stillpoint frames");
    return {
      imports: {
        env: {
          arg: (index) => Number(host.args[index]),
          show(ptr, width, height, frame) {
            const at = ptr >>> 0;
            const pixels = new Uint8ClampedArray(host.memory.buffer, at, width * height * 4).slice();
            channel.postMessage({
              guest: host.guest,
              services: name,
              run: Number(host.args[5]),
              frame,
              width,
              height,
              pixels,
              clockMs: host.clock.monotonicMs(),
            });
          },
          pause: (ms) => {
            host.wait({ untilMs: host.clock.monotonicMs() + ms });
          },
        },
      },
      healthy: () => healthy,
      dispose: () => channel.close(),
    };
  };
}
