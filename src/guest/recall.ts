/**
 * Recall, on the owner's side: a guest comes off its thread, with its stack in the ledger, and goes back onto it.
 *
 *   owner   freeze, recall                       … what the guest was taken off for …    keep, release
 *   host                    leave ─▶ yielded                                                           go on from continuations
 *
 * A handover puts the guest onto another host instead (handover.ts). In between it stays frozen: it is in the ledger and on
 * nobody's thread, so whatever goes wrong then, it must be put back before it is released.
 *
 * A guest with JavaScript between its frames cannot leave its thread at that moment. It is resumed and asked again a little
 * later, until the budget is used up.
 */

import { FROZEN, IDLE, OFF_FRAMES_TOP } from "../abi.ts";
import type { Core } from "../core/core.ts";
import type { ContinuationMaker } from "../resume/maker.ts";
import type { ContinuationModule } from "../resume/resume.ts";
import type { Budget } from "./budget.ts";
import type { Freezing } from "./freezing.ts";
import type { HostLink } from "./link.ts";
import type { FromHost } from "./messages.ts";
import type { FreezeReport } from "./reports.ts";

/** How long a frozen guest gets to leave its thread before it is let go on, and then until it is asked again, ms. */
const LEAVE_MS = 50;
const AGAIN_MS = 2;

/** What a recall needs of the guest. */
export interface RecallSide {
  readonly guest: string;
  readonly core: Core;
  readonly freezing: Freezing;
  /** The host that has the guest. */
  readonly host: HostLink;
  readonly maker: ContinuationMaker;
  /** The ledger. */
  readonly words: Int32Array;
  /** No call is sent from here on, until whatever the guest is taken off for is over. */
  hold(): void;
  /** The guest was idle: a call that had been sent but not begun was never issued, and whoever has the guest gets it. */
  again(): void;
}

/** A guest that is on no thread. */
export interface OffThread {
  readonly freeze: FreezeReport;
  readonly yielded: Extract<FromHost, { type: "yielded" }>;
  /** Where its frames and globals end in the ledger. */
  readonly top: number;
}

/** Gets the guest off its thread; if it cannot, it runs on when this rejects. */
export async function takeOff(side: RecallSide, budget: Budget): Promise<OffThread> {
  for (;;) {
    const off = await tryOnce(side, budget);
    if (off !== undefined) return off;
    await pause(AGAIN_MS);
    budget.check("the guest could not leave its thread: there is JavaScript between its frames");
  }
}

/** Undefined if the guest cannot leave at this moment; it runs on then, as it does when this rejects. */
export async function tryOnce(side: RecallSide, budget: Budget): Promise<OffThread | undefined> {
  const { core, freezing, host, words } = side;
  // Not before: a handover waits for its new host first. And not anew at each try: a guest whose calls JavaScript is around
  // comes to rest after the present one.
  side.hold();
  const freeze = await freezing.freeze(budget.rest());
  try {
    const yielded = await recalled(core, host, freeze, budget);
    if (yielded !== undefined) {
      core.taken();
      return { freeze, yielded, top: Atomics.load(words, OFF_FRAMES_TOP >> 2) };
    }
  } catch (error) {
    // Its host is gone. Nobody is on the way out, and an idle guest goes on in the next one.
    if (freezing.state === FROZEN) {
      core.unrecall();
      await freezing.resume();
    }
    throw error;
  }
  await freezing.resume();
  return undefined;
}

async function recalled(
  core: Core,
  host: HostLink,
  freeze: FreezeReport,
  budget: Budget,
): Promise<OffThread["yielded"] | undefined> {
  const leaving = host.next("yielded");
  core.recall();
  if (freeze.how === "idle") host.post({ type: "yield" });
  for (;;) {
    const yielded = await Promise.race([leaving, pause(Math.min(LEAVE_MS, budget.leftMs()))]);
    if (yielded !== undefined) return yielded;
    // Refused while the host is on its way out. That is awaited, whatever the budget says: a guest released now
    // would stay in the ledger for good. A host that finds that it cannot leave takes the recall back itself.
    if (core.unrecall() === 0) return undefined;
  }
}

/** Puts the guest back onto the thread from which it was taken; it goes on there when it is released. */
export async function putBack({ maker, host, words, again }: RecallSide, { yielded, top }: OffThread): Promise<void> {
  // Another host may have taken the globals off the frames.
  Atomics.store(words, OFF_FRAMES_TOP >> 2, top);
  await maker.make(yielded.taken.sites);
  host.post({ type: "keep", continuations: fresh(maker, host) });
  if (yielded.handed.activity.kind === "idle") again();
}

/** Takes the guest off its thread, does something, and lets it go on there. `meanwhile` must not throw. */
export async function inPlace<T>(side: RecallSide, budget: Budget, meanwhile: () => Promise<T>): Promise<T> {
  // A guest without a stack needs no continuation.
  if (side.freezing.state !== IDLE) await side.maker.warm();
  const off = await takeOff(side, budget);
  const answer = await meanwhile();
  await putBack(side, off);
  await side.freezing.resume();
  return answer;
}

/** The continuations that this host does not have yet. It is told of them once. */
export function fresh(maker: ContinuationMaker, host: HostLink): ContinuationModule[] {
  const missing = maker.modules.slice(host.continuations);
  host.continuations = maker.modules.length;
  return missing;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
