// Goal: bytes from outside never give a wrong number, a wrong place or anything but a StillpointError. Method: numbers written
// and read back, every shape of a number that the format forbids, and reads beyond the end.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ModuleInvalidError } from "../../dist/errors.js";
import { Reader } from "../../dist/wasm/reader.js";
import { Writer } from "../../dist/wasm/writer.js";

const reading = suite("reader");

/** Fails with SP_MODULE_INVALID at this offset. */
function refuses(bytes: readonly number[], read: (reader: Reader) => unknown, offset: number): void {
  try {
    read(new Reader(Uint8Array.from(bytes)));
  } catch (error) {
    assert.instance(error, ModuleInvalidError);
    assert.is((error as ModuleInvalidError).code, "SP_MODULE_INVALID");
    assert.is((error as ModuleInvalidError).offset, offset);
    return;
  }
  assert.unreachable(`[${bytes}] was read`);
}

const edges = [
  0,
  1,
  63,
  64,
  127,
  128,
  255,
  16383,
  16384,
  2 ** 20,
  2 ** 21 - 1,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

reading("gives back what was written, unsigned and signed, to the edges of 32 bits", () => {
  for (const value of edges) {
    const out = new Writer(1);
    out.u32(value);
    assert.is(new Reader(out.view).u32(), value);
  }
  for (const value of edges.flatMap((edge) => [edge, -edge, -edge - 1])) {
    const out = new Writer(1);
    out.signed(value);
    assert.is(new Reader(out.view).s33() + 0, value + 0);
  }
});

reading("accepts numbers longer than they need to be, up to five bytes", () => {
  assert.is(new Reader(Uint8Array.of(0x85, 0x80, 0x80, 0x80, 0x00)).u32(), 5);
  assert.is(new Reader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f)).s33(), -1);
});

reading("refuses numbers that are too long or too large", () => {
  refuses([0x80, 0x80, 0x80, 0x80, 0x80, 0x00], (reader) => reader.u32(), 4);
  refuses([0xff, 0xff, 0xff, 0xff, 0x1f], (reader) => reader.u32(), 4);
  refuses([0x80, 0x80, 0x80, 0x80, 0x80, 0x00], (reader) => reader.s33(), 5);
  refuses([0x80, 0x80, 0x80, 0x80, 0x08], (reader) => reader.s32(), 0);
  refuses(new Array(11).fill(0x80), (reader) => reader.skipS64(), 10);
});

reading("refuses to read beyond the end", () => {
  refuses([], (reader) => reader.u8(), 0);
  refuses([0x80], (reader) => reader.u32(), 1);
  refuses([1, 2, 3], (reader) => reader.skip(4), 0);
  refuses([1, 2, 3], (reader) => reader.skip(2 ** 32 - 1), 0);
  refuses([3, 1, 2], (reader) => reader.part(reader.u32()), 1);
  refuses([3, 1, 2], (reader) => reader.count(), 0);
  refuses([2, 0x61], (reader) => reader.name(), 0);
});

reading("refuses names that are not UTF-8", () => {
  refuses([2, 0xc3, 0x28], (reader) => reader.name(), 1);
  assert.is(new Reader(Uint8Array.of(3, 0xe2, 0x82, 0xac)).name(), "€");
});

reading("keeps a part within its bounds", () => {
  const whole = new Reader(Uint8Array.of(1, 2, 3, 4));
  const part = whole.part(2);
  assert.is(whole.at, 2);
  part.skip(2);
  assert.ok(part.done);
  assert.throws(
    () => part.u8(),
    (error: ModuleInvalidError) => error.code === "SP_MODULE_INVALID" && error.offset === 2,
  );
});

reading.run();
