/** Measures, off the page's thread, what copying a guest's memory takes here and now. */

addEventListener("message", ({ data: memory }: MessageEvent<WebAssembly.Memory>) => {
  const from = performance.now();
  // What a snapshot does, and what putting it back does.
  const copy = new Uint8Array(memory.buffer).slice();
  postMessage({ ms: performance.now() - from, bytes: copy.length });
});
