/**
 * Whole programs in process: run undisturbed and captured at seeded random moments. What they print, how often they poll and all of
 * memory at the end must be equal.
 */
import * as assert from "uvu/assert";
import type { Image } from "../../dist/prepare/image.js";
import { ExitSignal } from "../../dist/wasi/host.js";
import { createWasi, type Wasi } from "../../dist/wasi/wasi.js";
import { Machine } from "../wasi/machine.ts";
import { CapturedGuest, type Counts } from "./captured.ts";
import { Random } from "./random.ts";
import type { FunctionType } from "./signatures.ts";

export interface Ended {
  readonly text: string;
  readonly memory: Uint8Array;
  readonly counts: Counts;
}

export type Run = (wants: () => boolean) => Ended;

type Imports = Record<string, Record<string, (...args: never[]) => unknown>>;

export const endOf = (text: string, guest: CapturedGuest): Ended => ({
  text,
  memory: new Uint8Array(guest.memory.buffer).slice(),
  counts: guest.counts,
});

const VOID: FunctionType = { params: [], results: [] };

/** A machine of which every run reads the same. */
export function stillMachine(args: readonly string[]): Machine {
  let ns = 0n;
  const next = () => (ns += 1000n);
  return new Machine({
    args: [...args],
    env: { PYTHONHASHSEED: "0" },
    random: (into) => into.fill(7),
    clock: { wallNs: () => 1_700_000_000_000_000_000n + next(), monotonicNs: next, cpuNs: next },
  });
}

export function wasiImports(image: Image, machine: Machine): Imports {
  let wasi: Wasi | undefined;
  const imports: Imports = {};
  for (const { module, name, kind } of image.info.imports) {
    if (kind !== "function" || module !== "wasi_snapshot_preview1") continue;
    (imports[module] ??= {})[name] = (...args: never[]) => {
      wasi ??= createWasi(machine.host);
      return (wasi.imports[name] as (...args: never[]) => unknown)(...args);
    };
  }
  return imports;
}

/** A command, from its start to its end. */
export function command(image: Image, args: readonly string[], stdin = ""): Run {
  const module = new WebAssembly.Module(image.moduleBytes());
  return (wants) => {
    const machine = stillMachine(args);
    machine.stdin.offer(stdin);
    machine.stdin.end();
    const guest = new CapturedGuest(image, module, wasiImports(image, machine), wants);
    machine.memory = guest.memory;
    guest.boot();
    try {
      guest.call("_start", VOID, []);
    } catch (error) {
      if (!(error instanceof ExitSignal)) throw error;
    }
    assert.is(machine.stderr.text, "");
    return endOf(machine.stdout.text, guest);
  };
}

/** Fails unless so many captures are not noticed; gives what the captured run came by. */
export function compareRuns(name: string, run: Run, captures: number): Counts {
  let chances = 0;
  const undisturbed = run(() => {
    chances++;
    return false;
  });
  assert.ok(undisturbed.text.length > 100, undisturbed.text);
  const random = new Random();
  // So many moments drawn, rather than a chance at each: how many come of that would be left to luck.
  const moments = new Set(Array.from({ length: captures }, () => random.below(chances)));
  let moment = 0;
  const { text, memory, counts } = run(() => moments.has(moment++));
  console.log(
    `# ${name}: ${counts.captures} captures (${counts.left} in host calls) in ${counts.polls} polls, ` +
      `at ${counts.places.size} places, up to ${counts.framesMax} frames deep`,
  );
  assert.is(text, undisturbed.text);
  assert.is(counts.polls, undisturbed.counts.polls);
  assert.is(Buffer.compare(memory, undisturbed.memory), 0, "memory differs");
  assert.is(counts.pinned, 0);
  assert.ok(counts.captures > captures / 2);
  return counts;
}
