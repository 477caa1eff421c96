/**
 * What an update would do, known before anything happens: whom it concerns, in which order of domains, by which way, for how long each
 * guest is expected to stand still, and whose memory cannot be kept and why.
 *
 * Sets advance together: first the guests of the lowest update domain of every set, then those of the next.
 */

import { StillpointError } from "../errors.ts";
import type { EventType } from "./event.ts";
import type { Placement } from "./placement.ts";
import type { Resident } from "./resident.ts";
import type { Change, Update, UpdateKind, Verdict, Way } from "./update.ts";

const REASONS_SHOWN = 10;

export interface Plan {
  readonly kind: UpdateKind;
  /** In the order in which they are impacted. */
  readonly domains: readonly PlannedDomain[];
  /** Guests to which what was asked for cannot be done, each with the reason. */
  readonly ineligible: readonly Ineligible[];
  /** Whether fleet.update() would begin: every guest has a way that the update allows. */
  readonly possible: boolean;
}

export interface PlannedDomain {
  readonly updateDomain: number;
  readonly guests: readonly PlannedGuest[];
}

export interface PlannedGuest {
  readonly guest: string;
  readonly set: string;
  readonly updateDomain: number;
  readonly faultDomain: number;
  /** undefined: there is none that the update allows. */
  readonly way: Way | undefined;
  /** The longest of the guest's last pauses by handover, ms; undefined if there was none, or by reboot. */
  readonly expectedBlackoutMs: number | undefined;
}

export interface Ineligible extends Extract<Verdict, { ok: false }> {
  readonly guest: string;
}

/** The type of the event that announces something done to guests in these ways: the gravest counts. */
export function eventTypeOf(kind: UpdateKind, ways: Iterable<Way | undefined>): EventType {
  if (![...ways].includes("reboot")) return "Freeze";
  return kind === "redeploy" ? "Redeploy" : "Reboot";
}

/** What an update makes of the guests, each way. */
export function changesOf({ services, image }: Update): Readonly<Record<Way, Change>> {
  return { handover: { way: "handover", services, image }, reboot: { way: "reboot", services, image } };
}

/** The guests in their places, each asked whether it can be done. */
export async function planFor(
  update: Update,
  residents: readonly { readonly resident: Resident; readonly placement: Placement }[],
): Promise<Plan> {
  const { kind = "freeze", onIneligible = "stop" } = update;
  const wanted: Way = kind === "freeze" ? "handover" : "reboot";
  const changes = changesOf(update);
  const ineligible: Ineligible[] = [];
  const guests = await Promise.all(
    residents.map(async ({ resident, placement: { set, updateDomain, faultDomain } }): Promise<PlannedGuest> => {
      let way: Way | undefined = wanted;
      const verdict = await resident.verdict(changes[wanted]);
      if (!verdict.ok) {
        ineligible.push({ guest: resident.name, ...verdict });
        way = undefined;
        if (wanted === "handover" && onIneligible === "reboot") {
          const second = await resident.verdict(changes.reboot);
          if (second.ok) way = "reboot";
          else ineligible.push({ guest: resident.name, ...second });
        }
      }
      const expectedBlackoutMs = way === "handover" ? resident.expectedMs : undefined;
      return { guest: resident.name, set, updateDomain, faultDomain, way, expectedBlackoutMs };
    }),
  );
  const domains = Map.groupBy(guests, ({ updateDomain }) => updateDomain);
  return {
    kind,
    domains: [...domains]
      .sort(([a], [b]) => a - b)
      .map(([updateDomain, members]) => ({ updateDomain, guests: members })),
    ineligible,
    possible: guests.every(({ way }) => way !== undefined),
  };
}

/** Why a plan that is not possible is refused: the first few guests, each with its reason. */
export function refusal({ ineligible }: Plan): StillpointError {
  const reasons = ineligible.map(({ guest, code, reason }) => `${guest}: ${reason} (${code})`);
  const shown = reasons.slice(0, REASONS_SHOWN).join("; ");
  const rest = reasons.length > REASONS_SHOWN ? `; and ${reasons.length - REASONS_SHOWN} more` : "";
  return new StillpointError("SP_UPDATE_REFUSED", `the update cannot be made as it was asked for: ${shown}${rest}`);
}
