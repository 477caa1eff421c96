/** Runs a piece of work of a program in several instances, in rounds, by the CPU time of the thread that does it. */

import type { Instance } from "../programs/program.ts";
import type { Run } from "./question.ts";
import { type Candidate, type Measured, measureRounds } from "./rounds.ts";

export interface NamedInstance {
  readonly name: string;
  readonly instance: Instance;
}

/** By the instances' names. All of them have to answer the same checksum, each time. */
export function measureWork(
  instances: readonly NamedInstance[],
  { work, index }: { work: string; index: number },
  { full, random, progress }: Run,
): Promise<ReadonlyMap<string, Measured>> {
  const checksums = new Set<number>();
  const candidates = instances.map(({ name, instance }): Candidate => {
    return {
      name,
      measure: () => {
        const { cpuMs, checksum } = instance.run(index);
        if (checksums.add(checksum).size > 1) throw new Error(`${name} answers ${checksum}, unlike others`);
        return cpuMs;
      },
    };
  });
  return measureRounds(candidates, {
    rounds: full ? 15 : 3,
    iterations: 1,
    // Long enough for the optimising tier.
    warmups: full ? 30 : 5,
    random,
    progress: (text) => progress(`${work}: ${text}`),
  });
}
