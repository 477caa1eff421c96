/**
 * A wave: one update on its way through the update domains, by the table in states.ts. Each state is a piece of work below, which comes
 * to one of the events of its row; what the table makes of it is done next, until the wave has ended.
 *
 * All events are announced at the beginning, each domain's NotBefore a recovery time after that of the one before. A domain begins when
 * each of its sets has approved or the hour has come, when every set has recovered from whatever was impacted last, and when no
 * operator holds the wave. It is all or nothing: if one guest cannot be replaced or is not well, those that were replaced go back, and
 * the wave stops. Whenever it stops, every guest runs.
 *
 * The history is written before the world changes: `started` before the first guest is touched, `committed` before the events are
 * over. If it cannot be written, nothing is begun, or what was begun is taken back.
 */

import type { StillpointError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { EventType } from "./event.ts";
import type { ScheduledEvents } from "./events.ts";
import type { Entry, History } from "./history.ts";
import type { Impacts } from "./impacts.ts";
import { type NoticeOption, noticeMsOf } from "./notice.ts";
import { type Plan, refusal } from "./plan.ts";
import type { GuestReport, WaveProgress, WaveReport } from "./progress.ts";
import type { Resident } from "./resident.ts";
import { after, type WaveEvent, type WaveState } from "./states.ts";
import { Turn } from "./turn.ts";
import type { Update } from "./update.ts";

/** What a wave needs of the fleet. */
export interface WaveSide {
  readonly clock: Clock;
  readonly events: ScheduledEvents;
  readonly impacts: Impacts;
  readonly history: History;
  readonly recoveryMs: number;
  readonly noticeMs: NoticeOption | undefined;
  readonly residents: ReadonlyMap<string, Resident>;
  /** Sets of which the update leaves guests out, by update domain: no version can be said of that domain as a whole. */
  readonly partial: ReadonlyMap<number, ReadonlySet<string>>;
  plan(): Promise<Plan>;
}

type Working = Exclude<WaveState, "ended">;

export class Wave implements AsyncIterable<WaveProgress> {
  readonly id: string = crypto.randomUUID();
  readonly update: Update;
  /**
   * What became of it, once nothing of it stands any more.
   *
   * @throws {StillpointError} SP_UPDATE_REFUSED: nothing was announced, no guest was touched. The signal's reason, when that was
   *   aborted
   */
  readonly result: Promise<WaveReport>;
  readonly #side: WaveSide;
  readonly #stop = new AbortController();
  readonly #stopped: Promise<undefined>;
  readonly #startedMs: number;
  #state: WaveState = "planning";
  #gate: PromiseWithResolvers<void> | undefined;
  /** Those to come; the first is the one the wave is at. */
  #turns: Turn[] = [];
  readonly #over: Turn[] = [];
  readonly #committed: number[] = [];
  #rolledBack: number | undefined;
  /** The history knows of it. */
  #begun = false;
  #reason: StillpointError | undefined;
  readonly #told: WaveProgress[] = [];
  #more = Promise.withResolvers<void>();

  readonly #work: Record<Working, () => Promise<WaveEvent>> = {
    planning: () => this.#planning(),
    notice: () => this.#notice(),
    impact: () => this.#impact(),
    health: () => this.#health(),
    rollback: () => this.#rollback(),
  };

  /** For fleet.update alone. */
  constructor(update: Update, side: WaveSide) {
    this.update = update;
    this.#side = side;
    this.#startedMs = side.clock.nowMs();
    this.#stopped = new Promise((resolve) => this.#stop.signal.addEventListener("abort", () => resolve(undefined)));
    const abort = (): void => this.cancel();
    if (update.signal?.aborted === true) abort();
    update.signal?.addEventListener("abort", abort);
    this.result = this.#run().finally(() => update.signal?.removeEventListener("abort", abort));
    // Whoever is interested awaits it.
    this.result.catch(() => undefined);
  }

  get state(): WaveState {
    return this.#state;
  }

  /** Whether an operator holds it. */
  get held(): boolean {
    return this.#gate !== undefined;
  }

  /** The update domain that the wave is at, or comes to next. */
  get updateDomain(): number | undefined {
    return this.#turns[0]?.updateDomain;
  }

  /** Begins no update domain until resume() is called. One that is under way comes to its end. */
  hold(): void {
    if (this.#state === "ended" || this.#gate !== undefined) return;
    this.#gate = Promise.withResolvers();
    this.#tell({ type: "held" });
  }

  resume(): void {
    if (this.#gate === undefined) return;
    this.#gate.resolve();
    this.#gate = undefined;
    if (this.#state !== "ended") this.#tell({ type: "resumed" });
  }

  /**
   * Ends the wave: events that have not started are withdrawn, a domain that is under way goes back. What was committed stays. `result`
   * tells when that is done.
   */
  cancel(): void {
    if (this.#state !== "ended") this.#stop.abort();
  }

  /** Everything that the wave has told and will tell, from its beginning to its end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<WaveProgress, void, undefined> {
    for (let next = 0; ; ) {
      const progress = this.#told[next];
      if (progress === undefined) await this.#more.promise;
      else {
        yield progress;
        if (progress.type === "ended") return;
        next++;
      }
    }
  }

  #tell(progress: WaveProgress): void {
    this.#told.push(progress);
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  // ---- the machine ----

  async #run(): Promise<WaveReport> {
    // Whoever asked for the wave has it in hand before anything happens.
    await undefined;
    let last: WaveEvent = "cancel";
    for (let state = this.#state; state !== "ended"; state = this.#state) {
      last = await this.#work[state]();
      this.#state = after(state, last);
      const at = this.updateDomain;
      this.#tell({ type: "state", from: state, to: this.#state, ...(at !== undefined && { updateDomain: at }) });
    }
    return this.#end(last);
  }

  async #planning(): Promise<WaveEvent> {
    const { noticeMs, plan: planned, recoveryMs: usualMs } = this.#side;
    const { update } = this;
    let plan: Plan | undefined;
    try {
      plan = await Promise.race([planned(), this.#stopped]);
    } catch (error) {
      this.#reason = error as StillpointError;
      return "refused";
    }
    if (plan === undefined || this.#stop.signal.aborted) return "cancel";
    this.#tell({ type: "planned", plan });
    if (!plan.possible) {
      this.#reason = refusal(plan);
      return "refused";
    }
    if (plan.domains.length === 0) return "finished";
    const told = (report: GuestReport): void => this.#tell({ type: "guest", report });
    this.#turns = plan.domains.map((domain) => new Turn({ ...this.#side, update, ...domain, told }));
    this.#begun = this.#written(this.#began(plan));
    if (!this.#begun) return "failed";
    const { recoveryMs = usualMs } = update;
    for (const [index, turn] of this.#turns.entries()) {
      turn.announce((type: EventType) => {
        const laterMs = index * recoveryMs;
        if (update.notBefore !== undefined) return { notBefore: new Date(update.notBefore.getTime() + laterMs) };
        return { noticeMs: (update.noticeMs ?? noticeMsOf(type, noticeMs)) + laterMs };
      });
    }
    return "planned";
  }

  async #notice(): Promise<WaveEvent> {
    const { recoveryMs: usualMs } = this.#side;
    const { recoveryMs = usualMs } = this.update;
    for (;;) {
      if (this.#stop.signal.aborted) return "cancel";
      const [turn] = this.#turns;
      if (turn === undefined) return "finished";
      if (turn.sets.length === 0) {
        // All of its guests have ended.
        this.#next();
        continue;
      }
      await Promise.race([this.#stopped, Promise.all([turn.ready(), this.#gate?.promise])]);
      const leftMs = turn.recoveryMs(recoveryMs);
      if (leftMs > 0) await this.#elapsed(leftMs);
      // What was awaited first may no longer hold.
      if (this.#stop.signal.aborted || this.#gate !== undefined || leftMs > 0 || turn.sets.length === 0) continue;
      if (!this.#written({ type: "started", wave: this.id, updateDomain: turn.updateDomain })) return "failed";
      turn.start();
      return "due";
    }
  }

  async #impact(): Promise<WaveEvent> {
    this.#reason = await this.#turn.replace(this.#stop.signal);
    if (this.#reason !== undefined) return "failed";
    return this.#stop.signal.aborted ? "cancel" : "moved";
  }

  async #health(): Promise<WaveEvent> {
    const turn = this.#turn;
    this.#reason = await turn.check(this.#stop.signal);
    if (this.#reason !== undefined) return "failed";
    if (this.#stop.signal.aborted) return "cancel";
    const { updateDomain } = turn;
    const { partial } = this.#side;
    const sets = turn.setsUpdated.filter((set) => partial.get(updateDomain)?.has(set) !== true);
    if (!this.#written({ type: "committed", wave: this.id, updateDomain, sets })) return "failed";
    turn.complete();
    this.#committed.push(updateDomain);
    this.#next();
    return this.#turns.length === 0 ? "finished" : "committed";
  }

  async #rollback(): Promise<WaveEvent> {
    const turn = this.#turn;
    await turn.revert();
    const { updateDomain, stuck } = turn;
    this.#rolledBack = updateDomain;
    this.#written({ type: "rolledBack", wave: this.id, updateDomain, stuck });
    return "returned";
  }

  get #turn(): Turn {
    return this.#turns[0]!;
  }

  #next(): void {
    const turn = this.#turns.shift()!;
    turn.withdraw();
    this.#over.push(turn);
  }

  #began({ kind, domains }: Plan): Entry {
    const { services, image } = this.update;
    return {
      type: "began",
      wave: this.id,
      kind,
      ...(services && { services: services.href }),
      ...(image && { image: image.info.sha256 }),
      atMs: this.#startedMs,
      domains: domains.map(({ updateDomain, guests }) => ({
        updateDomain,
        sets: [...new Set(guests.map(({ set }) => set))],
      })),
    };
  }

  /** False when the history could not be written; the reason is kept, unless there is one already. */
  #written(entry: Entry): boolean {
    try {
      this.#side.history.write(entry);
      return true;
    } catch (error) {
      this.#reason ??= error as StillpointError;
      return false;
    }
  }

  async #elapsed(ms: number): Promise<void> {
    const passed = Promise.withResolvers<void>();
    const callOff = this.#side.clock.after(ms, passed.resolve);
    await Promise.race([passed.promise, this.#stopped]);
    callOff();
  }

  #end(last: WaveEvent): WaveReport {
    while (this.#turns.length > 0) this.#next();
    const outcome = last === "finished" ? "completed" : this.#reason === undefined ? "canceled" : "stopped";
    // An end that is not written down is told as an interruption by the next process, with the same domains committed.
    if (this.#begun) this.#written({ type: "ended", wave: this.id, outcome });
    this.#gate?.resolve();
    this.#gate = undefined;
    const guests = this.#over.flatMap((turn) => turn.reports());
    const report: WaveReport = {
      wave: this.id,
      kind: this.update.kind ?? "freeze",
      outcome,
      ...(this.#reason && { reason: this.#reason }),
      startedAt: new Date(this.#startedMs),
      endedAt: new Date(this.#side.clock.nowMs()),
      committed: this.#committed,
      ...(this.#rolledBack !== undefined && { rolledBack: this.#rolledBack }),
      guests,
    };
    this.#tell({ type: "ended", report });
    if (last === "refused") throw this.#reason;
    if (this.update.signal?.aborted === true && outcome === "canceled") throw this.update.signal.reason;
    return report;
  }
}
