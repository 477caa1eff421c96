/**
 * Tier-up: long-lived frames are brought to optimised code. Engines never replace the code of a WebAssembly frame that runs, so a
 * loop in a function that is called once stays in the baseline code it began in, several times slower than it could be; and so
 * does a frame that goes on from a continuation nobody has run before. A guest that is taken off its thread and put back enters
 * its frames anew, in the best code there is by then.
 *
 *   begin ──20 ms──▶ capture ──40 ms──▶ capture ──80 ms──▶ capture ──160 ms──▶ …    until there is nothing to gain
 *
 * An engine compiles in the background once code has run for a while, which is why one capture is not enough, and why they are
 * apart. Each place that a frame goes on from is code of its own, and one where the guest is seldom found is as new as the first: a
 * frame left there would stay in baseline code for good. So what was begun ends when every frame that outlived the time since the last
 * capture has gone on ENOUGH times from the place where it is, when there is no such frame, after PAUSES_MAX captures, or with the
 * call that it was about. A capture that took long puts the next one off in proportion. A guest that waits or is idle gains
 * nothing, one that is frozen is somebody else's, and one that cannot leave its thread is left where it is.
 */

import { ENDED, RUNNING } from "../abi.ts";
import { type SiteRef, siteKey } from "../resume/site.ts";
import { Budget } from "./budget.ts";
import { goOn, type InPlaceReport, type RecallSide, tryOnce } from "./recall.ts";
import type { TierUpReport } from "./reports.ts";

/** Before the first capture; each further time is twice the one before. */
const WAIT_MS = 20;
/** Up to this: a guest that waits is looked at again no less often, nor more. */
const WAIT_MS_MAX = 1000;
/** A frame that has gone on from a place so often is in the best code there is: an engine takes a second for a large function. */
const ENOUGH = 6;
const PAUSES_MAX = 10;
/** The guest runs for at least so many times as long as the last capture kept it. */
const PAUSE_SHARE = 50;
/** What a first capture takes, for each byte of code, ms: continuations are made, and large programs have large functions. */
const FIRST_PAUSE_MS = 1e-5;
/** For a safepoint. The request costs the guest nothing; one that computes in JavaScript is not waited for. */
const BUDGET_MS = 1000;

export interface TierUpSide {
  /** Size of the program's code; 0 once continuations for it have been made. */
  codeBytes(): number;
  /** What the guest is in the middle of, a number that is given once; undefined while it has nothing to do. */
  doing(): number | undefined;
  /** The state word's state. */
  state(): number;
  /** Runs `work` when nothing else takes the guest off its thread. */
  alone<T>(work: (side: RecallSide) => Promise<T>): Promise<T>;
  tell(report: TierUpReport): void;
  /** The guest was taken off its thread and could not be put back. */
  broken(error: unknown): undefined;
}

export class TierUp {
  readonly #guest: string;
  readonly #side: TierUpSide;
  /** Whether every call has a beginning; otherwise only what `begin` was called for. */
  readonly #always: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitMs: number = WAIT_MS;
  #occasion: Occasion = new Occasion(undefined);

  constructor(guest: string, side: TierUpSide, { always }: { always: boolean }) {
    this.#guest = guest;
    this.#side = side;
    this.#always = always;
  }

  /** The guest has something to do, for all that is known: a call has been sent. */
  called(): void {
    if (!this.#always) return;
    if (this.#timer === undefined || this.#side.doing() !== this.#occasion.doing) this.begin();
  }

  /** The guest goes on in code that nobody has run before. */
  begin(): void {
    this.#occasion = new Occasion(this.#side.doing());
    this.#wait(Math.max(WAIT_MS, PAUSE_SHARE * FIRST_PAUSE_MS * this.#side.codeBytes()));
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#waitMs = Math.min(2 * ms, WAIT_MS_MAX);
  }

  async #look(): Promise<void> {
    const occasion = this.#occasion;
    const doing = this.#side.doing();
    if (doing === undefined || (doing !== occasion.doing && !this.#always)) return this.end();
    if (doing !== occasion.doing) return this.begin();
    const state = this.#side.state();
    // A handover that was under way when the guest ended begins this anew.
    if (state === ENDED) return this.end();
    if (state !== RUNNING) return this.#wait(this.#waitMs);
    const timer = this.#timer;
    const report = await this.#side.alone((side) => this.#capture(side)).catch(() => undefined);
    const goesOn = occasion.goesOn(report?.sites);
    if (report !== undefined) {
      const { sites: _, ...rest } = report;
      this.#side.tell({ guest: this.#guest, ...rest, goesOn });
    }
    // It has begun anew, or ended, in the meantime.
    if (timer !== this.#timer) return;
    if (!goesOn) return this.end();
    this.#wait(Math.max(this.#waitMs, PAUSE_SHARE * (report?.blackoutMs ?? 0)));
  }

  /** Undefined if the guest cannot leave its thread; this and all that rejects leaves it running, or ended. */
  async #capture(side: RecallSide): Promise<InPlaceReport | undefined> {
    await side.maker.warm();
    if (side.freezing.state !== RUNNING) return undefined;
    const budget = new Budget(BUDGET_MS, undefined);
    try {
      const off = await tryOnce(side, budget);
      if (off === undefined) return undefined;
      return await goOn(side, off).catch((error: unknown) => this.#side.broken(error));
    } finally {
      budget.end();
    }
  }
}

/** One thing that the guest is in the middle of, and what is known of the frames that it keeps. */
export class Occasion {
  readonly doing: number | undefined;
  #attempts = 0;
  /** Where the last capture found frames, the outermost first. */
  #stack: readonly SiteRef[] | undefined;
  /** By place: how many captures found a frame there, which went on from it. */
  readonly #entered: Map<number, number> = new Map();

  constructor(doing: number | undefined) {
    this.doing = doing;
  }

  /** Whether to try again after a capture found these; undefined for a guest that could not leave its thread this time. */
  goesOn(sites: readonly SiteRef[] | undefined): boolean {
    this.#attempts++;
    return this.#attempts < PAUSES_MAX && (sites === undefined || this.#gains(sites));
  }

  /** Whether there are frames that outlive the time between captures and may not be in their best code yet. */
  #gains(sites: readonly SiteRef[]): boolean {
    const before = this.#stack;
    this.#stack = sites;
    for (const place of sites.map(siteKey)) this.#entered.set(place, (this.#entered.get(place) ?? 0) + 1);
    // The first capture has nothing to compare with.
    if (before === undefined) return sites.length > 0;
    const parted = sites.findIndex(({ functionIndex }, depth) => functionIndex !== before[depth]?.functionIndex);
    const lived = parted < 0 ? sites : sites.slice(0, parted);
    return lived.some((site) => this.#entered.get(siteKey(site))! < ENOUGH);
  }
}
