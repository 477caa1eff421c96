/**
 * Measures several things against each other: in rounds, in each of which every candidate has its turn, in an order drawn
 * anew. What disturbs the machine for a while then disturbs all of them, and a ratio is taken within a round before the median
 * over rounds is. tinybench runs the turns; a candidate times itself and hands the time over as `overriddenDuration`.
 */

import { Bench } from "tinybench";
import type { Random } from "../../test/support/random.ts";
import { median } from "./quantiles.ts";

export interface Candidate {
  readonly name: string;
  /** One iteration. Answers what it took, ms; everything else that is done on the way is not counted. */
  measure(): number | Promise<number>;
  /** Before and after each of its turns. */
  begin?(): void | Promise<void>;
  end?(): void | Promise<void>;
  /** What was noted so far was warm-up. */
  warm?(): void;
}

export interface Measured {
  /** Every iteration's time, ms. */
  readonly samples: readonly number[];
  /** The median of each round, ms. */
  readonly rounds: readonly number[];
}

export interface RoundsOptions {
  readonly rounds: number;
  /** Of each candidate in each round. */
  readonly iterations: number;
  /** Of each candidate before the first round. */
  readonly warmups: number;
  readonly random: Random;
  readonly progress?: (text: string) => void;
}

export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** One turn: tinybench counts iterations alone, its own time budget is off. */
async function turn(candidate: Candidate, iterations: number): Promise<readonly number[]> {
  const bench = new Bench({ iterations, time: 0, warmup: false, retainSamples: true, throws: true });
  bench.add(candidate.name, async () => ({ overriddenDuration: await candidate.measure() }), { async: true });
  await candidate.begin?.();
  try {
    const [task] = await bench.run();
    if (task?.result.state !== "completed") throw new Error(`${candidate.name}: ${task?.result.state}`);
    return task.result.latency.samples ?? [];
  } finally {
    await candidate.end?.();
  }
}

/** Answers by name what each candidate took. */
export async function measureRounds(
  candidates: readonly Candidate[],
  { rounds, iterations, warmups, random, progress }: RoundsOptions,
): Promise<ReadonlyMap<string, Measured>> {
  const measured = new Map(
    candidates.map(({ name }) => [name, { samples: [] as number[], rounds: [] as number[] }] as const),
  );
  if (measured.size !== candidates.length) throw new Error("two candidates have the same name");
  for (const candidate of candidates) {
    if (warmups > 0) await turn(candidate, warmups);
    candidate.warm?.();
  }
  for (let round = 0; round < rounds; round++) {
    progress?.(`round ${round + 1} of ${rounds}`);
    for (const candidate of shuffled(candidates, random)) {
      const samples = await turn(candidate, iterations);
      const own = measured.get(candidate.name)!;
      own.samples.push(...samples);
      own.rounds.push(median(samples));
    }
  }
  return measured;
}

/** How much longer one took than another: the median over rounds of the ratios within a round. */
export function ratio(of: Measured, to: Measured): number {
  return median(of.rounds.map((ms, round) => ms / to.rounds[round]!));
}
