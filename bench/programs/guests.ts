/**
 * Guests that never end by themselves, at work or waiting: what is frozen, handed over and compared while it lives.
 *
 * Where a program can, it counts its turns in a word of its own memory, by which its speed is read from outside, whatever Worker it is
 * in. An interpreter puts that word where it likes: it stands behind two words that occur nowhere else, and is looked for.
 */

import { type BootOptions, type Fleet, type Guest, type Image, prepareSync } from "../../dist/index.js";
import { assemble } from "../../test/support/assemble.ts";
import { nativeWasm } from "../../test/support/native.ts";
import { CPYTHON_LOOP, cpython } from "./cpython.ts";
import { kernels } from "./kernels.ts";
import { quickJs } from "./quickjs.ts";

export interface Subject {
  readonly name: string;
  /** Whether it computes: only such a guest is frozen in mid-execution. */
  readonly busy: boolean;
  /** With a name of its own where it is booted more than once. */
  boot(fleet: Fleet, options?: Partial<BootOptions>): Promise<Living>;
}

export interface Living {
  readonly guest: Guest;
  /** How many turns it has done, modulo 2^32; undefined where it does not count. */
  readonly turns: (() => number) | undefined;
}

/** What no program has side by side in its memory. Above 2^30: CPython keeps no such number in one word of an integer. */
const BESIDE = [0xd15ea5e5, 0xc0ffee4b] as const;

const images = new Map<Uint8Array, Image>();
export function imageOf(bytes: Uint8Array<ArrayBuffer>): Image {
  const image = images.get(bytes) ?? prepareSync(bytes);
  images.set(bytes, image);
  return image;
}

/** Address of these words, which have to be in memory once. */
function find(guest: Guest, wanted: readonly number[]): Promise<number> {
  return guest.withFrozen(({ buffer }) => {
    const words = new Uint32Array(buffer);
    const found: number[] = [];
    for (let at = words.indexOf(wanted[0]!); at >= 0; at = words.indexOf(wanted[0]!, at + 1)) {
      if (wanted.every((word, i) => words[at + i] === word)) found.push(4 * at);
    }
    if (found.length !== 1) throw new Error(`${guest.name}: its count is in ${found.length} places`);
    return found[0]!;
  });
}

/** The memory may grow, which replaces its buffer, so it is asked for each time. */
const wordAt =
  (guest: Guest, ptr: number, scale = 1): (() => number) =>
  () =>
    Math.floor(Atomics.load(new Uint32Array(guest.memory.buffer), ptr / 4) / scale);

async function counting(guest: Guest): Promise<Living> {
  return { guest, turns: wordAt(guest, (await find(guest, BESIDE)) + 4 * BESIDE.length) };
}

/** A call that only ends with the guest. */
function callForever(guest: Guest, name: string, ...args: readonly unknown[]): void {
  guest.call(name, args).catch(() => undefined);
}

async function place(guest: Guest, { ptr, data }: { ptr: number; data: Uint8Array<ArrayBuffer> }): Promise<void> {
  await guest.withFrozen(() => guest.write({ ptr, data }));
}

const utf8 = new TextEncoder();

function pythonThat(name: string, busy: boolean, script: string): Subject {
  return {
    name,
    busy,
    boot: async (fleet, options) => {
      const guest = await fleet.boot(imageOf(cpython.bytes), {
        name,
        args: ["python", "-c", script],
        stdout: "pipe",
        ...options,
      });
      // It says that it is ready.
      await guest.stdout!.getReader().read();
      return busy ? counting(guest) : { guest, turns: undefined };
    },
  };
}

export const cpythonLoop: Subject = pythonThat(
  "CPython, loop",
  true,
  `import array\nturns = array.array("I", [${BESIDE.join()}, 0])\n${CPYTHON_LOOP}    turns[2] += 1\n`,
);

export const cpythonAsleep: Subject = pythonThat(
  "CPython, asleep",
  false,
  'import time\nprint("ready", flush=True)\ntime.sleep(1e6)',
);

const QUICKJS_BEGIN = `const turns = Uint32Array.of(${BESIDE.join()}, 0), table = new Map();`;
const QUICKJS_LOOP = `
  for (;; turns[2]++) for (let i = 0; i < 2000; i++) {
    const key = "k" + (i * 7919) % 1009;
    table.set(key, (table.get(key) ?? 0) + key.split("").length);
  }`;

/** The script is begun through the engine's exports: a call of the services would be JavaScript around the guest, which cannot be moved. */
export const quickJsLoop: Subject = {
  name: "QuickJS, loop",
  busy: true,
  boot: async (fleet, options) => {
    const services = new URL("../../demo/quickjs.services.js", import.meta.url);
    const guest = await fleet.boot(imageOf(quickJs.bytes), { name: "QuickJS, loop", services, ...options });
    const call = (name: string, ...args: number[]): Promise<number> => guest.call(name, args);
    const written = async (text: string): Promise<number> => {
      const data = utf8.encode(`${text}\0`);
      const ptr = await call("wasm_malloc", data.length);
      await place(guest, { ptr, data });
      return ptr;
    };
    await call("qjs_init");
    const file = await written("loop.js");
    await call("qjs_eval", await written(QUICKJS_BEGIN), QUICKJS_BEGIN.length, file, 0);
    callForever(guest, "qjs_eval", await written(QUICKJS_LOOP), QUICKJS_LOOP.length, file, 0);
    return counting(guest);
  },
};

const sqliteWasm = nativeWasm("sqlite-reactor");
/** What the first query answers is so long: a number that can be looked for. */
const FIRST_BYTES = 0xfe1d;
/** A query that goes on for ever, and adds a line of two bytes to its answer from time to time. */
const QUERY = `with recursive c (x, y) as (select 0, 1 union all select x + 1, (y * 31 + x) % 100003 from c)
  select 1 from c where x % 500 = 499`;

/** Undefined where there was no compiler to build it. */
export const sqliteQuery: Subject | undefined = sqliteWasm && {
  name: "SQLite, query",
  busy: true,
  boot: async (fleet, options) => {
    const guest = await fleet.boot(imageOf(sqliteWasm), { name: "SQLite, query", ...options });
    const prompt = async (sql: string): Promise<void> => {
      const data = utf8.encode(sql);
      await place(guest, { ptr: await guest.call<number>("input", [data.length]), data });
    };
    await prompt(`select printf('%.${FIRST_BYTES - 1}c', 'x')`);
    const bytes = await guest.call<number>("run");
    const answer = await find(guest, [await guest.call<number>("output"), bytes]);
    await prompt(QUERY);
    callForever(guest, "run");
    return { guest, turns: wordAt(guest, answer + 4, 2) };
  },
};

export const tightLoop: Subject = {
  name: "tight loop",
  busy: true,
  boot: async (fleet, options) => {
    const guest = await fleet.boot(imageOf(kernels.bytes), { name: "tight loop", ...options });
    const ptr = await guest.call<number>("spinPtr");
    callForever(guest, "spin");
    return { guest, turns: wordAt(guest, ptr) };
  },
};

export const recursion: Subject = {
  name: "recursion",
  busy: true,
  boot: async (fleet, options) => {
    const guest = await fleet.boot(imageOf(kernels.bytes), { name: "recursion", ...options });
    callForever(guest, "fib", 90);
    return { guest, turns: undefined };
  },
};

export const idle: Subject = {
  name: "idle reactor",
  busy: false,
  boot: async (fleet, options) => ({
    guest: await fleet.boot(imageOf(kernels.bytes), { name: "idle reactor", ...options }),
    turns: undefined,
  }),
};

const deepWasm: Uint8Array<ArrayBuffer> = assemble(`(module
  (memory (export "memory") 1 1)
  (func $down (export "down") (param $depth i32) (result i32)
    (if (i32.eqz (local.get $depth))
      (then (loop $again
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (br $again))))
    (i32.add (call $down (i32.sub (local.get $depth) (i32.const 1))) (local.get $depth))))`)!;

/** Calls itself until it is this deep, and counts there. */
export function deep(depth: number): Subject {
  const name = `loop at depth ${depth}`;
  return {
    name,
    busy: true,
    boot: async (fleet, options) => {
      const guest = await fleet.boot(imageOf(deepWasm), { name, ...options });
      callForever(guest, "down", depth - 1);
      return { guest, turns: wordAt(guest, 0) };
    },
  };
}
