/**
 * How a guest is after it was replaced: what its services say of themselves at a short freeze, and then what the caller's own check says.
 * A throw and lateness are answers too, and not good ones.
 *
 * Guests are frozen for it in the slots in which they are replaced, so that never more of them stand still at once. The caller's check
 * takes no slot, because it may take its time.
 */

import type { Clock } from "./clock.ts";
import type { Impacts } from "./impacts.ts";
import type { Resident } from "./resident.ts";
import { UPDATE_BUDGET_MS, type Update } from "./update.ts";

export interface CheckupOptions {
  readonly update: Pick<Update, "health" | "healthBudgetMs">;
  readonly clock: Clock;
  readonly impacts: Impacts;
}

/** What is wrong with a guest, if anything is. */
export async function checkup(
  resident: Resident,
  { update, clock, impacts }: CheckupOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { health, healthBudgetMs: budgetMs = UPDATE_BUDGET_MS } = update;
  let why: string | undefined;
  await impacts.inSlot(async () => {
    if (signal.aborted || resident.state !== "running") return;
    if (!(await resident.healthy({ budgetMs, signal }))) why = "its services say so";
  });
  if (why === undefined && health !== undefined && resident.state === "running" && !signal.aborted) {
    why = await checked(resident, health, { clock, budgetMs, signal });
  }
  // One that has ended by itself need not be well.
  if (resident.state === "failed") return "it failed";
  return resident.state === "exited" ? undefined : why;
}

/** What the caller's check says, in its time. */
async function checked(
  resident: Resident,
  health: NonNullable<Update["health"]>,
  { clock, budgetMs, signal }: { clock: Clock; budgetMs: number; signal: AbortSignal },
): Promise<string | undefined> {
  const late = new AbortController();
  const callOff = clock.after(budgetMs, () => late.abort());
  const given = AbortSignal.any([signal, late.signal]);
  const givenUp = new Promise<"late">((resolve) => given.addEventListener("abort", () => resolve("late")));
  try {
    const answer = (async () => resident.passes(health, given))();
    const outcome = await Promise.race([answer, givenUp, resident.ended]);
    if (outcome === true) return undefined;
    return outcome === "late" ? `the check gave no answer in ${budgetMs} ms` : "the check says so";
  } catch (error) {
    return `the check threw: ${String(error)}`;
  } finally {
    callOff();
  }
}
