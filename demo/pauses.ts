/**
 * First act: three programs run undisturbed, then again while they are frozen at random, and what they give out is compared.
 *
 * Good if every program was frozen, not one byte of guest memory was copied, and no output differs.
 */

import { type BootOptions, Fleet, type Guest, type Image } from "stillpoint";
import type { Modules } from "./modules.ts";
import { isGood, type Outcome, outcomeTable } from "./outcome.ts";
import { CALL_COUNT, COMPUTE, callSource, PREPARE_CALLS, SLEEP } from "./programs.ts";
import { bars, say, watch } from "./screen.ts";
import { Storm } from "./storm.ts";

/** Pauses end here at the latest, so that a slow machine comes to an end, too. */
const STORM_MS_MAX = 18_000;

/** Calls under way and waiting, at most. */
const CALLS_AT_ONCE = 4;

interface Program {
  readonly name: string;
  readonly image: Image;
  readonly options: Omit<BootOptions, "name">;
  /** Lets the guest do all its work and answers with what came out of it. */
  output(guest: Guest): Promise<string>;
}

/** What a command printed, and how it ended. */
export async function printed(guest: Guest): Promise<string> {
  const text = await new Response(guest.stdout as ReadableStream<Uint8Array<ArrayBuffer>>).text();
  const exit = await guest.exited;
  if (exit.kind === "failed") throw exit.error;
  return `${text}exit code ${exit.code}\n`;
}

/** What a reactor answered to all calls, in their order. */
async function answered(guest: Guest): Promise<string> {
  await guest.call("evaluate", [PREPARE_CALLS]);
  const answers: string[] = [];
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let number = next++; number < CALL_COUNT; number = next++) {
      answers[number] = await guest.call<string>("evaluate", [callSource(number)]);
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, caller));
  await guest.terminate();
  return answers.join("\n");
}

function programsOf({ python, quickjs }: Modules): Program[] {
  const command = (source: string): string[] => ["python", "-c", source];
  const env = { PYTHONHASHSEED: "0" };
  const common = { track: "marks", stdout: "pipe" } as const;
  return [
    { name: "python computing", image: python, options: { ...common, env, args: command(COMPUTE) }, output: printed },
    {
      name: "python sleeping",
      image: python,
      options: { ...common, env, args: command(SLEEP), monotonicClock: "exclude" },
      output: printed,
    },
    {
      name: "quickjs serving",
      image: quickjs,
      options: { ...common, services: new URL("./quickjs.services.js", import.meta.url) },
      output: answered,
    },
  ];
}

export async function pauses(modules: Modules, seed: number): Promise<boolean> {
  await using fleet = await Fleet.open();
  const programs = programsOf(modules);
  say(
    "Three programs run undisturbed, and then again while they are frozen and resumed, wherever they happen to be …\n",
  );
  const undisturbed = await Promise.all(
    programs.map(async ({ name, image, options, output }) => output(await fleet.boot(image, { name, ...options }))),
  );
  const running = await Promise.all(
    programs.map(async (program, index) => {
      const guest = await fleet.boot(program.image, { name: program.name, ...program.options });
      return { program, guest, storm: new Storm(guest, seed + index), output: program.output(guest) };
    }),
  );
  const watching = watch(() =>
    running.map(({ program, guest, storm }) => {
      const recent = storm.resumes.slice(-32).map((resume) => resume.blackoutMs);
      const count = `${storm.freezes.length} pauses`.padStart(12);
      return `${program.name.padEnd(18)} ${guest.state.padEnd(8)} ${count}   blackouts ${bars(recent)}`;
    }),
  );
  const late = setTimeout(() => void Promise.all(running.map(({ storm }) => storm.stop())), STORM_MS_MAX);
  const outcomes = await Promise.all(
    running.map(async ({ program, storm, output }, index): Promise<Outcome> => {
      const disturbed = await output;
      await storm.stop();
      return { name: program.name, storm, undisturbed: undisturbed[index] ?? "", disturbed };
    }),
  );
  clearTimeout(late);
  watching.stop();

  say(`\n${outcomeTable(outcomes)}\n`);
  say(`Time to safepoint: from the request until the program stands still. Blackout: all the time in which it executes nothing.
In each pause the written pages are asked for; three of four then end at once, the fourth is held for 5 to 25 ms (see p99).
The sleeping program has a monotonic clock that stands still in a pause ("exclude"); the others' clocks go on ("include").`);
  return outcomes.every(isGood);
}
