/**
 * `stillpoint run`: a WASI runner whose program can be frozen at any moment, and handed to another host.
 *
 * The program has the process's own standard streams. Standard output is its alone: everything said here goes to standard
 * error. The process ends with the program's exit code; the exceptions are in `stillpoint run --help`.
 */

import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { type Command, Option } from "commander";
import { type BootOptions, type Exit, Fleet, type Guest, type Image, type OutputOption } from "../index.ts";
import { CommandError, reportFailure, SIGNAL_STATUS, STATUS } from "./exit-status.ts";
import { milliseconds } from "./figures.ts";
import { Handovers } from "./handovers.ts";
import { LiveLine } from "./live-line.ts";
import { prepared, readModule } from "./module-file.ts";
import { bytesOf, directoriesOf, environmentOf, millisecondsOf, moduleUrlsOf } from "./option-values.ts";
import { Pauses } from "./pauses.ts";
import { programOutput } from "./program-output.ts";

/** How long a program that was ended by a signal gets for its last output to be read, ms. */
const LAST_OUTPUT_MS = 1000;

/** Long enough to be seen in a process viewer, short enough not to be felt. */
const FREEZE_FOR_MS = 10;

interface RunOptions {
  readonly dir?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly freezeEvery?: number;
  readonly freezeFor?: number;
  readonly handoverEvery?: number;
  readonly clock: NonNullable<BootOptions["monotonicClock"]>;
  readonly track: NonNullable<BootOptions["track"]>;
  readonly memoryMax?: number;
  readonly services?: readonly URL[];
  readonly pauses?: true;
  readonly json?: true;
}

/** The first signal, or a reader that goes, ends the program; the same signal once more does what it always does. */
function endings(): { first: Promise<number>; end(status: number): void; close(): void } {
  const { promise, resolve } = Promise.withResolvers<number>();
  const listeners = Object.entries(SIGNAL_STATUS).map(([signal, status]) => {
    const listener = (): void => resolve(status);
    process.once(signal, listener);
    return () => process.off(signal, listener);
  });
  return {
    first: promise,
    end: resolve,
    close: () => {
      for (const remove of listeners) remove();
    },
  };
}

function statusOf(exit: Exit): number {
  return exit.kind === "code" ? exit.code : reportFailure(exit.error);
}

/** What is done to the program while it runs. */
interface Disturbances {
  readonly pauses: Pauses | undefined;
  readonly handovers: Handovers | undefined;
}

function lineOf({ pauses, handovers }: Disturbances): string {
  return [pauses, handovers].flatMap((of) => (of === undefined ? [] : [of.line])).join(" · ");
}

/** What is said on standard error when all is over. */
function account(
  run: { program: string; status: number; ranMs: number; memoryBytes: number },
  disturbances: Disturbances,
  options: RunOptions,
): void {
  const { pauses, handovers } = disturbances;
  if (options.pauses) {
    const text = `stillpoint: ${milliseconds(run.ranMs)}, ${lineOf(disturbances)}\n${handovers?.table ?? ""}`;
    process.stderr.write(styleText("dim", text, { stream: process.stderr }));
  }
  if (options.json) {
    const reports = { pauses: pauses?.report ?? null, handovers: handovers?.report ?? null };
    process.stderr.write(`${JSON.stringify({ ...run, ...reports })}\n`);
  }
}

/** The image. One that is never asked to leave its host is spared the code for it. */
async function imageFor(file: string, { track, handoverEvery }: RunOptions): Promise<Image> {
  const bytes = await readModule(file);
  const marks = track === "marks" ? "marks" : "none";
  const image = await prepared(bytes, { track: marks, capture: handoverEvery !== undefined });
  if (image.info.style !== "command") {
    throw new CommandError(`${file} exports no _start: it waits for calls, which need a program that makes them`);
  }
  if (handoverEvery !== undefined && !image.info.options.capture) {
    throw new CommandError(`${file} was prepared without capture, which --handover-every needs; prepare it anew`);
  }
  return image;
}

function disturb(guest: Guest, options: RunOptions, live: LiveLine): Disturbances {
  const { freezeEvery, freezeFor: forMs = FREEZE_FOR_MS, handoverEvery, services = [] } = options;
  const done = (): void => {
    if (options.pauses) live.show(() => lineOf(disturbances));
  };
  const refused = (reason: string): void => {
    live.erase();
    process.stderr.write(`stillpoint: not handed over: ${reason}\n`);
  };
  const tracked = options.track !== "none";
  const disturbances: Disturbances = {
    pauses: freezeEvery === undefined ? undefined : new Pauses(guest, { everyMs: freezeEvery, forMs, tracked }, done),
    handovers:
      handoverEvery === undefined
        ? undefined
        : new Handovers(guest, { everyMs: handoverEvery, services }, { done, refused }),
  };
  return disturbances;
}

async function run(file: string, args: readonly string[], options: RunOptions): Promise<number> {
  // The fleet is never closed: the process ends with it, and does not wait for a reader that is stuck.
  const [image, fleet] = await Promise.all([imageFor(file, options), Fleet.open()]);
  const { services = [] } = options;

  const live = new LiveLine();
  const ended = endings();
  let lost: CommandError | undefined;
  const output = (stream: NodeJS.WriteStream): OutputOption => {
    // A program on a terminal writes line by line. But nobody could clear our own line away before it does.
    if (stream.isTTY && !options.pauses) return "inherit";
    return programOutput(stream, () => live.erase(), {
      gone: () => ended.end(STATUS.pipe),
      failed: (error) => {
        lost ??= new CommandError(`output of ${file} is lost: ${error.message}`);
      },
    });
  };
  const name = basename(file);
  const guest = await fleet.boot(image, {
    name,
    args: [name, ...args],
    env: options.env ?? {},
    preopens: options.dir ?? {},
    monotonicClock: options.clock,
    track: options.track,
    stdin: "inherit",
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    ...(options.memoryMax !== undefined && { memoryBytesMax: options.memoryMax }),
    ...(services[0] && { services: services[0] }),
  });
  const startedMs = performance.now();

  const disturbances = disturb(guest, options, live);
  const exit = await Promise.race([guest.exited, ended.first]);
  const ranMs = performance.now() - startedMs;
  await Promise.all([disturbances.pauses?.stop(), disturbances.handovers?.stop()]);
  if (typeof exit === "number") await Promise.race([guest.terminate(), sleep(LAST_OUTPUT_MS)]);
  ended.close();
  live.erase();
  const status = (typeof exit === "number" ? exit : statusOf(exit)) || (lost === undefined ? 0 : reportFailure(lost));
  account({ program: name, status, ranMs, memoryBytes: guest.memory.buffer.byteLength }, disturbances, options);
  return status;
}

const HELP = `
The program gets what follows "--" as its arguments, after the file's name, and
standard input, output and error as they are. It sees no directory and no
variable that is not named here.

With --handover-every the program moves to a new thread, in the middle of what
it does, under the next of the services modules given, or the same one anew. If
a new host is no good it goes on in the old one; that is said, and counted.

Ends with the program's own exit code, or with
    1  the program could not be run, or its output could not be written
    2  the command line is wrong
  129, 130, 143  after SIGHUP, SIGINT, SIGTERM
  134  the program trapped
  141  nobody reads its output any more

--json prints one line on standard error:
  { program, status, ranMs, memoryBytes,
    pauses: null | {
      count, parked, waiting, timeouts, timeToSafepointMs, blackoutMs,
      guestBytesCopied, dirtyPages: number | null,
      wallStepMs, monotonicStepMs },
    handovers: null | {
      count, failed, timeToSafepointMs, captureMs, synthesisMs, compileMs,
      restoreMs, blackoutMs, frames, cacheMisses, guestBytesCopied } }
Times and frames are null | { p50, p99, max }.

Examples:
  stillpoint run app.wasm --dir ./data::/data -- --verbose input.txt
  stillpoint run python.wasm --freeze-every 20 --freeze-for 5 --pauses \\
    -- -c "print(sum(range(10**8)))"
  stillpoint run app.wasm --handover-every 500 --pauses \\
    --services v1.mjs --services v2.mjs`;

export function addRun(program: Command): void {
  program
    .command("run")
    .summary("run a WASI program, and freeze it or hand it over now and then")
    .description("Runs a WASI program: a module as it was compiled, or an image made by `stillpoint prepare`.")
    .argument("<file>", "module or image")
    .argument("[arguments...]", 'for the program, after "--"')
    .option("--dir <host::guest>", "a directory the program sees; may be repeated", directoriesOf)
    .option("--env <key=value>", "a variable the program sees; KEY alone passes it on; may be repeated", environmentOf)
    .option("--freeze-every <ms>", "freeze the program this long after it went on", millisecondsOf)
    .option("--freeze-for <ms>", `how long each pause lasts (default: ${FREEZE_FOR_MS})`, millisecondsOf)
    .option("--handover-every <ms>", "hand the program to a new host this long after the last one", millisecondsOf)
    .addOption(
      new Option("--clock <policy>", "whether its monotonic clock counts pauses")
        .choices(["include", "exclude", "slew"])
        .default("include"),
    )
    .addOption(
      new Option("--track <how>", "count the pages written between pauses")
        .choices(["none", "marks", "scan"])
        .default("none"),
    )
    .option("--memory-max <bytes>", "limit of its memory, such as 64MiB", bytesOf)
    .option("--services <url-or-path>", "a services module: host functions besides WASI; may be repeated", moduleUrlsOf)
    .option("--pauses", "show pauses and handovers on standard error")
    .option("--json", "print an account of the run on standard error")
    .addHelpText("after", HELP)
    .action(async (file: string, args: string[], options: RunOptions, command: Command) => {
      const { freezeEvery, freezeFor, handoverEvery, services = [], pauses } = options;
      if (freezeEvery === undefined && freezeFor !== undefined) {
        command.error("error: --freeze-for needs --freeze-every");
      }
      if (freezeEvery === undefined && handoverEvery === undefined && pauses) {
        command.error("error: --pauses needs --freeze-every or --handover-every");
      }
      if (handoverEvery === undefined && services.length > 1) {
        command.error("error: more than one --services need --handover-every");
      }
      const status = await run(file, args, options);
      // Standard input may have been left in the middle of a read, which nothing but this ends.
      process.exit(status);
    });
}
