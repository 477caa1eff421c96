/**
 * SQLite, compiled from its amalgamation by test/build-native.ts, with statements as pieces of work. Its database is in memory and asks
 * nothing of the system. Each piece leaves the database as it was.
 */

import { nativeWasm } from "../../test/support/native.ts";
import { start } from "../support/variants.ts";
import { type Program, threadCpuMs } from "./program.ts";

/** Rows of the table that is there from the start. */
const ROWS = 4000;

const BEGIN = `
  create table item (id integer primary key, shelf int, name text, price real);
  with recursive n (i) as (select 0 union all select i + 1 from n where i < ${ROWS - 1})
    insert into item select i, i * 7919 % 503, 'item-' || (i * 104729 % 9973) || '-' || hex(i * i), i * 1.25 from n;
  create index by_shelf on item (shelf);`;

const WORKS: Readonly<Record<string, string>> = {
  joins: `select count(*), sum(a.price - b.price) from item a join item b on a.shelf = b.shelf and a.id < b.id;
    select shelf, max(name) from item where id in (select id * 3 % ${ROWS} from item where shelf < 200) group by shelf having count(*) > 3;`,
  changes: `begin;
    create table copy as select * from item;
    create index by_name on copy (name);
    update copy set price = price + 1, name = name || 'x' where shelf > 100;
    delete from copy where shelf % 5 = 0;
    select count(*), sum(price), min(name) from copy;
    rollback;`,
  texts: `select sum(length(replace(upper(name), '-', '--'))), count(distinct substr(name, 6, 3)) from item;
    select count(*) from item where name like '%7-%4%' or name glob '*[A-F]9*';
    select length(group_concat(name, ';')) from (select name from item order by substr(name, -3), id limit 2000);`,
  windows: `select sum(rank * price) from (
      select price, row_number() over (partition by shelf % 11 order by price desc, id) rank from item where id % 2 = 0);
    with recursive c (x, y) as (select 0, 1 union all select x + 1, (y * 31 + x) % 100003 from c where x < 8000)
      select sum(y), min(y), count(distinct y % 97) from c;`,
};

interface Sqlite {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  input(bytes: number): number;
  run(): number;
  output(): number;
}

/** There is no such descriptor, file or environment. */
const BAD_DESCRIPTOR = 8;

function importsOf(module: WebAssembly.Module, memory: () => WebAssembly.Memory): WebAssembly.Imports {
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function" || from !== "wasi_snapshot_preview1") continue;
    imports[from] = { ...imports[from], [name]: () => BAD_DESCRIPTOR };
  }
  const wasi = imports.wasi_snapshot_preview1!;
  // An empty environment, and a clock that stands still, which keeps runs equal.
  wasi.environ_sizes_get = (countPtr: number, bytesPtr: number) => {
    const view = new DataView(memory().buffer);
    view.setUint32(countPtr, 0, true);
    view.setUint32(bytesPtr, 0, true);
    return 0;
  };
  wasi.environ_get = () => 0;
  wasi.clock_time_get = () => 0;
  return imports;
}

const bytes = nativeWasm("sqlite-reactor");

/** Undefined where there was no compiler to build it. */
export const sqlite: Program | undefined = bytes && {
  name: "SQLite",
  real: true,
  bytes,
  works: Object.keys(WORKS),
  start: async (variant) => {
    const guest = start(
      variant,
      importsOf(variant.module, () => guest.memory),
    ) as unknown as Sqlite;
    guest._initialize();
    const place = (sql: string): void => {
      const data = new TextEncoder().encode(sql);
      // A place in a memory that may have grown.
      const ptr = guest.input(data.length);
      new Uint8Array(guest.memory.buffer).set(data, ptr);
    };
    const answer = (length: number): Uint8Array => new Uint8Array(guest.memory.buffer, guest.output(), length);
    const statements = Object.values(WORKS);
    for (const sql of [BEGIN, ...statements]) {
      place(sql);
      const text = new TextDecoder().decode(answer(guest.run()));
      if (text.startsWith("error")) throw new Error(`SQLite answers ${text}`);
    }
    return {
      run: (work) => {
        place(statements[work]!);
        const from = threadCpuMs();
        const length = guest.run();
        const cpuMs = threadCpuMs() - from;
        return { cpuMs, checksum: answer(length).reduce((sum, byte) => (sum * 31 + byte) | 0, length) };
      },
      close: async () => {},
    };
  },
};
