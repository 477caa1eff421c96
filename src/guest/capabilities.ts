/**
 * What this engine can do, looked at once for the process.
 *
 * Besides features there is one property that no specification gives: that a plain load in a loop is seen to change when
 * another thread stores. The self-test below shows it for the code that the engine makes at first and for the code it makes
 * later; where it does not hold, images with atomic polls are used.
 */

import { platform } from "#platform";
import { OFF_HINT } from "../abi.ts";
import { createLedger } from "../core/core.ts";
import { startWork } from "../platform/workshop.ts";
import { loadAssets } from "./assets.ts";

export interface MissingCapability {
  readonly name: string;
  /** What is missing, in a sentence that says what to do about it. */
  readonly reason: string;
}

export interface Capabilities {
  /** Guests can be run here. */
  readonly ok: boolean;
  readonly missing: readonly MissingCapability[];
  /** Plain polls are seen on every tier; otherwise images with atomic polls are used. */
  readonly plainPolls: boolean;
}

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Two memories, one of them shared. */
const MULTI_MEMORY = [...HEADER, 0x05, 0x06, 0x02, 0x03, 0x01, 0x01, 0x00, 0x00];

/** () -> v128 … drop */
const SIMD = [
  ...HEADER,
  0x01,
  0x04,
  0x01,
  0x60,
  0x00,
  0x00,
  0x03,
  0x02,
  0x01,
  0x00,
  0x0a,
  0x09,
  0x01,
  0x07,
  0x00,
  0x41,
  0x00,
  0xfd,
  0x0f,
  0x1a,
  0x0b,
];

/** Time for the loop to be under way before the hint is set, and for it to be seen, ms. */
const UNDER_WAY_MS = 5;
const SEEN_MS_MAX = 2000;

/** What the self-test's Worker is given. */
export interface SelfTest {
  readonly core: WebAssembly.Module;
  /** Of no guest: the hint in it is set while the Worker spins. */
  readonly ledger: WebAssembly.Memory;
}

function features(): MissingCapability[] {
  const missing: MissingCapability[] = [];
  const check = (name: string, present: boolean, reason: string): void => {
    if (!present) missing.push({ name, reason });
  };
  const valid = (bytes: readonly number[]): boolean => WebAssembly.validate(new Uint8Array(bytes));
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  check(
    "shared memory",
    typeof SharedArrayBuffer === "function" && isolated !== false,
    "the page is not cross-origin isolated; serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp",
  );
  check(
    "multi-memory",
    valid(MULTI_MEMORY),
    "modules with two memories are not accepted; use Node 24, or a current browser",
  );
  check("simd", valid(SIMD), "128-bit SIMD is not accepted; use a current engine");
  check("Atomics.waitAsync", typeof Atomics?.waitAsync === "function", "use Node 24, or a current browser");
  return missing;
}

/** Whether a plain load is seen to change, in the engine's first code and in its later code. */
async function plainPollsAreSeen(): Promise<boolean> {
  const ledger = createLedger({ pageShift: 12, host: 0 });
  const words = new Int32Array(ledger.buffer);
  const data: SelfTest = { core: (await loadAssets()).core, ledger };
  const answer = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => answer.resolve(false), SEEN_MS_MAX);
  const thread = startWork(
    platform,
    { work: "self-test", data },
    {
      message: (message) => {
        if (message !== "spinning") answer.resolve(message === "seen");
        else setTimeout(() => Atomics.store(words, OFF_HINT >> 2, 1), UNDER_WAY_MS);
      },
      exit: (error) => answer.reject(error ?? new Error("the self-test ended without an answer")),
    },
  );
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

let known: Promise<Capabilities> | undefined;

/** What this engine can do, and what is missing. */
export function capabilities(): Promise<Capabilities> {
  known ??= (async () => {
    const missing = features();
    if (missing.length > 0) return { ok: false, missing, plainPolls: false };
    return { ok: true, missing, plainPolls: await plainPollsAreSeen() };
  })();
  return known;
}
