#!/usr/bin/env node
/** The command `stillpoint`. Each subcommand is a file beside this one. */

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addEvents } from "./control/events.ts";
import { addGuests } from "./control/guests.ts";
import { addTop } from "./control/top.ts";
import { addWaves } from "./control/waves.ts";
import { reportFailure } from "./exit-status.ts";
import { addInspect } from "./inspect.ts";
import { addPrepare } from "./prepare.ts";
import { addRun } from "./run.ts";
import { addServe } from "./serve/command.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("stillpoint")
  .description("Freezes a running WebAssembly program in microseconds, with its memory left where it is.")
  .version(version, "-v, --version", "print the version")
  .helpOption("-h, --help", "print this")
  .helpCommand(false)
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "stillpoint: ")) })
  .showHelpAfterError('("stillpoint --help" and "stillpoint run --help" say what there is.)')
  .exitOverride();

addRun(program);
addPrepare(program);
addInspect(program);
addServe(program);
addGuests(program);
addWaves(program);
addEvents(program);
addTop(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error);
}
