/** Stock QuickJS through its C interface, with scripts as pieces of work. */

import { readFileSync } from "node:fs";
import { start, type Variant } from "../support/variants.ts";
import { type Program, threadCpuMs } from "./program.ts";

/** Each defines a function of its own name, which answers a number. */
export const SCRIPTS: Readonly<Record<string, string>> = {
  objects: `
    class Account {
      constructor(id) { this.id = id; this.total = 0; this.log = []; }
      add(amount) { this.total = (this.total + amount) % 65521; if (this.log.length < 8) this.log.push({ amount, at: this.total }); return this; }
    }
    function objects() {
      const accounts = [];
      for (let i = 0; i < 300; i++) accounts.push(new Account(i));
      for (let i = 0; i < 40000; i++) accounts[(i * 7919) % 300].add(i & 255);
      return accounts.reduce((sum, { total, log }) => (sum * 31 + total + log.length) % 1000003, 7);
    }`,
  strings: `
    function strings() {
      let sum = 0;
      for (let i = 0; i < 900; i++) {
        const line = "GET /items/" + i + "?page=" + (i % 17) + "&sort=name HTTP/1.1";
        const found = /^(\\w+) \\/(\\w+)\\/(\\d+)\\?(.*) HTTP/.exec(line);
        const query = found[4].split("&").map((pair) => pair.split("=")).map(([key, value]) => key.toUpperCase() + ":" + value).join(",");
        sum = (sum * 33 + query.length + found[3].charCodeAt(0) + query.replace(/[aeiou]/gi, "*").indexOf("*")) % 1000003;
      }
      return sum;
    }`,
  numbers: `
    function numbers() {
      const sieve = new Uint8Array(24000);
      let count = 0;
      for (let i = 2; i < sieve.length; i++) {
        if (sieve[i] !== 0) continue;
        count++;
        for (let j = i * i; j < sieve.length; j += i) sieve[j] = 1;
      }
      const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
      let energy = 0;
      for (let i = 1; i < 12000; i++) energy += Math.sqrt(i) / (i % 13 + 1);
      return count * 1000 + fib(18) + Math.floor(energy);
    }`,
  collections: `
    function collections() {
      const counts = new Map();
      let key = 12345;
      for (let i = 0; i < 9000; i++) {
        key = (key * 1103515245 + 12345) % 2147483648;
        const name = "k" + (key % 701);
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
      const text = JSON.stringify(sorted.map(([name, count]) => ({ name, count, tags: [name.length, count % 3] })));
      return JSON.parse(text).reduce((sum, { name, count }) => (sum * 31 + name.length * count) % 1000003, text.length);
    }`,
};

export interface QuickJs {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  qjs_init(): number;
  wasm_malloc(bytes: number): number;
  qjs_eval(source: number, bytes: number, file: number, flags: number): number;
  qjs_is_exception(value: number): number;
  qjs_get_float64(value: number): number;
  qjs_free_value(value: number): void;
  qjs_set_interrupt_handler(on: number): void;
}

const unused = (): never => {
  throw new Error("a script has called what the bench does not provide");
};

/** The clock seeds Math.random, which no script uses; standing still keeps runs equal. */
const imports: WebAssembly.Imports = {
  env: {
    host_get_timezone_offset: () => 0,
    host_interrupt: () => 0,
    host_promise_rejection: unused,
    host_module_normalize: unused,
    host_module_load: unused,
    host_call: unused,
  },
  wasi_snapshot_preview1: {
    clock_time_get: () => 0,
    random_get: () => 0,
    fd_close: unused,
    fd_fdstat_get: unused,
    fd_seek: unused,
    fd_write: unused,
  },
};

/** An engine that can evaluate, and whose host may answer some imports otherwise. */
export function bootQuickJs(variant: Variant, others: WebAssembly.Imports = {}): QuickJs {
  const all = Object.entries(imports).map(([module, own]) => [module, { ...own, ...others[module] }]);
  const guest = start(variant, Object.fromEntries(all)) as unknown as QuickJs;
  guest._initialize();
  guest.qjs_init();
  return guest;
}

/** Text in guest memory, ended by a zero. */
export function place(guest: QuickJs, text: string): { ptr: number; bytes: number } {
  const encoded = new TextEncoder().encode(`${text}\0`);
  const ptr = guest.wasm_malloc(encoded.length);
  new Uint8Array(guest.memory.buffer).set(encoded, ptr);
  return { ptr, bytes: encoded.length - 1 };
}

export const quickJs: Program = {
  name: "QuickJS",
  real: true,
  bytes: new Uint8Array(readFileSync(new URL(import.meta.resolve("quickjs-wasi/quickjs.wasm")))),
  works: Object.keys(SCRIPTS),
  start: async (variant) => {
    const guest = bootQuickJs(variant);
    const file = place(guest, "work.js");
    const evaluate = (source: { ptr: number; bytes: number }): number => {
      const value = guest.qjs_eval(source.ptr, source.bytes, file.ptr, 0);
      if (guest.qjs_is_exception(value) !== 0) throw new Error("a script has thrown");
      const number = guest.qjs_get_float64(value);
      guest.qjs_free_value(value);
      return number;
    };
    evaluate(place(guest, `${Object.values(SCRIPTS).join("\n")}; 0`));
    const calls = Object.keys(SCRIPTS).map((name) => place(guest, `${name}()`));
    return {
      run: (work) => {
        const from = threadCpuMs();
        const checksum = evaluate(calls[work]!);
        return { cpuMs: threadCpuMs() - from, checksum };
      },
      close: async () => {},
    };
  },
};

/** A loop that is interrupted often enough, a few calls deep. */
export const LONG = `
  const down = (n, i) => (n === 0 ? (i * 7919) % 1009 : down(n - 1, i) + n);
  for (let i = 0, sum = 0; ; i++) sum = (sum + down(12, i)) % 1000003;`;

/** Leaves a table in the memory of an engine that is looked at between two calls. */
export const TABLE = `
  const table = new Map();
  for (let i = 0; i < 2000; i++) {
    const key = "k" + (i * 7919) % 1009;
    table.set(key, (table.get(key) ?? 0) + key.split("").length);
  }`;

/** What Asyncify keeps of the stack lies here, and is as large as this. */
const STACK_BYTES = 1 << 20;

interface Asyncified extends QuickJs {
  asyncify_start_unwind(data: number): void;
  asyncify_stop_unwind(): void;
  asyncify_start_rewind(data: number): void;
  asyncify_stop_rewind(): void;
}

/**
 * Lets a QuickJS that Asyncify has rewritten run until it is interrupted, takes its stack off the thread, and puts it back, again and
 * again. Answers what each trip took, ms.
 */
export function interruptible(variant: Variant, trips: number): number[] {
  const took: number[] = [];
  let state: "runs" | "leaves" | "comes back" = "runs";
  let data = 0;
  let from = 0;
  const interrupt = (): number => {
    if (state === "comes back") {
      guest.asyncify_stop_rewind();
      state = "runs";
      took.push(performance.now() - from);
    } else if (data !== 0) {
      state = "leaves";
      from = performance.now();
      guest.asyncify_start_unwind(data);
    }
    // Anything but 0 ends the script.
    return took.length < trips ? 0 : 1;
  };
  const guest = bootQuickJs(variant, { env: { host_interrupt: interrupt } }) as Asyncified;
  guest.qjs_set_interrupt_handler(1);
  const file = place(guest, "long.js");
  const script = place(guest, LONG);
  const stack = guest.wasm_malloc(STACK_BYTES + 8);
  const view = new DataView(guest.memory.buffer);
  const rest = (): void => {
    view.setUint32(stack, stack + 8, true);
    view.setUint32(stack + 4, stack + 8 + STACK_BYTES, true);
  };
  rest();
  data = stack;
  while (took.length < trips) {
    guest.qjs_eval(script.ptr, script.bytes, file.ptr, 0);
    if ((state as string) !== "leaves") break;
    guest.asyncify_stop_unwind();
    state = "comes back";
    guest.asyncify_start_rewind(data);
  }
  return took;
}
