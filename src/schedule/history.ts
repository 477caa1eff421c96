/**
 * What the entries of a journal mean, taken one after the other.
 *
 *   opened      a process begins; all that was before is past
 *   reserved    incarnations up to this one may have been served
 *   began       a wave, and what it brings to which update domains of which sets
 *   started     one of its domains is impacted from here on: guests there run old or new
 *   committed   that domain of these sets runs new
 *   rolledBack  that domain runs old, but for the guests that are named
 *   ended       nothing of the wave stands any more
 *
 * Guests die with their process. So the next one resumes nothing: it boots from what was committed, tells of waves that began and did
 * not end until a later one begins, and serves incarnations above any that was reserved.
 */

import type { WaveReport } from "./progress.ts";
import type { UpdateKind } from "./update.ts";

/** What an update domain of a set was brought to. What is absent is as the guests were booted. */
export interface Committed {
  /** The services module. */
  readonly services?: string;
  /** SHA-256 of the original module of the image. */
  readonly image?: string;
}

/** A wave that its process did not live to end. */
export interface InterruptedWave extends Committed {
  readonly wave: string;
  readonly kind: UpdateKind;
  readonly startedAt: Date;
  /** Update domains that had been committed, in order. */
  readonly committed: readonly number[];
  /** The one that was impacted at that moment, if one was. */
  readonly underWay?: number;
  /** The guests died with their process. */
  readonly memoryLost: true;
}

export interface Began extends Committed {
  readonly type: "began";
  readonly wave: string;
  readonly kind: UpdateKind;
  readonly atMs: number;
  readonly domains: readonly { readonly updateDomain: number; readonly sets: readonly string[] }[];
}

interface AtDomain {
  readonly wave: string;
  readonly updateDomain: number;
}

export type Entry =
  | { readonly type: "opened"; readonly format: typeof FORMAT; readonly atMs: number }
  | { readonly type: "reserved"; readonly incarnation: number }
  | Began
  | ({ readonly type: "started" } & AtDomain)
  | ({ readonly type: "committed"; readonly sets: readonly string[] } & AtDomain)
  | ({ readonly type: "rolledBack"; readonly stuck: readonly string[] } & AtDomain)
  | { readonly type: "ended"; readonly wave: string; readonly outcome: WaveReport["outcome"] };

export const FORMAT = 1;

/** A wave that has not ended, as far as the entries say. */
interface Standing {
  readonly began: Began;
  readonly committed: number[];
  underWay: number | undefined;
  /** It is of a process before this one. */
  past: boolean;
}

export class History {
  readonly #committed = new Map<string, Map<number, Committed>>();
  readonly #standing = new Map<string, Standing>();
  #reserved = 0;

  apply(entry: Entry): void {
    switch (entry.type) {
      case "opened":
        for (const standing of this.#standing.values()) standing.past = true;
        return;
      case "reserved":
        this.#reserved = Math.max(this.#reserved, entry.incarnation);
        return;
      case "began":
        for (const [wave, { past }] of this.#standing) if (past) this.#standing.delete(wave);
        this.#standing.set(entry.wave, { began: entry, committed: [], underWay: undefined, past: false });
        return;
      case "ended":
        this.#standing.delete(entry.wave);
        return;
      default:
        this.#turned(this.#standing.get(entry.wave)!, entry);
    }
  }

  #turned(standing: Standing, entry: Extract<Entry, AtDomain>): void {
    standing.underWay = entry.type === "started" ? entry.updateDomain : undefined;
    if (entry.type !== "committed") return;
    standing.committed.push(entry.updateDomain);
    for (const set of entry.sets) {
      const domains = this.#committed.get(set) ?? new Map<number, Committed>();
      this.#committed.set(set, domains);
      // What a wave left as it was stays what an earlier one made of it.
      domains.set(entry.updateDomain, { ...domains.get(entry.updateDomain), ...broughtBy(standing.began) });
    }
  }

  /** What an update domain of a set was brought to; undefined if no wave ever committed it. */
  committed(set: string, updateDomain: number): Committed | undefined {
    return this.#committed.get(set)?.get(updateDomain);
  }

  /** Waves of processes before this one that did not end. */
  get interrupted(): readonly InterruptedWave[] {
    const past = [...this.#standing.values()].filter((standing) => standing.past);
    return past.map(({ began, committed, underWay }) => ({
      wave: began.wave,
      kind: began.kind,
      ...broughtBy(began),
      startedAt: new Date(began.atMs),
      committed,
      ...(underWay !== undefined && { underWay }),
      memoryLost: true,
    }));
  }

  /** Above all incarnations that may have been served. */
  get firstIncarnation(): number {
    return this.#reserved + 1;
  }
}

function broughtBy({ services, image }: Committed): Committed {
  return { ...(services !== undefined && { services }), ...(image !== undefined && { image }) };
}
