/**
 * All waves of a fleet. Two that have a set in common are never on their way together: the later one is refused, because what it would
 * find in that set nobody can plan. Others go side by side, and share the slots in which guests are replaced.
 *
 * A wave concerns the guests that have booted when it is asked for. Who boots later runs what it was booted with.
 */

import { checkCount, checkMs, invalid } from "../checks.ts";
import { StillpointError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { ScheduledEvents } from "./events.ts";
import type { History } from "./history.ts";
import { Impacts } from "./impacts.ts";
import type { NoticeOption } from "./notice.ts";
import type { Placement, Placements } from "./placement.ts";
import { type Plan, planFor } from "./plan.ts";
import type { Resident } from "./resident.ts";
import { checkUpdate, RECOVERY_MS, type Update } from "./update.ts";
import { Wave } from "./wave.ts";

export interface WavesOptions {
  /** Least time from the end of one update domain to the start of the next in a set, ms. Default 30 minutes. */
  readonly recoveryMs?: number;
  /** Guests that are replaced at once, in all waves together. Default: the number of cores. */
  readonly concurrencyMax?: number;
}

export interface WavesSide {
  readonly clock: Clock;
  readonly events: ScheduledEvents;
  readonly history: History;
  readonly noticeMs: NoticeOption | undefined;
  readonly placements: Pick<Placements, "of" | "members" | "sets">;
  /** Guests that have booted, by name. */
  readonly residents: ReadonlyMap<string, Resident>;
}

interface Concerned {
  readonly resident: Resident;
  readonly placement: Placement;
}

export class Waves {
  readonly #side: WavesSide;
  readonly #recoveryMs: number;
  readonly #impacts: Impacts;
  readonly #current = new Set<Wave>();
  /** Which wave a set is in. */
  readonly #claimed = new Map<string, Wave>();

  /** @throws {StillpointError} SP_CONFIG_INVALID */
  constructor(
    side: WavesSide,
    { recoveryMs = RECOVERY_MS, concurrencyMax = navigator.hardwareConcurrency }: WavesOptions = {},
  ) {
    checkMs(recoveryMs, "recoveryMs");
    checkCount(concurrencyMax, "concurrencyMax", { min: 1 });
    this.#side = side;
    this.#recoveryMs = recoveryMs;
    this.#impacts = new Impacts(side.clock, { concurrencyMax });
  }

  /** Those that have not ended. */
  get current(): readonly Wave[] {
    return [...this.#current];
  }

  /** @throws {StillpointError} SP_CONFIG_INVALID */
  async plan(update: Update): Promise<Plan> {
    checkUpdate(update);
    return planFor(update, this.#concerned(update));
  }

  /** @throws {StillpointError} SP_CONFIG_INVALID, at once; what is found out later, the wave's result says */
  begin(update: Update): Wave {
    checkUpdate(update);
    const concerned = this.#concerned(update);
    const sets = new Set(concerned.map(({ placement }) => placement.set));
    const taken = [...sets].filter((set) => this.#claimed.has(set));
    const wave: Wave = new Wave(update, {
      ...this.#side,
      impacts: this.#impacts,
      recoveryMs: this.#recoveryMs,
      residents: new Map(concerned.map(({ resident }) => [resident.name, resident])),
      partial: this.#partial(concerned),
      plan: async () => {
        if (taken.length > 0) throw overlap(taken);
        return planFor(update, concerned);
      },
    });
    this.#current.add(wave);
    if (taken.length === 0) for (const set of sets) this.#claimed.set(set, wave);
    const ended = (): void => {
      this.#current.delete(wave);
      for (const set of sets) if (this.#claimed.get(set) === wave) this.#claimed.delete(set);
    };
    wave.result.then(ended, ended);
    return wave;
  }

  #concerned({ sets, guests }: Update): readonly Concerned[] {
    const { placements, residents } = this.#side;
    const names = new Set<string>();
    if (sets === undefined && guests === undefined) for (const name of residents.keys()) names.add(name);
    for (const set of sets ?? []) {
      const members = placements.members(set);
      if (members.length === 0) throw unknown(`set ${JSON.stringify(set)}`);
      for (const member of members) if (residents.has(member)) names.add(member);
    }
    for (const guest of guests ?? []) {
      if (!residents.has(guest)) throw unknown(`guest ${JSON.stringify(guest)}`);
      names.add(guest);
    }
    return Array.from(names, (name) => ({ resident: residents.get(name)!, placement: placements.of(name)! }));
  }

  /** Sets of which an update leaves guests out, by update domain. */
  #partial(concerned: readonly Concerned[]): ReadonlyMap<number, ReadonlySet<string>> {
    const { placements, residents } = this.#side;
    const names = new Set(concerned.map(({ resident }) => resident.name));
    const partial = new Map<number, Set<string>>();
    for (const set of new Set(concerned.map(({ placement }) => placement.set))) {
      for (const member of placements.members(set)) {
        if (names.has(member) || !residents.has(member)) continue;
        const { updateDomain } = placements.of(member)!;
        partial.set(updateDomain, (partial.get(updateDomain) ?? new Set()).add(set));
      }
    }
    return partial;
  }

  /** The last guest of a set has gone. */
  forget(set: string): void {
    this.#impacts.forget(set);
  }

  /** Cancels all and waits until nothing of them stands any more. Never rejects. */
  async end(): Promise<void> {
    for (const wave of this.#current) wave.cancel();
    await Promise.allSettled(this.current.map(({ result }) => result));
  }
}

function unknown(what: string): StillpointError {
  return invalid(`there is no ${what} in the fleet`);
}

function overlap(sets: readonly string[]): StillpointError {
  const named = sets.slice(0, 10).join(", ");
  return new StillpointError(
    "SP_UPDATE_REFUSED",
    `another wave is on its way through ${named}; wait for it or cancel it`,
  );
}
