/**
 * Asks one question in a process of its own, so that none is answered in the heap, the code cache or the threads that another left
 * behind. Whatever becomes of that process, the others are asked.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Answered, Unanswered } from "../report/report.ts";
import type { FromQuestion } from "./ask.ts";

/** Far above what any of them takes: it only ends what hangs. */
const LIMIT_MS = 15 * 60_000;

/** What keeps a process on the last core, which the system itself uses least; nothing where there is no such tool. */
const pinned: readonly string[] =
  spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0
    ? ["taskset", "-c", `${cpus().length - 1}`]
    : [];

export interface Asked {
  readonly name: string;
  readonly full: boolean;
  readonly seed: number;
  /** Whether one core is enough for it. */
  readonly oneCore: boolean;
  readonly progress: (text: string) => void;
}

function start({ name, full, seed, oneCore }: Asked): ChildProcess {
  const command = [
    ...(oneCore ? pinned : []),
    process.execPath,
    ...process.execArgv,
    "--disable-warning=ExperimentalWarning",
    fileURLToPath(new URL("ask.ts", import.meta.url)),
    name,
  ];
  return spawn(command[0]!, command.slice(1), {
    // What is shared with tests ends a process that takes longer than a test may, unless it is a full one.
    env: { ...process.env, SP_BENCH: full ? "full" : "smoke", SP_FULL: "1", SP_SEED: `${seed}` },
    // What a question or its guests print is not part of the report; what they complain of is for the reader.
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // JSON has no word for what is not a number.
    serialization: "advanced",
  });
}

export function ask(asked: Asked): Promise<Answered | Unanswered> {
  const from = performance.now();
  const child = start(asked);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, LIMIT_MS);
  let title = asked.name;
  let answered: Omit<Answered, "title" | "seconds"> | undefined;
  let reason: string | undefined;
  let chapter: Answered["chapter"] | undefined;
  let cores: string | undefined;
  child.on("message", (message: FromQuestion) => {
    if (message.type === "title") ({ title, chapter, cores } = message);
    else if (message.type === "progress") asked.progress(message.text);
    else if (message.type === "failed") reason ??= message.reason;
    else answered = { chapter: chapter!, ...(cores !== undefined && { cores }), ...message.answer };
  });
  return new Promise((resolve) => {
    const end = (why: string): void => {
      clearTimeout(limit);
      const seconds = (performance.now() - from) / 1000;
      if (answered !== undefined && reason === undefined) resolve({ title, seconds, ...answered });
      else resolve({ title, seconds, reason: reason ?? (late ? `no answer in ${LIMIT_MS / 60_000} minutes` : why) });
    };
    child.on("error", (error) => end(error.message));
    child.on("close", (code, signal) => end(`its process ended without an answer (${signal ?? `exit code ${code}`})`));
  });
}
