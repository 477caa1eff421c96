/**
 * The stack is put aside by the engine: JavaScript Promise Integration, where the engine has it.
 *
 * QuickJS runs a script through `WebAssembly.promising` and asks its host every so often whether it should be interrupted; that import is
 * `WebAssembly.Suspending` and answers a promise that is fulfilled already, so that the trip is the least there can be. Timed is from the
 * call of the import to the next time that the script reads its clock, which it does all the time. What it costs while nothing is
 * suspended is measured with the same import answering at once, by the thread's CPU time, interleaved.
 *
 * It would change with: what the owner does meanwhile (a turn of the event loop is many times the trip).
 */

import type { Random } from "../../test/support/random.ts";
import { threadCpuMs } from "../programs/program.ts";
import { bootQuickJs, LONG, place, quickJs, SCRIPTS } from "../programs/quickjs.ts";
import { geometricMean } from "../support/quantiles.ts";
import type { Run } from "../support/question.ts";
import { type Candidate, measureRounds, ratio } from "../support/rounds.ts";
import { plainVariant, type Variant } from "../support/variants.ts";
import { type Cost, FREEZE, Missing, QUICKJS, type Way } from "./way.ts";

const SIZES = { full: { trips: 2000, rounds: 15, warmups: 40 }, smoke: { trips: 50, rounds: 3, warmups: 5 } };

/** What TypeScript does not know yet. */
interface PromiseIntegration {
  Suspending?: new (service: () => number | Promise<number>) => WebAssembly.ImportValue;
  promising?: <A extends unknown[], R>(guestFunction: (...args: A) => R) => (...args: A) => Promise<R>;
}
const { Suspending, promising } = WebAssembly as PromiseIntegration;

/** The same loop, with a look at the clock in each turn. */
const WATCHFUL = LONG.replace("i++)", "i++, Date.now())");

async function trips(variant: Variant, count: number): Promise<number[]> {
  const samplesMs: number[] = [];
  let awayMs: number | undefined;
  const guest = bootQuickJs(variant, {
    env: {
      host_interrupt: new Suspending!(() => {
        const from = performance.now();
        return Promise.resolve().then(() => {
          // This runs on the thread's own stack, so the guest's has been put aside.
          awayMs = from;
          return samplesMs.length < count ? 0 : 1;
        });
      }),
    },
    wasi_snapshot_preview1: {
      clock_time_get: () => {
        if (awayMs !== undefined) samplesMs.push(performance.now() - awayMs);
        awayMs = undefined;
        return 0;
      },
    },
  });
  guest.qjs_set_interrupt_handler(1);
  const [script, file] = [place(guest, WATCHFUL), place(guest, "long.js")];
  await promising!(guest.qjs_eval)(script.ptr, script.bytes, file.ptr, 0);
  return samplesMs;
}

const PLAIN = "plain";
const AGAIN = "plain, again";
const SUSPENDABLE = "suspendable";

/** Evaluates one of the scripts over and over. All candidates have to come to the same. */
function candidate(name: string, work: string, results: Set<number>): Candidate {
  const suspendable = name === SUSPENDABLE;
  const never = (): number => 0;
  const guest = bootQuickJs(plainVariant(name, quickJs.bytes), {
    env: { host_interrupt: suspendable ? new Suspending!(never) : never },
  });
  const [file, definition, call] = ["work.js", `${SCRIPTS[work]}; 0`, `${work}()`].map((text) => place(guest, text));
  guest.qjs_free_value(guest.qjs_eval(definition!.ptr, definition!.bytes, file!.ptr, 0));
  guest.qjs_set_interrupt_handler(1);
  // An interrupt may only suspend what was called through promising().
  const evaluate = suspendable ? promising!(guest.qjs_eval) : guest.qjs_eval;
  return {
    name,
    measure: async () => {
      const from = threadCpuMs();
      const value = await evaluate(call!.ptr, call!.bytes, file!.ptr, 0);
      const took = threadCpuMs() - from;
      if (guest.qjs_is_exception(value) !== 0) throw new Error(`${name}: ${work} has thrown`);
      if (results.add(guest.qjs_get_float64(value)).size > 1) throw new Error(`${name}: ${work} answers unlike others`);
      guest.qjs_free_value(value);
      return took;
    },
  };
}

async function cost({ rounds, warmups }: { rounds: number; warmups: number }, random: Random): Promise<Cost> {
  const ratios = { [SUSPENDABLE]: [] as number[], [AGAIN]: [] as number[] };
  for (const work of Object.keys(SCRIPTS)) {
    const results = new Set<number>();
    const candidates = [PLAIN, AGAIN, SUSPENDABLE].map((name) => candidate(name, work, results));
    const measured = await measureRounds(candidates, { rounds, iterations: 1, warmups, random });
    for (const [name, own] of Object.entries(ratios)) own.push(ratio(measured.get(name)!, measured.get(PLAIN)!));
  }
  return {
    name: "JSPI: QuickJS, called so that it may be suspended",
    ratio: geometricMean(ratios[SUSPENDABLE]!),
    again: geometricMean(ratios[AGAIN]!),
  };
}

export const way: Way = {
  measure: async ({ full, random, progress }: Run) => {
    if (Suspending === undefined || promising === undefined)
      throw new Missing(`Node ${process.versions.node} has no WebAssembly.Suspending`);
    const sizes = full ? SIZES.full : SIZES.smoke;
    progress("trips");
    const samplesMs = await trips(plainVariant("trips", quickJs.bytes), sizes.trips);
    progress("running speed");
    return {
      pauses: [
        {
          way: "JSPI: suspend, resume",
          guest: QUICKJS,
          keeps: "memory and stack",
          newHost: "no",
          stopsAt: "calls of some imports",
          samplesMs,
          bytes: 0,
          counterpart: { way: FREEZE, guest: QUICKJS },
        },
      ],
      costs: [await cost(sizes, random)],
      notes: [
        "JSPI: needs no preparation. The stack stays in its instance and its thread: neither the Worker nor an imported function can change under it, and a loop that calls nothing runs to its end.",
      ],
    };
  },
};
