/** Waves that are on their way, and the last ones that were: what they are at, and what became of them. */

import type { Fleet, Update, Wave, WaveReport } from "../../index.ts";
import { prepared, readModule } from "../module-file.ts";
import { moduleUrlOf } from "../option-values.ts";
import { fieldsOf, type Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { ApiError, type WireError, wireError } from "./wire.ts";

/** Ended waves that are remembered. */
const ENDED_MAX = 100;

/** An update as it comes by the control API: paths are absolute. */
export interface UpdateRequest {
  readonly kind?: NonNullable<Update["kind"]>;
  readonly services?: string;
  readonly module?: string;
  readonly sets?: readonly string[];
  readonly guests?: readonly string[];
  readonly noticeMs?: number;
  readonly recoveryMs?: number;
  readonly onIneligible?: NonNullable<Update["onIneligible"]>;
  readonly maxImpactMs?: number;
  readonly budgetMs?: number;
  readonly description?: string;
}

/** What is known of a wave. Part of the control API: names stay. */
export interface WaveView {
  readonly wave: string;
  readonly kind: string;
  readonly services: string | null;
  readonly state: string;
  readonly held: boolean;
  readonly updateDomain: number | null;
  readonly startedAt: string;
  /** Once it has ended. */
  readonly report: object | null;
  /** Why it was refused, or stopped. */
  readonly error: WireError | null;
}

interface Entry {
  readonly wave: Wave;
  readonly startedAt: string;
  report: WaveReport | undefined;
  error: unknown;
}

/** @throws {CommandError} the module cannot be read; {StillpointError} it cannot be prepared */
export async function updateOf({ services, module, ...rest }: UpdateRequest): Promise<Update> {
  for (const path of [services, module]) {
    if (path === undefined || typeof path === "string") continue;
    throw new ApiError(400, "SP_CONFIG_INVALID", "services and module are paths");
  }
  const image = module === undefined ? undefined : await prepared(await readModule(module), {});
  return { ...rest, ...(services !== undefined && { services: moduleUrlOf(services) }), ...(image && { image }) };
}

export class WaveBook {
  readonly #fleet: Fleet;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #entries = new Map<string, Entry>();

  constructor(fleet: Fleet, log: Log, metrics: Metrics) {
    this.#fleet = fleet;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** @throws {StillpointError} SP_CONFIG_INVALID */
  begin(update: Update): WaveView {
    const wave = this.#fleet.update(update);
    const entry: Entry = { wave, startedAt: new Date().toISOString(), report: undefined, error: undefined };
    this.#entries.set(wave.id, entry);
    this.#log.info("wave begun", { wave: wave.id, kind: update.kind ?? "freeze", services: update.services?.href });
    void this.#follow(entry);
    this.#forget();
    return view(entry);
  }

  async #follow(entry: Entry): Promise<void> {
    const { wave } = entry;
    try {
      const report = await wave.result;
      entry.report = report;
      entry.error = report.reason;
      this.#metrics.waveEnded(report);
      const fields = { wave: wave.id, outcome: report.outcome, committed: report.committed };
      if (report.reason === undefined) this.#log.info("wave ended", fields);
      else this.#log.warn("wave ended", { ...fields, ...fieldsOf(report.reason) });
    } catch (error) {
      entry.error = error;
      this.#log.warn("wave refused", { wave: wave.id, ...fieldsOf(error) });
    }
  }

  #forget(): void {
    const ended = [...this.#entries].filter(([, { wave }]) => wave.state === "ended");
    for (const [id] of ended.slice(0, -ENDED_MAX)) this.#entries.delete(id);
  }

  /** Those on their way and the last that were, oldest first. */
  list(): WaveView[] {
    return [...this.#entries.values()].map(view);
  }

  get(id: string): Wave | undefined {
    return this.#entries.get(id)?.wave;
  }

  view(id: string): WaveView | undefined {
    const entry = this.#entries.get(id);
    return entry && view(entry);
  }
}

function view({ wave, startedAt, report, error }: Entry): WaveView {
  return {
    wave: wave.id,
    kind: wave.update.kind ?? "freeze",
    services: wave.update.services?.href ?? null,
    state: wave.state,
    held: wave.held,
    updateDomain: wave.updateDomain ?? null,
    startedAt,
    report: report ?? null,
    error: error === undefined ? null : wireError(error),
  };
}
