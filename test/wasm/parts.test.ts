// Goal: parts are put together as the format wants them. Method: sections whose bytes can be written down, and a copy made by hand.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Parts } from "../../dist/wasm/parts.js";

const parts = suite("parts");

parts("have the size of a section's content before it, whatever that is made of", () => {
  const content = Uint8Array.from({ length: 300 }, (_, i) => i);
  const out = new Parts();
  out.add(content.subarray(0, 1), content.subarray(1));
  out.section(7, content.subarray(0, 200), new Uint8Array(), content.subarray(200));
  out.section(10);
  assert.equal([...out.join()], [...content, 7, 0xac, 0x02, ...content, 10, 0]);
  assert.is(out.length, 300 + 3 + 300 + 2);
});

parts("have the name of a custom section before its content", () => {
  const out = new Parts();
  out.customSection("nä", Uint8Array.of(1, 2), Uint8Array.of(3));
  assert.equal([...out.join()], [0, 7, 3, 0x6e, 0xc3, 0xa4, 1, 2, 3]);
});

parts("are the bytes that they have when they are joined, and the result is nobody else's", () => {
  const part = Uint8Array.of(1);
  const out = new Parts();
  out.add(part);
  part[0] = 2;
  const joined = out.join();
  part[0] = 3;
  assert.equal([...joined], [2]);
});

parts.run();
