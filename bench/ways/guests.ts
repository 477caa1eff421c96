/** The programs that stand still here, as guests of stillpoint; all but the idle one compute and never end by themselves. */

import { prepareSync } from "../../dist/index.js";
import { assemble } from "../../test/support/assemble.ts";
import { cpythonLoop, imageOf, quickJsLoop, type Subject } from "../programs/guests.ts";
import { quickJs, TABLE } from "../programs/quickjs.ts";
import { KERNEL_MIB, kernelName } from "./way.ts";

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
  busy: true,
  boot: async (fleet) => {
    const guest = await fleet.boot(prepareSync(assemble(counter(mib * PAGES_PER_MIB))!), { name: kernelName(mib) });
    guest.call("count").catch(() => undefined);
    const words = new Int32Array(guest.memory.buffer);
    const turns = (): number => Atomics.load(words, 0);
    // It counts once every page is there.
    while (turns() < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    return { guest, turns };
  },
});

const quickJsIdle: Subject = {
  name: "QuickJS, idle",
  busy: false,
  boot: async (fleet) => {
    const services = new URL("../../demo/quickjs.services.js", import.meta.url);
    const guest = await fleet.boot(imageOf(quickJs.bytes), { name: quickJsIdle.name, services });
    await guest.call("evaluate", [TABLE]);
    return { guest, turns: undefined };
  },
};

export const subjects = (full: boolean): readonly Subject[] => [
  cpythonLoop,
  quickJsLoop,
  quickJsIdle,
  ...(full ? KERNEL_MIB.full : KERNEL_MIB.smoke).map(kernel),
];
