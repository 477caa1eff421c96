// Goal: what cannot be prepared is refused by name, with the place, before anything else is said of it. Method: one module for
// each refusal, with the offset of the offending bytes worked out from the module itself.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ModuleInvalidError, ModuleUnsupportedError } from "../../dist/errors.js";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { assemble } from "../support/assemble.ts";
import { wat } from "../support/wat.ts";

const refusals = suite("refusals");
const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

function refusal(bytes: Uint8Array<ArrayBuffer>): ModuleUnsupportedError | ModuleInvalidError {
  try {
    prepareSync(bytes);
  } catch (error) {
    if (error instanceof ModuleUnsupportedError || error instanceof ModuleInvalidError) return error;
    throw error;
  }
  return assert.unreachable("it was prepared") as never;
}

function unsupported(bytes: Uint8Array<ArrayBuffer>, feature: RegExp, offset?: number): void {
  const error = refusal(bytes) as ModuleUnsupportedError;
  assert.is(error.code, "SP_MODULE_UNSUPPORTED", error.message);
  assert.match(error.feature, feature);
  if (offset !== undefined) assert.is(error.offset, offset, error.message);
}

const module = (...bytes: number[]) => Uint8Array.from([...HEADER, ...bytes]);
const find = (bytes: Uint8Array, ...sought: number[]) => Buffer.from(bytes).indexOf(Buffer.from(sought));

refusals("name a second memory, a 64-bit one, one with its own page size", () => {
  unsupported(module(5, 5, 2, 0, 1, 0, 1), /a second memory/, 13);
  unsupported(module(5, 3, 1, 4, 1), /a 64-bit memory/, 11);
  unsupported(module(5, 4, 1, 8, 1, 0), /its own page size/, 11);
  unsupported(module(4, 4, 1, 0x70, 4, 1), /a 64-bit table/, 12);
});

refusals("name what belongs to threads started by the program, and to sharing everything", () => {
  const bytes = wat(`(module (import "wasi" "thread-spawn" (func (param i32) (result i32))) (memory 1 1 shared))`);
  unsupported(bytes, /starts threads/, find(bytes, 4, 0x77, 0x61, 0x73, 0x69));
  unsupported(module(4, 5, 1, 0x70, 3, 1, 1), /shared table/, 12);
  unsupported(module(6, 6, 1, 0x7f, 2, 0x41, 0, 0x0b), /shared global/, 12);
});

refusals("name imports and exports that collide with added ones", () => {
  unsupported(wat(`(module (import "stillpoint" "memory" (memory 1)))`), /import from "stillpoint"/);
  unsupported(wat(`(module (import "stillpoint" "events_read" (memory 1)))`), /import from "stillpoint"/);
  unsupported(wat(`(module (import "stillpoint" "events" (func)))`), /import from "stillpoint"/);
  prepareSync(wat(`(module (import "stillpoint" "events_read" (func (param i32 i32) (result i32))))`));
  for (const name of ["stillpoint:boot", "stillpoint:slow", "stillpoint:global:3"])
    unsupported(wat(`(module (func (export "${name}")))`), new RegExp(`export named "${name}"`));
});

refusals("name a module that is prepared already, and a component", () => {
  unsupported(new Uint8Array(prepareSync(wat("(module)")).bytes), /prepared already/);
  unsupported(Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), /a component/, 4);
});

refusals("name instructions, types and sections that are not known, with their byte offset", () => {
  const bytes = wat(`(module (func (nop) (nop) (nop)))`);
  const at = find(bytes, 1, 1, 1, 0x0b) + 1;
  for (const code of [0x16, 0x17, 0x1d, 0xc5, 0xe0, 0xff]) {
    const changed = bytes.slice();
    changed[at] = code;
    unsupported(changed, new RegExp(`instruction 0x${code.toString(16)}`), at);
  }
  const prefixed = bytes.slice();
  prefixed.set([0xfc, 0x50], at);
  unsupported(prefixed, /instruction 0xfc 80/, at);
  unsupported(module(1, 2, 1, 0x5d), /type of form 0x5d/, 11);
  unsupported(module(1, 5, 1, 0x60, 1, 0x67, 0), /value type 0x67/, 13);
  unsupported(module(14, 1, 0), /section 14/, 8);
});

refusals("say that a module is invalid, and where, if the engine does not take it", () => {
  const bytes = assemble(`(module (func (result i32) (i64.const 1)))`)!;
  const error = refusal(bytes);
  assert.is(error.code, "SP_MODULE_INVALID");
  assert.ok(error.offset >= find(bytes, 0x42, 1, 0x0b) && error.offset < bytes.length);
  assert.ok(error.cause instanceof WebAssembly.CompileError);
  for (const invalid of [
    new Uint8Array(),
    Uint8Array.of(1, 2, 3, 4),
    Uint8Array.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]),
    module(1, 200),
    module(3, 2, 1, 0),
    module(10, 2, 1, 0),
  ])
    assert.is(refusal(invalid).code, "SP_MODULE_INVALID");
  assert.is(refusal(module(10, 1, 0, 1, 1, 0)).code, "SP_MODULE_INVALID", "sections out of order");
});

refusals.run();
