/**
 * Ours beside all other ways: two processes that live as long as the question, and have a turn before each of the others and after the last.
 * What disturbs the machine for a while then is in both, and in the others. Each is one of the A/A rows; together they are what
 * the others are compared with.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { median, noiseOf } from "../support/quantiles.ts";
import type { Run } from "../support/question.ts";
import { shuffled } from "../support/rounds.ts";
import type { FromOurs, ToOurs } from "./stillpoint-process.ts";
import type { Pause } from "./way.ts";

/** Longest until a process has booted and warmed up its guests, or had its turn, ms. */
const LIMIT_MS = 3 * 60_000;

/** One of the processes. */
class Process {
  readonly #child: ChildProcess;
  readonly #run: Run;

  constructor(stream: number, run: Run) {
    this.#run = run;
    this.#child = fork(new URL("stillpoint-process.ts", import.meta.url), [`${stream}`], {
      stdio: ["ignore", 2, 2, "ipc"],
    });
  }

  /** @throws {Error} it ended, or was ended because it hangs. */
  #heard<T extends FromOurs["type"]>(type: T): Promise<Extract<FromOurs, { type: T }>> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT_MS);
      const end = (): void => {
        clearTimeout(limit);
        this.#child.off("message", hear).off("exit", exited);
      };
      const hear = (message: FromOurs): void => {
        if (message.type === "progress") this.#run.progress(`stillpoint: ${message.text}`);
        if (message.type !== type) return;
        end();
        resolve(message as Extract<FromOurs, { type: T }>);
      };
      const exited = (code: number | null, signal: string | null): void => {
        end();
        reject(new Error(`stillpoint: failed (${signal ?? `exit code ${code}`})`));
      };
      this.#child.on("message", hear).on("exit", exited);
    });
  }

  #tell(message: ToOurs): void {
    this.#child.send(message);
  }

  async opened(): Promise<void> {
    await this.#heard("ready");
  }

  async turn(): Promise<void> {
    this.#tell("turn");
    await this.#heard("ready");
  }

  /** All that it has counted; the process ends. */
  async close(): Promise<readonly Pause[]> {
    this.#tell("pauses");
    const { pauses } = await this.#heard("pauses");
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
    return pauses;
  }
}

export class Ours {
  readonly #processes: readonly [first: Process, again: Process];
  readonly #run: Run;

  private constructor(processes: readonly [Process, Process], run: Run) {
    this.#processes = processes;
    this.#run = run;
  }

  static async open(run: Run): Promise<Ours> {
    const open = async (stream: number): Promise<Process> => {
      const process = new Process(stream, run);
      await process.opened();
      return process;
    };
    // One warms up after the other.
    return new Ours([await open(1), await open(2)], run);
  }

  async turn(): Promise<void> {
    for (const process of shuffled(this.#processes, this.#run.random)) await process.turn();
  }

  async close(): Promise<OwnPauses> {
    const [first, again] = this.#processes;
    return new OwnPauses(await first.close(), await again.close());
  }
}

/** What both processes have measured. */
export class OwnPauses {
  readonly first: readonly Pause[];
  readonly again: readonly Pause[];

  constructor(first: readonly Pause[], again: readonly Pause[]) {
    this.first = first;
    this.again = again;
  }

  /** The median of both together, and how far their own medians differ. */
  of({ way, guest }: Pick<Pause, "way" | "guest">): { readonly p50: number; readonly noise: number } {
    const [first, again] = [this.first, this.again].map(
      (pauses) => pauses.find((pause) => pause.way === way && pause.guest === guest)!.samplesMs,
    ) as [readonly number[], readonly number[]];
    return { p50: median([...first, ...again]), noise: noiseOf(median(again) / median(first)) };
  }
}
