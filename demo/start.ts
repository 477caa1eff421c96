/**
 * `npm start`: what is under a running program is stopped and replaced, and the program is shown not to have noticed.
 *
 *   pauses        three programs are frozen hundreds of times each
 *   replacement   one program in the middle of its work gets other host functions, in another Worker; a broken version is refused
 *   wave          the same for a set of guests, announced, approved from inside, one update domain after the other
 *
 * Only names that the package exports are used. SP_SEED repeats the moments of a run as far as the machine's own timing lets
 * it. Ends with code 1 if anything is not as it should be.
 */

import { loadModules } from "./modules.ts";
import { pauses } from "./pauses.ts";
import { replacement } from "./replacement.ts";
import { milliseconds, say, styled } from "./screen.ts";
import { wave } from "./wave.ts";

const startedMs = performance.now();
const seed = Number(process.env.SP_SEED ?? Math.floor(Math.random() * 2 ** 32));

say(
  styled(
    "bold",
    `Programs that know nothing of it are stopped wherever they happen to be, and what they run on is replaced under them,
with their memory left where it is. In the end each must have printed, byte for byte, what it prints undisturbed.`,
  ),
);
say(`\nNode ${process.version}, seed ${seed} (SP_SEED=${seed} npm start repeats it)`);
const modules = await loadModules();
say(`prepared CPython and QuickJS as their packages ship them, ${milliseconds(performance.now() - startedMs)}`);

const acts = { pauses, replacement, wave };
const failed: string[] = [];
for (const [name, act] of Object.entries(acts)) {
  say(styled("bold", `\n── ${name} ──\n`));
  if (!(await act(modules, seed))) failed.push(name);
}

const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
say(
  failed.length === 0
    ? styled("green", `\nNo program noticed. ${seconds} s.`)
    : styled("red", `\nThis is not what should have happened: see ${failed.join(", ")}. ${seconds} s. Seed ${seed}.`),
);
process.exitCode = failed.length === 0 ? 0 : 1;
