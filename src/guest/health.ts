/**
 * How the services of a running guest are. They share its thread, so the guest is taken off it for the question: services may
 * be asked whatever the guest is in the middle of, and what they do in the answer cannot meet a guest in motion.
 */

import { IDLE } from "../abi.ts";
import { Budget } from "./budget.ts";
import { BUDGET_MS, checkBudget, type FreezeOptions } from "./freezing.ts";
import { goOn, type RecallSide, takeOff } from "./recall.ts";

export async function examine(side: RecallSide, { budgetMs = BUDGET_MS, signal }: FreezeOptions): Promise<boolean> {
  checkBudget(budgetMs);
  signal?.throwIfAborted();
  // A guest without a stack needs no continuations.
  if (side.freezing.state !== IDLE) await side.maker.warm();
  const budget = new Budget(budgetMs, signal);
  try {
    const off = await takeOff(side, budget);
    const healthy = await budget.within(answerOf(side), "the services did not say how they are").catch(() => false);
    await goOn(side, off);
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
