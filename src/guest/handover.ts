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
 * A guest with JavaScript between its frames cannot leave its thread at that moment. It is resumed and asked again a little
 * later, until the budget is used up.
 */

import { FROZEN, OFF_FRAMES_TOP } from "../abi.ts";
import type { Core } from "../core/core.ts";
import { HandoverError, type StillpointError } from "../errors.ts";
import type { ContinuationMaker } from "../resume/maker.ts";
import type { ContinuationModule } from "../resume/resume.ts";
import { checkBudget, type Freezing } from "./freezing.ts";
import type { HostLink } from "./link.ts";
import type { FromHost } from "./messages.ts";
import type { FreezeReport, GuestState, HandoverReport } from "./reports.ts";

/** Longest a handover takes unless told otherwise, from the start of the new host on, ms. */
export const HANDOVER_BUDGET_MS = 10_000;

/** How long a frozen guest gets to leave its thread before it is let go on, and then until it is asked again, ms. */
const LEAVE_MS = 50;
const AGAIN_MS = 2;

/** How long a host gets to dispose of its services, ms. */
const DISPOSE_MS = 1000;

export interface HandoverOptions {
  /** A services module; without it the same one again. */
  readonly services?: URL;
  /** Longest for the whole of it, ms, above 0. */
  readonly budgetMs?: number;
  readonly signal?: AbortSignal;
}

/** What a handover needs of the guest. */
export interface HandoverSide {
  readonly guest: string;
  readonly core: Core;
  readonly freezing: Freezing;
  readonly old: HostLink;
  readonly maker: ContinuationMaker;
  /** The ledger. */
  readonly words: Int32Array;
  startStandby(): HostLink;
  /** The guest is the new host's. */
  moved(to: HostLink): void;
  /** The guest was idle: a call that had been sent but not begun was never issued, and whoever has the guest gets it. */
  again(): void;
  state(): GuestState;
}

type Yielded = Extract<FromHost, { type: "yielded" }>;

export async function handOver(
  side: HandoverSide,
  { budgetMs = HANDOVER_BUDGET_MS, signal }: HandoverOptions,
): Promise<HandoverReport> {
  checkBudget(budgetMs);
  signal?.throwIfAborted();
  const { core, freezing, maker, old } = side;
  const budget = new Budget(budgetMs, signal);
  const report = emptyReport(side.guest);
  let frozen = false;
  let yielded: Yielded | undefined;
  let top = 0;
  const standby = side.startStandby();
  try {
    await budget.within(Promise.all([standby.next("standby"), maker.warm()]), "the new host was not ready");
    let freeze: FreezeReport;
    for (;;) {
      freeze = await freezing.freeze({ budgetMs: budget.leftMs(), ...(signal && { signal }) });
      frozen = true;
      yielded = await recalled(core, old, freeze, budget);
      if (yielded !== undefined) break;
      frozen = false;
      await freezing.resume();
      await pause(AGAIN_MS);
      budget.check("the guest could not leave its thread: there is JavaScript between its frames");
    }
    report.timeToSafepointMs = freeze.timeToSafepointMs;
    report.how = freeze.how;
    const { handed, taken } = yielded;
    report.captureMs = taken.captureMs;
    report.frames = taken.frames.length;
    report.frameBytes = taken.frameBytes;
    report.stateBytes = taken.stateBytes;
    core.taken();
    top = Atomics.load(side.words, OFF_FRAMES_TOP >> 2);
    Object.assign(report, await budget.within(maker.make(taken.frames), "continuations were not made"));
    standby.post({ type: "adopt", handed, continuations: fresh(maker, standby) });
    const { restoreMs } = await budget.within(standby.next("adopted"), "the new host did not take the guest over");
    report.restoreMs = restoreMs;
    if (core.handOver(old.number, standby.number) !== 0) throw new Error("the guest changed hands meanwhile");
  } catch (cause) {
    await rollBack(side, { standby, frozen, yielded, top });
    if (signal?.aborted === true) throw signal.reason;
    throw new HandoverError(side.guest, { cause: cause as StillpointError, report, guestState: side.state() });
  } finally {
    budget.end();
  }
  side.moved(standby);
  if (yielded.handed.activity.kind === "idle") side.again();
  report.blackoutMs = (await freezing.resume()).blackoutMs;
  await retire(old, "replaced");
  return report;
}

/** The continuations that this host does not have yet. It is told of them once. */
function fresh(maker: ContinuationMaker, host: HostLink): ContinuationModule[] {
  const missing = maker.modules.slice(host.continuations);
  host.continuations = maker.modules.length;
  return missing;
}

/** Gets the guest off its thread; undefined if it cannot leave now. */
async function recalled(core: Core, old: HostLink, freeze: FreezeReport, budget: Budget): Promise<Yielded | undefined> {
  const leaving = old.next("yielded");
  core.recall();
  if (freeze.how === "idle") old.post({ type: "yield" });
  for (;;) {
    const yielded = await Promise.race([leaving, pause(Math.min(LEAVE_MS, budget.leftMs()))]);
    if (yielded !== undefined) return yielded;
    // Refused while the host is on its way out. That is awaited, whatever the budget says: a guest released now
    // would stay in the ledger for good. A host that finds that it cannot leave takes the recall back itself.
    if (core.unrecall() === 0) return undefined;
  }
}

/** The guest goes on where it was, in the old host. */
async function rollBack(
  { core, freezing, maker, old, words, again }: HandoverSide,
  { standby, frozen, yielded, top }: { standby: HostLink; frozen: boolean; yielded: Yielded | undefined; top: number },
): Promise<void> {
  // Its end is awaited before the old host goes on, so that there are never two.
  await retire(standby, "abandoned");
  if (!frozen || freezing.state !== FROZEN) return;
  if (yielded === undefined) core.unrecall();
  else {
    core.taken();
    // The new host may have taken the globals off the frames.
    Atomics.store(words, OFF_FRAMES_TOP >> 2, top);
    await maker.make(yielded.taken.frames);
    old.post({ type: "keep", continuations: fresh(maker, old) });
    if (yielded.handed.activity.kind === "idle") again();
  }
  await freezing.resume();
}

/** Lets a host dispose of its services, and ends it. */
async function retire(host: HostLink, reason: "replaced" | "abandoned"): Promise<void> {
  const disposed = host.next("disposed").catch(() => undefined);
  host.post({ type: "dispose", reason });
  await Promise.race([disposed, pause(DISPOSE_MS)]);
  await host.terminate();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

function emptyReport(guest: string): Growing<HandoverReport> {
  const none = { blackoutMs: 0, timeToSafepointMs: 0, captureMs: 0, synthesisMs: 0, compileMs: 0, restoreMs: 0 };
  return {
    guest,
    how: undefined,
    ...none,
    frames: 0,
    frameBytes: 0,
    stateBytes: 0,
    guestBytesCopied: 0,
    cacheMisses: 0,
  };
}

/** What is left of the time for one handover. */
class Budget {
  readonly #until: number;
  readonly #signal: AbortSignal | undefined;
  readonly #over: PromiseWithResolvers<never> = Promise.withResolvers();
  readonly #timer: ReturnType<typeof setTimeout>;
  #why = "";
  readonly #abort = (): void => this.#over.reject(this.#signal?.reason);

  constructor(budgetMs: number, signal: AbortSignal | undefined) {
    this.#until = performance.now() + budgetMs;
    this.#signal = signal;
    this.#over.promise.catch(() => undefined);
    this.#timer = setTimeout(() => this.#over.reject(new Error(`${this.#why} within ${budgetMs} ms`)), budgetMs);
    signal?.addEventListener("abort", this.#abort);
  }

  leftMs(): number {
    return Math.max(this.#until - performance.now(), 0.001);
  }

  check(why: string): void {
    this.#signal?.throwIfAborted();
    if (performance.now() >= this.#until) throw new Error(why);
  }

  within<T>(work: Promise<T>, why: string): Promise<T> {
    this.#why = why;
    return Promise.race([work, this.#over.promise]);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}
