/**
 * The program runs in an emulated machine, which is stopped or saved as a whole: v86.
 *
 * The machine boots a sector that counts. Its memory has a word in each page, as our kernels' have. Everything is on this thread, and the
 * machine runs in slices of about a millisecond between turns of the event loop; timed is from the call until the machine has done its next
 * slice, of which a thread that only looks on sees the end.
 *
 *   stop, run                 in place
 *   save, restore             the state is taken, given back, and the machine goes on
 *   save, new machine         the state is taken, and a new machine starts with it
 *
 * It would change with: how much memory is in use, and slices. What emulation costs while the program runs is far more than any pause and
 * is not measured here.
 */

import { readFileSync } from "node:fs";
import { V86 } from "v86";
import type { Run } from "../support/question.ts";
import { bootable, COUNT_AT, MEMORY_FROM, PAGE_BYTES } from "./machine.ts";
import {
  FREEZE,
  HANDOVER,
  isBehind,
  kernelName,
  MACHINE_MIB,
  Missing,
  machineName,
  type Pause,
  type Way,
} from "./way.ts";

const COUNTS = { full: { warmups: 2, stops: 200, saves: 5 }, smoke: { warmups: 1, stops: 5, saves: 2 } };

const MIB = 2 ** 20;
const FLOPPY_BYTES = 1440 * 1024;
const VGA_BYTES = 2 * MIB;
/** Longest until a machine counts, ms. */
const LIMIT_MS = 20_000;

/** Firmware is no part of the package. */
function firmware(name: string): ArrayBuffer {
  try {
    return new Uint8Array(readFileSync(`/usr/share/seabios/${name}`)).buffer;
  } catch {
    throw new Missing("v86 needs the firmware of Debian's package seabios (npm run bench:install)");
  }
}

/** A machine that counts. */
class Machine implements AsyncDisposable {
  readonly #v86: V86;

  private constructor(v86: V86) {
    this.#v86 = v86;
  }

  static async start(mib: number, state?: ArrayBuffer): Promise<Machine> {
    const v86 = new V86({
      wasm_path: new URL("v86.wasm", import.meta.resolve("v86")).pathname,
      memory_size: mib * MIB,
      vga_memory_size: VGA_BYTES,
      bios: { buffer: firmware("bios.bin") },
      vga_bios: { buffer: firmware("vgabios.bin") },
      fda: { buffer: bootable(FLOPPY_BYTES).buffer },
      autostart: true,
      disable_keyboard: true,
      disable_mouse: true,
      disable_speaker: true,
      ...(state && { initial_state: { buffer: state } }),
    });
    await new Promise<void>((resolve) => v86.add_listener("emulator-started", () => resolve()));
    return new Machine(v86);
  }

  /** Once the firmware has come to the sector, every page gets its word. */
  async fill(mib: number): Promise<void> {
    // Firmware writes to the place as well, but does not count.
    for (const before = performance.now(); ; ) {
      const count = this.count();
      await this.turn();
      if (this.count() > count + 1000) break;
      if (performance.now() - before > LIMIT_MS) throw new Error("the machine does not boot");
    }
    for (let at = MEMORY_FROM; at < mib * MIB; at += PAGE_BYTES) this.#v86.write_memory([1, 0, 0, 0], at);
  }

  count(): number {
    const { buffer, byteOffset } = this.#v86.read_memory(COUNT_AT, 4);
    return new DataView(buffer, byteOffset).getUint32(0, true);
  }

  async turn(): Promise<void> {
    const before = this.count();
    const fromMs = performance.now();
    while (this.count() === before) {
      if (performance.now() - fromMs > LIMIT_MS) throw new Error("the machine does not count");
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stopAndRun(): Promise<void> {
    await this.#v86.stop();
    await this.#v86.run();
  }

  save(): Promise<ArrayBuffer> {
    return this.#v86.save_state();
  }

  restore(state: ArrayBuffer): Promise<void> {
    return this.#v86.restore_state(state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#v86.destroy();
  }
}

interface Trip {
  readonly name: string;
  readonly newHost: Pause["newHost"];
  readonly count: "stops" | "saves";
  /** Answers the machine that goes on. */
  make(machine: Machine, mib: number): Promise<Machine>;
}

const TRIPS: readonly Trip[] = [
  {
    name: "stop, run",
    newHost: "no",
    count: "stops",
    make: async (machine) => {
      await machine.stopAndRun();
      return machine;
    },
  },
  {
    name: "save_state, restore_state",
    newHost: "no",
    count: "saves",
    make: async (machine) => {
      await machine.restore(await machine.save());
      return machine;
    },
  },
  {
    name: "save_state, new machine",
    newHost: "yes",
    count: "saves",
    make: async (machine, mib) => {
      const state = await machine.save();
      await machine[Symbol.asyncDispose]();
      return Machine.start(mib, state);
    },
  },
];

async function measure(mib: number, { full, progress }: Run): Promise<Pause[]> {
  const counts = full ? COUNTS.full : COUNTS.smoke;
  const pauses: Pause[] = [];
  let machine = await Machine.start(mib);
  await machine.fill(mib);
  const { byteLength } = await machine.save();
  for (const { name, newHost, count, make } of TRIPS) {
    progress(`${name}, ${mib} MiB`);
    const samplesMs: number[] = [];
    for (let i = -counts.warmups; i < counts[count]; i++) {
      const before = machine.count();
      const fromMs = performance.now();
      machine = await make(machine, mib);
      await machine.turn();
      if (i >= 0) samplesMs.push(performance.now() - fromMs);
      if (isBehind(machine.count(), before)) throw new Error("the machine has lost what it had counted");
    }
    pauses.push({
      way: `v86: ${name}`,
      guest: machineName(mib),
      keeps: "whole machine",
      newHost,
      stopsAt: "anywhere",
      samplesMs,
      bytes: count === "saves" ? byteLength : 0,
      counterpart: { way: newHost === "yes" ? HANDOVER : FREEZE, guest: kernelName(mib) },
    });
  }
  await machine[Symbol.asyncDispose]();
  return pauses;
}

export const way: Way = {
  measure: async (run) => {
    const pauses: Pause[] = [];
    for (const mib of run.full ? MACHINE_MIB.full : MACHINE_MIB.smoke) pauses.push(...(await measure(mib, run)));
    return { pauses, notes: ["v86: pauses are as long as its slices at the least; any program runs in it as it is."] };
  },
};
