/**
 * The program runs in a virtual machine, which is stopped or saved as a whole: QEMU, by its own protocol (QMP).
 *
 * The machine boots a sector that counts, with KVM where the system lets us and without (TCG). Its memory is a file that this process can
 * read, so that another thread sees the count move and stand still (bench/support/watch.ts): timed is how long it stood still, not the
 * commands. Each page has a word in it, as in our kernels.
 *
 *   stop, cont                in place
 *   savevm, loadvm            the state is written to the disk's image and read back
 *
 * It would change with: how much memory is in use, the disk, and hardware support for virtual machines.
 */

import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Run } from "../support/question.ts";
import { Watch } from "../support/watch.ts";
import { bootable, COUNT_AT, MEMORY_FROM, PAGE_BYTES } from "./machine.ts";
import { FREEZE, isBehind, kernelName, MACHINE_MIB, Missing, machineName, type Pause, type Way } from "./way.ts";

const COUNTS = { full: { warmups: 2, stops: 100, saves: 6 }, smoke: { warmups: 1, stops: 5, saves: 2 } };

const MIB = 2 ** 20;
const PROGRAM = "qemu-system-x86_64";
/** A snapshot's name. */
const SNAPSHOT = "still";
const WORD = Uint8Array.of(1, 0, 0, 0);
/** Firmware writes to the place of the count as well, but not higher and higher for so many times. */
const TURNS_MIN = 5;

type Accelerator = "kvm" | "tcg";

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

class Machine implements AsyncDisposable {
  readonly memory: string;
  readonly disk: string;
  readonly #folders: readonly string[];
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  /** Who waits for the reply to a command, in the order of the commands. */
  readonly #waiting: ((reply: Reply) => void)[] = [];

  constructor(mib: number, accelerator: Accelerator) {
    // Its memory in memory, its disk on a disk.
    this.#folders = [existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), tmpdir()].map((folder) =>
      mkdtempSync(join(folder, "stillpoint-")),
    );
    this.memory = join(this.#folders[0]!, "memory");
    this.disk = join(this.#folders[1]!, "disk.qcow2");
    const raw = join(this.#folders[1]!, "disk.raw");
    writeFileSync(raw, bootable(MIB));
    execFileSync("qemu-img", ["convert", "-O", "qcow2", raw, this.disk]);
    const options = [
      ["-nodefaults", "-display", "none", "-qmp", "stdio"],
      ["-accel", accelerator, "-machine", "pc,memory-backend=ram", "-m", `${mib}`],
      ["-object", `memory-backend-file,id=ram,size=${mib}M,mem-path=${this.memory},share=on`],
      ["-drive", `file=${this.disk},format=qcow2,if=ide`],
    ].flat();
    this.#process = spawn(PROGRAM, options, { stdio: ["pipe", "pipe", "ignore"] });
    // Where it ends by itself, what is written to it has nowhere to go; whoever waits is told so.
    this.#process.stdin.on("error", () => undefined);
    this.#process.on("close", () => {
      for (const resolve of this.#waiting) resolve({ error: { desc: `${PROGRAM} has ended` } });
    });
    createInterface(this.#process.stdout).on("line", (line) => {
      const reply = JSON.parse(line) as Reply & { event?: string; QMP?: unknown };
      if (reply.event === undefined && reply.QMP === undefined) this.#waiting.shift()?.(reply);
    });
  }

  async command(execute: string, parameters?: object): Promise<unknown> {
    if (this.#process.exitCode !== null) throw new Error(`${PROGRAM} has ended`);
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.push(resolve);
      this.#process.stdin.write(`${JSON.stringify({ execute, ...(parameters && { arguments: parameters }) })}\n`);
    });
    if (reply.error !== undefined) throw new Error(reply.error.desc);
    return reply.return;
  }

  /** A command of the monitor for people, which answers nothing if all is well. */
  async monitor(line: string): Promise<void> {
    const answer = await this.command("human-monitor-command", { "command-line": line });
    if (answer !== "") throw new Error(`${line}: ${answer}`);
  }

  fill(mib: number): void {
    const file = openSync(this.memory, "r+");
    for (let at = MEMORY_FROM; at < mib * MIB; at += PAGE_BYTES) writeSync(file, WORD, 0, WORD.length, at);
    closeSync(file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode } = this.#process;
    if (exitCode === null) {
      this.#process.kill("SIGKILL");
      await once(this.#process, "close");
    }
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}

interface Trip {
  readonly name: string;
  readonly count: "stops" | "saves";
  make(machine: Machine): Promise<void>;
}

const TRIPS: readonly Trip[] = [
  {
    name: "stop, cont",
    count: "stops",
    make: async (machine) => {
      await machine.command("stop");
      await machine.command("cont");
    },
  },
  {
    name: "savevm, loadvm",
    count: "saves",
    make: async (machine) => {
      await machine.command("stop");
      await machine.monitor(`savevm ${SNAPSHOT}`);
      await machine.monitor(`loadvm ${SNAPSHOT}`);
      await machine.command("cont");
    },
  },
];

async function measure(machine: Machine, accelerator: Accelerator, mib: number, run: Run): Promise<Pause[]> {
  const counts = run.full ? COUNTS.full : COUNTS.smoke;
  const pauses: Pause[] = [];
  await using watch = await Watch.start({ file: machine.memory, at: COUNT_AT });
  for (let turns = 0; turns < TURNS_MIN; ) {
    const before = watch.count;
    await watch.turn();
    turns = watch.count > before ? turns + 1 : 0;
  }
  machine.fill(mib);
  for (const { name, count, make } of TRIPS) {
    run.progress(`${accelerator}, ${mib} MiB: ${name}`);
    const diskBytes = statSync(machine.disk).size;
    const samplesMs: number[] = [];
    for (let i = -counts.warmups; i < counts[count]; i++) {
      const before = watch.count;
      const ms = await watch.longestMs(() => make(machine));
      if (i >= 0) samplesMs.push(ms);
      if (isBehind(watch.count, before)) throw new Error("the machine has lost what it had counted");
    }
    pauses.push({
      way: `QEMU, ${accelerator.toUpperCase()}: ${name}`,
      guest: machineName(mib),
      keeps: "whole machine",
      newHost: count === "saves" ? "not timed" : "no",
      stopsAt: "anywhere",
      samplesMs,
      // What the first snapshot added to the image; later ones take its place.
      bytes: statSync(machine.disk).size - diskBytes,
      counterpart: { way: FREEZE, guest: kernelName(mib) },
    });
  }
  return pauses;
}

export const way: Way = {
  measure: async (run) => {
    for (const program of [PROGRAM, "qemu-img"]) {
      if (spawnSync(program, ["--version"], { stdio: "ignore" }).status !== 0)
        throw new Missing(
          `there is no ${program}; Debian's packages qemu-system-x86 and qemu-utils have it (npm run bench:install)`,
        );
    }
    const pauses: Pause[] = [];
    const notes = [
      "QEMU: seen from outside, by a thread that reads the machine's memory. Its saved state outlives the process; any program runs in it as it is.",
    ];
    for (const accelerator of run.full ? (["tcg", "kvm"] as const) : (["tcg"] as const)) {
      for (const mib of run.full ? MACHINE_MIB.full : MACHINE_MIB.smoke) {
        await using machine = new Machine(mib, accelerator);
        try {
          await machine.command("qmp_capabilities");
        } catch (error) {
          if (accelerator === "tcg") throw error;
          notes.push(`QEMU with KVM does not start here: ${(error as Error).message}.`);
          break;
        }
        pauses.push(...(await measure(machine, accelerator, mib, run)));
      }
    }
    return { pauses, notes };
  },
};
