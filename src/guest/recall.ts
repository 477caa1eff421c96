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

import { FROZEN, OFF_FRAMES_TOP, OFF_PINNED } from "../abi.ts";
import type { Core } from "../core/core.ts";
import { StillpointError } from "../errors.ts";
import type { Image } from "../prepare/image.ts";
import type { ContinuationMaker, Made } from "../resume/maker.ts";
import type { ContinuationModule } from "../resume/resume.ts";
import type { SiteRef } from "../resume/site.ts";
import type { Budget } from "./budget.ts";
import type { Freezing } from "./freezing.ts";
import type { HostLink } from "./link.ts";
import { betweenCalls, type FromHost } from "./messages.ts";
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
  /** Nothing was under way: a call that had been sent but not begun was never issued, and whoever has the guest gets it. */
  again(): void;
}

/** @throws {StillpointError} SP_MODULE_UNSUPPORTED: guests of the image cannot leave their thread */
export function mustCapture(image: Image, guest: string): void {
  if (image.info.options.capture) return;
  throw new StillpointError("SP_MODULE_UNSUPPORTED", `the image of guest ${guest} was prepared without capture`);
}

/** A guest that is on no thread. */
export interface OffThread {
  readonly freeze: FreezeReport;
  readonly yielded: Extract<FromHost, { type: "yielded" }>;
  /** Where its frames and globals end in the ledger. */
  readonly top: number;
}

/** What it took to take a guest off its thread and put it back. */
export interface InPlaceReport extends Made {
  /** From its last instruction before to its first after. */
  readonly blackoutMs: number;
  readonly timeToSafepointMs: number;
  readonly captureMs: number;
  readonly frames: number;
  /** Where they stopped, the outermost first, each place once. */
  readonly sites: readonly SiteRef[];
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
    // Written by the host's thread, which stands still.
    const pinned = Atomics.load(words, OFF_PINNED >> 2) !== 0;
    const yielded = pinned ? undefined : await recalled(core, host, freeze, budget);
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
    const yielded = await inTime(leaving, Math.min(LEAVE_MS, budget.leftMs()));
    if (yielded !== undefined) return yielded;
    // Refused while the host is on its way out. That is awaited, whatever the budget says: a guest released now
    // would stay in the ledger for good. A host that finds that it cannot leave takes the recall back itself.
    if (core.unrecall() === 0) return undefined;
  }
}

/** Puts the guest back onto the thread from which it was taken, and releases it: it goes on there. */
export async function goOn(
  { maker, host, words, freezing, again }: RecallSide,
  { freeze, yielded, top }: OffThread,
): Promise<InPlaceReport> {
  const { handed, taken } = yielded;
  // Another host may have taken the globals off the frames.
  Atomics.store(words, OFF_FRAMES_TOP >> 2, top);
  // It may be the maker's thread that died, and the next one lives; without continuations there is no way back.
  const made = await maker.make(taken.sites).catch(() => maker.make(taken.sites));
  host.post({ type: "keep", continuations: fresh(maker, host) });
  if (betweenCalls(handed.activity)) again();
  const { blackoutMs } = await freezing.resume();
  const { timeToSafepointMs } = freeze;
  const { captureMs, frames, sites } = taken;
  return { blackoutMs, timeToSafepointMs, captureMs, frames, sites, ...made };
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

/** What comes of `work`, or undefined once so much time has passed. No timer is left behind, which would keep Node alive. */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
