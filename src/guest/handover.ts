/**
 * Handover: another Worker, with other services, goes on with the guest. Standby first, so that nothing slow is left for the
 * time in which the guest stands still:
 *
 *   new host    attach, instantiate ─▶ standby                    adopt: restore, healthy, continuation ─▶ adopted    go on
 *   owner                       freeze, recall                                                   one swap, release
 *   old host                                  leave the guest ─▶ yielded                                    dispose(replaced)
 *
 * Who may run the guest is one word of the ledger, swapped once, while it is frozen. Before the swap everything is undone by
 * ending the new host, awaiting its end, and letting the old one go on from the same frames. After it the old host, however
 * late it comes, finds that it owns nothing.
 *
 * How the guest leaves its thread, and returns to it, is recall.ts.
 */

import { FROZEN, IDLE } from "../abi.ts";
import { HandoverError, type StillpointError } from "../errors.ts";
import type { ContinuationMaker } from "../resume/maker.ts";
import { Budget } from "./budget.ts";
import { foresee } from "./foresight.ts";
import { checkBudget } from "./freezing.ts";
import { moveIdle, TAKE_OVER } from "./idle-handover.ts";
import { failed, type HostLink } from "./link.ts";
import { betweenCalls } from "./messages.ts";
import { fresh, goOn, inTime, type OffThread, pause, type RecallSide, takeOff } from "./recall.ts";
import type { GuestState, HandoverReport } from "./reports.ts";

/** Longest a handover takes unless told otherwise, from the start of the new host on, ms. */
export const HANDOVER_BUDGET_MS = 10_000;

/** How long the guest runs on while continuations are made that it may need, and again while the new host comes to rest, ms. */
const SETTLE_MS = 200;
/** A host is at rest that has answered so many times in a row within QUICK_MS, asked every ASK_MS. */
const QUICK_ANSWERS = 4;
const QUICK_MS = 0.5;
const ASK_MS = 4;

/** How long a host gets to dispose of its services, ms. */
const DISPOSE_MS = 1000;
/** The same while the guest waits for it: one that hangs, or sleeps on the ledger until the guest is its own, hears nothing. */
const DISPOSE_FROZEN_MS = 50;

export interface HandoverOptions {
  /** A services module; without it the same one again; null for WASI alone. */
  readonly services?: URL | null;
  /** Longest for the whole of it, ms, above 0. */
  readonly budgetMs?: number;
  /** Longest that the guest may stand still for it, ms, above 0; after that it goes on in its old host. Default: `budgetMs`. */
  readonly blackoutMsMax?: number;
  readonly signal?: AbortSignal;
}

/** What a handover needs of the guest. */
export interface HandoverSide extends RecallSide {
  /** Makes the continuations for the image that the new host runs. */
  readonly next: ContinuationMaker;
  startStandby(): HostLink;
  /** The call that is under way, if there is one. */
  underWay(): number | undefined;
  /** The guest is the new host's. */
  moved(to: HostLink): void;
  /** Of one that has ended: once it is known how. */
  state(): Promise<GuestState>;
}

export async function handOver(
  side: HandoverSide,
  { budgetMs = HANDOVER_BUDGET_MS, blackoutMsMax = budgetMs, signal }: HandoverOptions,
): Promise<HandoverReport> {
  checkBudget(budgetMs);
  checkBudget(blackoutMsMax);
  signal?.throwIfAborted();
  const { core, freezing, next, host: old } = side;
  const budget = new Budget(budgetMs, signal);
  const report = emptyReport(side.guest);
  let off: OffThread | undefined;
  const standby = side.startStandby();
  const held = foresee(side, budget).then((keptMs) => {
    report.glimpsesMs = keptMs;
    return next.hold(SETTLE_MS);
  });
  try {
    await budget.within(ready(side, standby, held), "the new host was not ready");
    const moved = await moveIdle(side, standby, budget);
    if (moved !== undefined) Object.assign(report, moved);
    else {
      off = await takeOff(side, budget);
      budget.limit(blackoutMsMax);
      const { handed, taken } = off.yielded;
      if (handed.failure !== undefined) throw failed(side.guest, handed.failure);
      const { how, timeToSafepointMs } = off.freeze;
      const { sites, ...measured } = taken;
      Object.assign(report, { how, timeToSafepointMs }, measured);
      Object.assign(report, await budget.within(next.make(sites), "continuations were not made"));
      standby.post({ type: "adopt", handed, continuations: fresh(next, standby) });
      report.restoreMs = (await budget.within(standby.next("adopted"), TAKE_OVER)).restoreMs;
      if (core.handOver(old.number, standby.number) !== 0) throw new Error("the guest changed hands meanwhile");
    }
  } catch (cause) {
    report.blackoutMs = await rollBack(side, standby, off);
    if (signal?.aborted === true) throw signal.reason;
    throw new HandoverError(side.guest, { cause: cause as StillpointError, report, guestState: await side.state() });
  } finally {
    budget.end();
    void held.then(
      () => next.unhold(),
      () => undefined,
    );
  }
  standby.rest = off?.yielded.handed ?? old.rest;
  side.moved(standby);
  if (off === undefined || betweenCalls(off.yielded.handed.activity)) side.again();
  report.blackoutMs = (await freezing.resume()).blackoutMs;
  await retire(old, "replaced");
  return report;
}

/** Starts a new host as far as it comes without the guest, and ends it. Rejects with what a handover would fail of. */
export async function tryOut(
  startStandby: () => HostLink,
  { budgetMs = HANDOVER_BUDGET_MS, signal }: HandoverOptions,
): Promise<void> {
  checkBudget(budgetMs);
  signal?.throwIfAborted();
  const budget = new Budget(budgetMs, signal);
  const standby = startStandby();
  try {
    await budget.within(standby.next("standby"), "the new host was not ready");
  } finally {
    budget.end();
    await retire(standby, "abandoned");
  }
}

/** Everything that can be done while the guest still runs. */
async function ready({ next, freezing }: HandoverSide, standby: HostLink, held: Promise<void>): Promise<void> {
  await Promise.all([standby.next("standby"), held]);
  await prepare(next, standby);
  // The blackout of an idle guest is none of its new host's.
  if (freezing.state !== IDLE) await settle(next, standby);
}

async function prepare(next: ContinuationMaker, standby: HostLink): Promise<void> {
  const prepared = standby.next("prepared");
  standby.post({ type: "prepare", continuations: fresh(next, standby) });
  await prepared;
}

/**
 * A thread that has just begun leaves garbage behind, and the engine collects it on several threads at the very moment at which
 * the guest would be frozen; for tens of milliseconds nobody is woken in time then. The guest runs on meanwhile.
 */
async function settle(next: ContinuationMaker, standby: HostLink): Promise<void> {
  const until = performance.now() + SETTLE_MS;
  for (let quick = 0; quick < QUICK_ANSWERS && performance.now() < until; ) {
    await pause(ASK_MS);
    const from = performance.now();
    await prepare(next, standby);
    quick = performance.now() - from < QUICK_MS ? quick + 1 : 0;
  }
}

/** The guest goes on where it was, in the old host. Answers for how long it stood still. */
async function rollBack(side: HandoverSide, standby: HostLink, off: OffThread | undefined): Promise<number> {
  // Its end is awaited before the old host goes on, so that there are never two; and the guest stands still meanwhile.
  await retire(standby, "abandoned", off === undefined ? DISPOSE_MS : DISPOSE_FROZEN_MS);
  if (off === undefined || side.freezing.state !== FROZEN) return 0;
  return (await goOn(side, off)).blackoutMs;
}

/** Lets a host dispose of its services, and ends it. */
export async function retire(
  host: HostLink,
  reason: "replaced" | "abandoned",
  disposeMs: number = DISPOSE_MS,
): Promise<void> {
  const disposed = host.next("disposed").catch(() => undefined);
  host.post({ type: "dispose", reason });
  await inTime(disposed, disposeMs);
  await host.terminate();
}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

function emptyReport(guest: string): Growing<HandoverReport> {
  return {
    guest,
    how: undefined,
    blackoutMs: 0,
    timeToSafepointMs: 0,
    captureMs: 0,
    synthesisMs: 0,
    compileMs: 0,
    restoreMs: 0,
    frames: 0,
    frameBytes: 0,
    stateBytes: 0,
    guestBytesCopied: 0,
    cacheMisses: 0,
    glimpsesMs: 0,
  };
}
