// Goal: a value type survives reading and writing byte for byte. Method: every form that the binary format has, the type index
// that leaves no bits set among them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Reader } from "../../dist/wasm/reader.js";
import { heapOf, isNullable, readValueType, reference, valueTypeName, writeValueType } from "../../dist/wasm/types.js";
import { Writer } from "../../dist/wasm/writer.js";

const FORMS: readonly (readonly [name: string, ...bytes: number[]])[] = [
  ["i32", 0x7f],
  ["v128", 0x7b],
  ["funcref", 0x70],
  ["exnref", 0x69],
  ["(ref null 0)", 0x63, 0x00],
  ["(ref 0)", 0x64, 0x00],
  ["(ref 1)", 0x64, 0x01],
  ["(ref null 300)", 0x63, 0xac, 0x02],
  ["(ref func)", 0x64, 0x70],
];

const types = suite("value types");

for (const [name, ...bytes] of FORMS) {
  types(`${name} is written as it was read`, () => {
    const reader = new Reader(Uint8Array.from(bytes), 0, bytes.length);
    const type = readValueType(reader);
    assert.ok(reader.done);
    assert.is(valueTypeName(type), name);
    const writer = new Writer();
    writeValueType(writer, type);
    assert.equal([...writer.view], bytes);
  });
}

types("a reference is its heap type and whether it may be null, put together again", () => {
  for (const [, ...bytes] of FORMS.slice(2)) {
    const type = readValueType(new Reader(Uint8Array.from(bytes), 0, bytes.length));
    assert.is(reference(isNullable(type), heapOf(type)), type);
  }
});

types.run();
