/**
 * How the services of a running guest are. They share its thread, so the guest is taken off it for the question: services may
 * be asked whatever the guest is in the middle of, and what they do in the answer cannot meet a guest in motion.
 */

import { Budget } from "./budget.ts";
import { BUDGET_MS, checkBudget, type FreezeOptions } from "./freezing.ts";
import { inPlace, type RecallSide } from "./recall.ts";

export async function examine(side: RecallSide, { budgetMs = BUDGET_MS, signal }: FreezeOptions): Promise<boolean> {
  checkBudget(budgetMs);
  signal?.throwIfAborted();
  const budget = new Budget(budgetMs, signal);
  try {
    const healthy = await inPlace(side, budget, () =>
      budget.within(answerOf(side), "the services did not say how they are").catch(() => false),
    );
    signal?.throwIfAborted();
    return healthy;
  } finally {
    budget.end();
  }
}

async function answerOf({ host }: RecallSide): Promise<boolean> {
  const examined = host.next("examined");
  host.post({ type: "examine" });
  return (await examined).healthy;
}
