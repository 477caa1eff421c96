// Goal: a ledger is taken only by those who know it, and each side can do only what is its own. Method: break each word that
// identifies a ledger, and call the host's functions from the owner's side.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IDLE, OFF_HOST, OFF_MAGIC, OFF_PAGE_SHIFT, OFF_RUN, OFF_VERSION, RUNNING } from "../../dist/abi.js";
import { attachCore, createLedger, ownerSide } from "../../dist/core/core.js";
import { coreModule } from "../support/core.ts";

const core = suite("core");

const now = process.hrtime.bigint;

core("a new ledger names its host, its page size and its version, and nothing has happened in it", () => {
  const ledger = createLedger({ pageShift: 14, host: 9 });
  const view = new DataView(ledger.buffer);
  assert.is(view.getUint32(OFF_PAGE_SHIFT, true), 14);
  assert.is(view.getUint32(OFF_HOST, true), 9);
  assert.is(view.getUint32(OFF_RUN, true), IDLE);
  const others = new Uint32Array(ledger.buffer).reduce((count, word) => count + Number(word !== 0), 0);
  assert.is(others, 4, "magic, version, page size and host");
});

for (const [what, offset] of [
  ["another version", OFF_VERSION],
  ["no magic", OFF_MAGIC],
] as const) {
  core(`a ledger with ${what} is refused before anything in it is touched`, () => {
    const ledger = createLedger({ pageShift: 12, host: 1 });
    const view = new DataView(ledger.buffer);
    view.setUint32(offset, view.getUint32(offset, true) + 1, true);
    const before = new Uint8Array(ledger.buffer).slice();
    try {
      attachCore(coreModule, ledger, ownerSide(now));
      assert.unreachable();
    } catch (error) {
      assert.is((error as { code?: string }).code, "SP_ABI_MISMATCH");
    }
    assert.equal(Buffer.compare(before, new Uint8Array(ledger.buffer)), 0);
  });
}

core("the owner's side cannot run the guest", () => {
  const ledger = createLedger({ pageShift: 12, host: 1 });
  const owner = attachCore(coreModule, ledger, ownerSide(now));
  assert.throws(() => owner.enter(), "owner's side");
  assert.throws(() => owner.poll(), "owner's side");
  const view = new DataView(ledger.buffer);
  assert.is(view.getUint32(OFF_RUN, true), IDLE);
  view.setUint32(OFF_RUN, RUNNING, true);
  assert.throws(() => owner.leave(), "owner's side");
  assert.throws(() => owner.beginWait(), "owner's side");
  assert.is(view.getUint32(OFF_RUN, true), RUNNING);
});

core.run();
