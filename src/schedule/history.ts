/**
 * What a fleet remembers of its waves, told one entry after the other: which versions it brought update domains to. This is kept in
 * memory, for the life of the fleet. A journal (journal.ts) keeps it for the process after this one.
 *
 *   opened      a process begins; all that was before is past
 *   reserved    incarnations up to this one may have been served
 *   began       a wave, and what it brings to which update domains of which sets
 *   started     one of its domains is impacted from here on: guests there run old or new
 *   committed   that domain of these sets runs new
 *   rolledBack  that domain runs old, but for the guests that are named
 *   ended       nothing of the wave stands any more
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

export interface AtDomain {
  readonly wave: string;
  readonly updateDomain: number;
}

export type Entry =
  | { readonly type: "opened"; readonly format: number; readonly atMs: number }
  | { readonly type: "reserved"; readonly incarnation: number }
  | Began
  | ({ readonly type: "started" } & AtDomain)
  | ({ readonly type: "committed"; readonly sets: readonly string[] } & AtDomain)
  | ({ readonly type: "rolledBack"; readonly stuck: readonly string[] } & AtDomain)
  | { readonly type: "ended"; readonly wave: string; readonly outcome: WaveReport["outcome"] };

export class History {
  readonly #committed = new Map<string, Map<number, Committed>>();
  /** What the waves that have not ended bring. */
  readonly #brought = new Map<string, Committed>();

  /** @throws {StillpointError} SP_JOURNAL_FAILED: it could not be kept */
  write(entry: Entry): void {
    switch (entry.type) {
      case "began":
        this.#brought.set(entry.wave, broughtBy(entry));
        return;
      case "ended":
        this.#brought.delete(entry.wave);
        return;
      case "committed":
        for (const set of entry.sets) {
          const domains = this.#committed.get(set) ?? new Map<number, Committed>();
          this.#committed.set(set, domains);
          // What a wave left as it was stays what an earlier one made of it.
          domains.set(entry.updateDomain, { ...domains.get(entry.updateDomain), ...this.#brought.get(entry.wave) });
        }
    }
  }

  /** What an update domain of a set was brought to; undefined if no wave ever committed it. */
  committed(set: string, updateDomain: number): Committed | undefined {
    return this.#committed.get(set)?.get(updateDomain);
  }

  /** Waves of processes before this one that did not end. */
  get interrupted(): readonly InterruptedWave[] {
    return [];
  }

  /** Above all incarnations that processes before this one may have served. */
  get firstIncarnation(): number {
    return 1;
  }

  /** Incarnations up to this one may be served from now on. Never throws. */
  reserve(_incarnation: number): void {}

  close(): void {}
}

export function broughtBy({ services, image }: Committed): Committed {
  return { ...(services !== undefined && { services }), ...(image !== undefined && { image }) };
}
