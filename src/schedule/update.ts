/** An update: what is to be replaced under whom, and by which rules. What is left out has the default that stands beside it. */

import { checkMs, checkOneOf, invalid } from "../checks.ts";
import type { Guest } from "../guest/guest.ts";
import { Image } from "../prepare/image.ts";
import { checkStart } from "./notice.ts";

/**
 * - `freeze`: new services under the same program by handover; memory is kept.
 * - `reboot`: the guest starts again from its image, or a new one; memory is lost.
 * - `redeploy`: as `reboot`, announced as a move to another place.
 */
export type UpdateKind = "freeze" | "reboot" | "redeploy";

export interface Update {
  /** Default "freeze". */
  readonly kind?: UpdateKind;
  /** The new services module; without it each guest's own is attached anew. */
  readonly services?: URL;
  /** A new image. Memory cannot be kept then. */
  readonly image?: Image;
  /** Sets whose guests are concerned, together with `guests`. Without either: all guests of the fleet. */
  readonly sets?: readonly string[];
  readonly guests?: readonly string[];
  /** How long before the first update domain its guests learn of it, ms. Default: the fleet's, by type of event. */
  readonly noticeMs?: number;
  /** Instead of `noticeMs`. */
  readonly notBefore?: Date;
  /** Least time from the end of one update domain to the start of the next in a set, ms. Default: the fleet's. */
  readonly recoveryMs?: number;
  /** When memory of a guest cannot be kept: "stop" (default) refuses the update, "reboot" starts that guest again. */
  readonly onIneligible?: "stop" | "reboot";
  /** The caller's own check of a guest that has been replaced. False, a throw and lateness stop the wave. */
  readonly health?: (guest: Guest, options: { readonly signal: AbortSignal }) => boolean | Promise<boolean>;
  /** How long the services' own check and then the caller's may take, each, ms. Default 10 000. */
  readonly healthBudgetMs?: number;
  /** How long replacing one guest may take from the start of its new host on, ms. Default 10 000. */
  readonly budgetMs?: number;
  /** Longest time for which one guest may execute nothing, ms; at the end of it the guest goes on as it was. Default: `budgetMs`. */
  readonly maxImpactMs?: number;
  /** For people, in the notices. */
  readonly description?: string;
  /** Cancels the wave; its result then rejects with the signal's reason, once everything has been withdrawn. */
  readonly signal?: AbortSignal;
}

/** How one guest is replaced. */
export type Way = "handover" | "reboot";

/** What becomes of one guest. What is undefined stays as it is. */
export interface Change {
  readonly way: Way;
  readonly services: URL | undefined;
  readonly image: Image | undefined;
}

/** Whether something can be done to a guest. */
export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly reason: string; readonly function?: string };

export const UPDATE_BUDGET_MS = 10_000;
export const RECOVERY_MS: number = 30 * 60_000;

function checkNames(value: unknown, name: string): void {
  if (value === undefined) return;
  if (!Array.isArray(value) || value.some((one) => typeof one !== "string")) throw invalid(`${name} must be names`);
}

/** @throws {StillpointError} SP_CONFIG_INVALID naming what is wrong */
export function checkUpdate(update: Update): void {
  if (typeof update !== "object" || update === null) throw invalid("an update is an object");
  checkOneOf(update.kind, "kind", ["freeze", "reboot", "redeploy"]);
  checkOneOf(update.onIneligible, "onIneligible", ["stop", "reboot"]);
  if (update.services !== undefined && !(update.services instanceof URL)) throw invalid("services must be a URL");
  if (update.image !== undefined && !(update.image instanceof Image)) throw invalid("image must be an Image");
  checkNames(update.sets, "sets");
  checkNames(update.guests, "guests");
  checkStart(update);
  checkMs(update.recoveryMs, "recoveryMs");
  for (const name of ["healthBudgetMs", "budgetMs", "maxImpactMs"] as const)
    checkMs(update[name], name, { zero: false });
  if (update.health !== undefined && typeof update.health !== "function") throw invalid("health must be a function");
  if (update.signal !== undefined && !(update.signal instanceof AbortSignal)) {
    throw invalid("signal must be an AbortSignal");
  }
}
