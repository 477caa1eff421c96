/**
 * Other work on the machine: for each core a process that computes all the time, kept there where the system can do that. Between
 * its turns it is stopped by a signal, so that one run may have the machine idle and busy in turns.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";

const pins: boolean = spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0;

export class Load implements AsyncDisposable {
  readonly cores: number = cpus().length;
  readonly #processes: readonly ChildProcess[];

  constructor() {
    this.#processes = Array.from({ length: this.cores }, (_, core) => {
      const command = [...(pins ? ["taskset", "-c", `${core}`] : []), process.execPath, "-e", "for (;;);"];
      return spawn(command[0]!, command.slice(1), { stdio: "ignore" });
    });
    this.stop();
  }

  #signal(signal: NodeJS.Signals): void {
    for (const process of this.#processes) {
      if (!process.kill(signal)) throw new Error("a process that should load a core has gone");
    }
  }

  go(): void {
    this.#signal("SIGCONT");
  }

  stop(): void {
    this.#signal("SIGSTOP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = this.#processes.map((process) => once(process, "exit"));
    // It takes effect on a stopped process, too.
    this.#signal("SIGKILL");
    await Promise.all(gone);
  }
}
