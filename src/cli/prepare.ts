/** `stillpoint prepare`: a module becomes an image, once, so that `run` and `Image.open` need not prepare it again. */

import { rename, rm, writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { type PrepareOptions, prepare } from "../index.ts";
import { milliseconds, size } from "./figures.ts";
import { LiveLine } from "./live-line.ts";
import { fileError, imageOf, readModule } from "./module-file.ts";

interface PrepareCommandOptions {
  readonly output: string;
  readonly track: NonNullable<PrepareOptions["track"]>;
  readonly polls: NonNullable<PrepareOptions["polls"]>;
  readonly pageBytes: string;
  readonly capture: boolean;
  readonly json?: true;
}

/** All of it or nothing: whoever reads the file meanwhile sees the one before. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError("write", file, error);
  }
}

async function prepareFile(file: string, options: PrepareCommandOptions): Promise<void> {
  const given = await readModule(file);
  const bytes = imageOf(given)?.original() ?? given;
  const live = new LiveLine();
  const startedMs = performance.now();
  const image = await prepare(bytes as BufferSource, {
    track: options.track,
    polls: options.polls,
    capture: options.capture,
    pageBytes: Number(options.pageBytes) as NonNullable<PrepareOptions["pageBytes"]>,
    onProgress: ({ functionsDone, functionsTotal }) => {
      if (process.stderr.isTTY) live.show(() => `${file}: ${functionsDone} of ${functionsTotal} functions`);
    },
  });
  const ms = performance.now() - startedMs;
  live.erase();
  await writeWhole(options.output, image.bytes);
  const [bytesBefore, bytesAfter] = [bytes.length, image.bytes.length];
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ input: file, output: options.output, bytesBefore, bytesAfter, ms, image: image.info })}\n`
      : `${file}, ${size(bytesBefore)} → ${options.output}, ${size(bytesAfter)} in ${milliseconds(ms)}\n`,
  );
}

const HELP = `
The file appears whole or not at all. An image is prepared anew from the
original that it holds.

--json prints one line, with the image as "stillpoint inspect --json" has it:
  { input, output, bytesBefore, bytesAfter, ms, image }

Example:
  stillpoint prepare python.wasm -o python.image.wasm`;

export function addPrepare(program: Command): void {
  program
    .command("prepare")
    .summary("make an image of a module")
    .description("Makes an image of a WebAssembly module: the same program, able to be frozen.")
    .argument("<file>", "module")
    .requiredOption("-o, --output <file>", "where the image goes")
    .addOption(
      new Option("--track <how>", "let every store mark its page as written")
        .choices(["none", "marks"])
        .default("none"),
    )
    .addOption(
      new Option("--polls <kind>", "how the program looks for a request; atomic is slower and never needed on V8")
        .choices(["plain", "atomic"])
        .default("plain"),
    )
    .addOption(
      new Option("--page-bytes <bytes>", "size of a tracking page")
        .choices(["4096", "8192", "16384", "32768", "65536"])
        .default("4096"),
    )
    .option("--no-capture", "smaller code, whose guests cannot be handed to another Worker in the middle of their work")
    .option("--json", "print an account of it as one line of JSON")
    .addHelpText("after", HELP)
    .action(prepareFile);
}
