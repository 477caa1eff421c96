/**
 * The program is a native process, which is dumped to files, ends, and is restored under the same number: CRIU.
 *
 * A C program counts in as much memory as our kernels have, a word in each page, and shows its count in a file that a thread of ours watches
 * (bench/support/watch.ts): timed is how long it stood still. Where `criu check` finds that it does not know this kernel, CRIU and
 * the program are tried without a vDSO (without-vdso.c), which is where an older CRIU fails on a newer kernel; if that fails too, the
 * reason stands in the table in CRIU's own words.
 *
 * It would change with: how much memory is in use, the disk (nothing is forced to it), and CRIU's own start, of which there are two.
 */

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Run } from "../support/question.ts";
import { Watch } from "../support/watch.ts";
import { HANDOVER, isBehind, kernelName, MACHINE_MIB, Missing, type Pause, type Way } from "./way.ts";

const COUNTS = { full: { warmups: 1, dumps: 10 }, smoke: { warmups: 1, dumps: 2 } };
const PAGE_BYTES = 4096;
/** Longest a dump may take, ms. */
const LIMIT_MS = 60_000;

function compiled(name: string, folder: string): string {
  const program = join(folder, name);
  execFileSync("cc", ["-O2", "-o", program, new URL(`${name}.c`, import.meta.url).pathname], { stdio: "ignore" });
  return program;
}

/** Programs for administrators are not on everybody's path. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

const works = (program: string, ...options: string[]): boolean =>
  spawnSync(program, options, { stdio: "ignore", env }).status === 0;

/** What CRIU says of its failure, without time stamp and place. */
function reason(log: string): string {
  const errors = log.match(/Error .*/g) ?? [];
  // Its probes of the kernel end with errors as well, and the last lines only say that all has failed.
  const own = errors.filter((line) => !/util\.c|crtools|FAILED|[Ff]ailed/.test(line));
  return (own.at(-1) ?? errors.at(-1) ?? "it does not say why").replace(/^Error \([^)]*\): /, "");
}

/** A process that counts, and what dumps and restores it. */
class Dumped implements AsyncDisposable {
  readonly file: string;
  readonly images: string;
  /** What CRIU is started with. */
  readonly #command: readonly string[];
  /** The process's number, the same after each restore. */
  readonly #pid: number;
  /** Its parent among ours: itself at first, then the CRIU that restored it. */
  #parent: ChildProcess;

  constructor(folder: string, { mib, withoutVdso }: { mib: number; withoutVdso: string | undefined }) {
    this.file = join(folder, `count-${mib}`);
    this.images = join(folder, `images-${mib}`);
    writeFileSync(this.file, new Uint8Array(PAGE_BYTES));
    this.#command = withoutVdso === undefined ? ["criu"] : [withoutVdso, "criu"];
    const options = [this.file, `${mib}`, ...(withoutVdso === undefined ? [] : ["without-vdso"])];
    // A session of its own, and no file of ours: nothing outside it has to be dumped.
    this.#parent = spawn(compiled("counter", folder), options, { stdio: "ignore", detached: true });
    this.#pid = this.#parent.pid!;
  }

  #criu(action: string, ...options: string[]): ChildProcess {
    const [program, ...own] = this.#command;
    const log = ["--log-file", `${action}.log`, "-v2"];
    return spawn(program!, [...own, action, "--images-dir", this.images, ...log, ...options], { stdio: "ignore", env });
  }

  #reason(action: string): string {
    return reason(readFileSync(join(this.images, `${action}.log`), "utf8"));
  }

  /** Its memory and all else to files, and its end. */
  async dump(): Promise<void> {
    rmSync(this.images, { recursive: true, force: true });
    mkdirSync(this.images);
    const ended = once(this.#parent, "close");
    const dumping = this.#criu("dump", "--tree", `${this.#pid}`);
    const limit = setTimeout(() => dumping.kill("SIGKILL"), LIMIT_MS);
    const [status] = await once(dumping, "close");
    clearTimeout(limit);
    if (status !== 0) throw new Missing(`CRIU cannot dump here: ${this.#reason("dump")}`);
    // Its number is free when its parent has heard of its end.
    await ended;
  }

  /** Returns when `counts` says that it runs again; until it ends CRIU stays as its parent. */
  async restore(counts: () => boolean): Promise<void> {
    this.#parent = this.#criu("restore");
    while (!counts()) {
      if (this.#parent.exitCode !== null) throw new Missing(`CRIU cannot restore here: ${this.#reason("restore")}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  get imageBytes(): number {
    return readdirSync(this.images).reduce((sum, name) => sum + statSync(join(this.images, name)).size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#parent.exitCode !== null) return;
    const ended = once(this.#parent, "close");
    try {
      process.kill(this.#pid, "SIGKILL");
    } catch {
      // It has not been restored, and CRIU ends by itself.
    }
    await ended;
  }
}

async function measure(folder: string, mib: number, withoutVdso: string | undefined, run: Run): Promise<Pause> {
  const { warmups, dumps } = run.full ? COUNTS.full : COUNTS.smoke;
  await using dumped = new Dumped(folder, { mib, withoutVdso });
  await using watch = await Watch.start({ file: dumped.file, at: 0 });
  await watch.turn();
  const samplesMs: number[] = [];
  let bytes = 0;
  for (let i = -warmups; i < dumps; i++) {
    run.progress(`${mib} MiB: ${i + warmups} of ${warmups + dumps}`);
    const before = watch.count;
    const ms = await watch.longestMs(async () => {
      await dumped.dump();
      const stopped = watch.count;
      await dumped.restore(() => watch.count !== stopped);
    });
    if (i >= 0) samplesMs.push(ms);
    if (isBehind(watch.count, before)) throw new Error("the process has lost what it had counted");
    bytes = dumped.imageBytes;
  }
  return {
    way: "CRIU: dump, restore",
    guest: `process that counts, ${mib} MiB`,
    keeps: "whole process",
    newHost: "yes",
    stopsAt: "anywhere",
    samplesMs,
    bytes,
    counterpart: { way: HANDOVER, guest: kernelName(mib) },
  };
}

export const way: Way = {
  measure: async (run) => {
    if (!works("criu", "--version")) throw new Missing("there is no CRIU (npm run bench:install)");
    if (!works("cc", "--version")) throw new Missing("there is no C compiler (npm run bench:install)");
    const folder = mkdtempSync(join(tmpdir(), "stillpoint-"));
    try {
      const check = spawnSync("criu", ["check"], { encoding: "utf8", env });
      const withoutVdso = check.status === 0 ? undefined : compiled("without-vdso", folder);
      const pauses: Pause[] = [];
      for (const mib of run.full ? MACHINE_MIB.full : MACHINE_MIB.smoke)
        pauses.push(await measure(folder, mib, withoutVdso, run));
      return {
        pauses,
        notes: [
          "CRIU: any process may be dumped as it is, and its images outlive the machine.",
          ...(withoutVdso === undefined
            ? []
            : [
                `CRIU: \`criu check\` says "${reason(check.stderr)}". So it and the process run without a vDSO, as if the kernel had been started so.`,
              ]),
        ],
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
