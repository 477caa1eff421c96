/**
 * The programs that stand still, as guests of stillpoint: each computes and never ends by itself. QuickJS is called through its C
 * interface, so that no JavaScript lies around its stack and it can be handed over.
 */

import { type Fleet, type Guest, type Image, prepareSync } from "../../dist/index.js";
import { assemble } from "../../test/support/assemble.ts";
import { CPYTHON_LOOP, cpython } from "../programs/cpython.ts";
import { quickJs } from "../programs/quickjs.ts";
import { BUDGET_MS } from "../support/freezes.ts";
import { CPYTHON, KERNEL_MIB, kernelName, QUICKJS, QUICKJS_IDLE } from "./way.ts";

export interface Subject {
  readonly name: string;
  boot(fleet: Fleet): Promise<Guest>;
}

const PAGES_PER_MIB = 16;

/** Writes to a word of each 4 KiB, so that all of the memory is really there, and then counts in its first word. */
const counter = (pages: number): string => `(module
  (memory (export "memory") ${pages} ${pages})
  (func (export "count")
    (local $at i32)
    (loop $page
      (i32.store (local.get $at) (i32.const 1))
      (br_if $page
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4096))) (i32.const ${pages * 2 ** 16}))))
    (loop $again
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (br $again))))`;

const kernel = (mib: number): Subject => ({
  name: kernelName(mib),
  boot: async (fleet) => {
    const pages = mib * PAGES_PER_MIB;
    const guest = await fleet.boot(prepareSync(assemble(counter(pages))!), { name: kernelName(mib) });
    guest.call("count").catch(() => undefined);
    const words = new Int32Array(guest.memory.buffer);
    // It counts once every page is there.
    while (Atomics.load(words, 0) < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    return guest;
  },
});

/** What QuickJS has in its memory when it is idle, and what it does for ever when it is not. */
export const QUICKJS_TABLE = `
  const table = new Map();
  const round = () => {
    for (let i = 0; i < 2000; i++) {
      const key = "k" + (i * 7919) % 1009;
      table.set(key, (table.get(key) ?? 0) + key.split("").length);
    }
    return table.size;
  };
  round();`;
const QUICKJS_LOOP = `${QUICKJS_TABLE} for (;;) round();`;

async function place(guest: Guest, text: string): Promise<{ ptr: number; bytes: number }> {
  const data = new TextEncoder().encode(`${text}\0`);
  const ptr = await guest.call<number>("wasm_malloc", [data.length]);
  guest.freezeSync({ budgetMs: BUDGET_MS });
  guest.write({ ptr, data });
  guest.resumeSync();
  return { ptr, bytes: data.length - 1 };
}

const images = new Map<string, Image>();
function imageOf({ name, bytes }: { name: string; bytes: Uint8Array<ArrayBuffer> }): Image {
  const image = images.get(name) ?? prepareSync(bytes);
  images.set(name, image);
  return image;
}

const python: Subject = {
  name: CPYTHON,
  boot: async (fleet) => {
    const args = ["python", "-c", CPYTHON_LOOP];
    const guest = await fleet.boot(imageOf(cpython), { name: CPYTHON, args, stdout: "pipe" });
    await guest.stdout!.getReader().read();
    return guest;
  },
};

function javaScript(name: string, source: string): Subject {
  return {
    name,
    boot: async (fleet) => {
      const services = new URL("../../demo/quickjs.services.js", import.meta.url);
      const guest = await fleet.boot(imageOf(quickJs), { name, services });
      await guest.call("qjs_init");
      const file = await place(guest, "script.js");
      const script = await place(guest, source);
      const done = guest.call("qjs_eval", [script.ptr, script.bytes, file.ptr, 0]);
      if (source === QUICKJS_TABLE) await done;
      else done.catch(() => undefined);
      return guest;
    },
  };
}

export const subjects = (full: boolean): readonly Subject[] => [
  python,
  javaScript(QUICKJS, QUICKJS_LOOP),
  javaScript(QUICKJS_IDLE, QUICKJS_TABLE),
  ...(full ? KERNEL_MIB.full : KERNEL_MIB.smoke).map(kernel),
];
