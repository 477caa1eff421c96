/**
 * Tables that the program itself changes, carried from one instance to another: functions by their index, which is the same in
 * every instance of an image. What another thread can be sent is numbers alone.
 *
 * A table may also hold what is no function of the program, put there by the host. That belongs to the host, which puts its own
 * into the tables of the instance it attaches; such entries are left as they are found.
 */

import { EXPORT_FUNCTIONS, EXPORT_TABLE } from "../abi.ts";

/** By table index, those of the program's own: a function index for each entry, NONE or FOREIGN. Structured-cloneable. */
export type TableState = readonly (readonly [table: number, entries: Int32Array])[];

const NONE = -1;
const FOREIGN = -2;

/** What these tables hold. */
export function saveTables(tables: readonly number[], exports: WebAssembly.Exports): TableState {
  if (tables.length === 0) return [];
  const indices = new Map<unknown, number>();
  const functions = exports[EXPORT_FUNCTIONS] as WebAssembly.Table;
  for (let index = 0; index < functions.length; index++) indices.set(functions.get(index), index);
  return tables.map((index) => {
    const table = exports[EXPORT_TABLE + index] as WebAssembly.Table;
    const entries = Int32Array.from({ length: table.length }, (_, i) => {
      const entry: unknown = table.get(i);
      return entry === null ? NONE : (indices.get(entry) ?? FOREIGN);
    });
    return [index, entries];
  });
}

/** Makes the tables of another instance hold the same. */
export function loadTables(exports: WebAssembly.Exports, state: TableState): void {
  const functions = exports[EXPORT_FUNCTIONS] as WebAssembly.Table;
  for (const [index, entries] of state) {
    const table = exports[EXPORT_TABLE + index] as WebAssembly.Table;
    if (table.length < entries.length) table.grow(entries.length - table.length);
    for (const [i, entry] of entries.entries()) {
      if (entry === NONE) table.set(i, null);
      else if (entry !== FOREIGN) table.set(i, functions.get(entry));
    }
  }
}
