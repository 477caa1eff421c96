/** What pauses are compared with. */

import type { Reference } from "./histogram.ts";

/** Known to everybody, with where it is from. */
const KNOWN: readonly Reference[] = [
  { name: "one frame at 60 Hz", ms: 1000 / 60, source: "1 s / 60" },
  {
    name: "felt as at once",
    ms: 100,
    source: "R. B. Miller, Response time in man-computer conversational transactions, 1968",
  },
  {
    name: "a virtual machine's pause, at most",
    ms: 30_000,
    source: "Azure, Maintenance for virtual machines: up to 30 s",
  },
];

/** From `new Worker` to its first word, here. */
async function coldWorkerMs(): Promise<number> {
  const url = URL.createObjectURL(new Blob(["postMessage(0)"], { type: "text/javascript" }));
  const from = performance.now();
  const worker = new Worker(url);
  await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
  worker.terminate();
  URL.revokeObjectURL(url);
  return performance.now() - from;
}

export class References {
  readonly #copier = new Worker(new URL("./measure.worker.ts", import.meta.url), { type: "module" });
  #coldMs: number | undefined;

  /** All of them, with what copying this memory takes. */
  async measure(memory: WebAssembly.Memory): Promise<readonly Reference[]> {
    this.#coldMs ??= await coldWorkerMs();
    const copied = new Promise<{ ms: number; bytes: number }>((resolve) => {
      this.#copier.onmessage = ({ data }) => resolve(data);
    });
    this.#copier.postMessage(memory);
    const { ms, bytes } = await copied;
    return [
      { name: `copying ${Math.round(bytes / 2 ** 20)} MiB`, ms, source: "measured on this machine, once, just now" },
      { name: "a cold Worker", ms: this.#coldMs, source: "measured on this machine, when the page was opened" },
      ...KNOWN,
    ];
  }
}
