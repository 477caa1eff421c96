// Goal: parts make the bytes that a writer makes of the same. Method: the same sections by both, compared.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Parts } from "../../dist/wasm/parts.js";
import { Writer } from "../../dist/wasm/writer.js";

const parts = suite("parts");

parts("make the bytes that a writer makes", () => {
  const content = Uint8Array.from({ length: 300 }, (_, i) => i);
  const writer = new Writer();
  writer.copy(content);
  writer.section(7, content);
  writer.customSection("näme", content);
  writer.section(10, new Uint8Array());
  const made = new Parts();
  made.add(content.subarray(0, 1), content.subarray(1));
  made.section(7, content.subarray(0, 200), content.subarray(200));
  made.customSection("näme", content.subarray(0, 5), new Uint8Array(), content.subarray(5));
  made.section(10);
  assert.is(made.length, writer.length);
  assert.equal(made.join(), writer.view.slice());
});

parts.run();
