/**
 * Which guest is where: in which availability set, and there in which update domain and fault domain. A place is fixed for the
 * guest's life.
 *
 * A guest goes where its set has the fewest, the lowest number first. While nobody leaves, that is round robin: with five update
 * domains the sixth guest joins the first's. A guest that names no set is a set of one that bears its name; it is in the first
 * domain unless it asks for another, so an update of several such guests impacts them together.
 */

import { checkCount, invalid } from "../checks.ts";

export const UPDATE_DOMAINS_MAX = 20;
export const FAULT_DOMAINS_MAX = 3;

export interface Placement {
  readonly set: string;
  readonly updateDomain: number;
  /** Told to clients, and used for nothing else. */
  readonly faultDomain: number;
  /** Counts the guests that the set has ever had. */
  readonly index: number;
}

export interface DomainCounts {
  /** 1 to 20, default 5. */
  readonly updateDomainCount?: number;
  /** 1 to 3, default 3. */
  readonly faultDomainCount?: number;
}

/** One availability set: its members, and how many of them are in each domain. */
interface AvailabilitySet {
  /** Whether it bears the name of its only guest. */
  readonly alone: boolean;
  readonly members: Map<string, Placement>;
  readonly updateDomains: number[];
  readonly faultDomains: number[];
  placed: number;
}

/** The domain with the fewest members, the lowest of several. */
function emptiest(domains: readonly number[]): number {
  return domains.indexOf(Math.min(...domains));
}

export class Placements {
  readonly updateDomainCount: number;
  readonly faultDomainCount: number;
  readonly #sets = new Map<string, AvailabilitySet>();
  readonly #guests = new Map<string, Placement>();

  /** @throws {StillpointError} SP_CONFIG_INVALID */
  constructor({ updateDomainCount = 5, faultDomainCount = FAULT_DOMAINS_MAX }: DomainCounts = {}) {
    checkCount(updateDomainCount, "updateDomainCount", { min: 1, max: UPDATE_DOMAINS_MAX });
    checkCount(faultDomainCount, "faultDomainCount", { min: 1, max: FAULT_DOMAINS_MAX });
    this.updateDomainCount = updateDomainCount;
    this.faultDomainCount = faultDomainCount;
  }

  /**
   * Places a guest that has no place yet.
   *
   * @throws {StillpointError} SP_CONFIG_INVALID: there is no such update domain, or its set would be mistaken for a guest that
   *   stands alone
   */
  place(guest: string, { set, updateDomain }: { set?: string; updateDomain?: number } = {}): Placement {
    if (updateDomain !== undefined && !(updateDomain < this.updateDomainCount)) {
      throw invalid(`updateDomain is ${updateDomain}; the fleet has ${this.updateDomainCount}, counted from 0`);
    }
    const known = this.#sets.get(set ?? guest);
    if (known !== undefined && (known.alone || set === undefined)) {
      throw invalid(`a set and a guest that stands alone would both be called ${set ?? guest}`);
    }
    const home = known ?? this.#found(set ?? guest, set === undefined);
    const placement: Placement = {
      set: set ?? guest,
      updateDomain: updateDomain ?? emptiest(home.updateDomains),
      faultDomain: emptiest(home.faultDomains),
      index: home.placed++,
    };
    home.updateDomains[placement.updateDomain]! += 1;
    home.faultDomains[placement.faultDomain]! += 1;
    home.members.set(guest, placement);
    this.#guests.set(guest, placement);
    return placement;
  }

  #found(name: string, alone: boolean): AvailabilitySet {
    const set: AvailabilitySet = {
      alone,
      members: new Map(),
      updateDomains: Array.from({ length: this.updateDomainCount }, () => 0),
      faultDomains: Array.from({ length: this.faultDomainCount }, () => 0),
      placed: 0,
    };
    this.#sets.set(name, set);
    return set;
  }

  /** The update domain that the next guest of a set gets, unless it asks for one. */
  next(set: string): number {
    return emptiest(this.#sets.get(set)?.updateDomains ?? [0]);
  }

  /** Gives a guest's place up; a set without members is forgotten. */
  remove(guest: string): void {
    const placement = this.#guests.get(guest);
    if (placement === undefined) return;
    this.#guests.delete(guest);
    const home = this.#sets.get(placement.set)!;
    home.members.delete(guest);
    home.updateDomains[placement.updateDomain]! -= 1;
    home.faultDomains[placement.faultDomain]! -= 1;
    if (home.members.size === 0) this.#sets.delete(placement.set);
  }

  of(guest: string): Placement | undefined {
    return this.#guests.get(guest);
  }

  /** Names, in the order in which they came. */
  members(set: string): readonly string[] {
    return [...(this.#sets.get(set)?.members.keys() ?? [])];
  }

  sets(): Iterable<string> {
    return this.#sets.keys();
  }
}
