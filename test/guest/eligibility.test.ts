// Goal: eligibility() says beforehand what a handover would find. Method: one program for each reason there is, asked and then
// handed over; programs by others and our own, whose functions must all be ones that can be captured.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { eligibilityOf } from "../../dist/guest/eligibility.js";
import { type Eligibility, Fleet, type Image, prepare, type StillpointError } from "../../dist/index.js";
import { assemble } from "../support/assemble.ts";
import { kernels, python, quickjs, wat } from "../support/guests.ts";
import { NATIVE_GUESTS, nativeWasm } from "../support/native.ts";

const eligibility = suite<{ fleet: Fleet }>("eligibility");
eligibility.before(async (context) => {
  context.fleet = await Fleet.open();
});
eligibility.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

/** What a guest of the image says of itself, and the code with which its handover fails, if it does. */
async function asked(fleet: Fleet, image: Image): Promise<[said: Eligibility, code: string | undefined]> {
  await using guest = await fleet.boot(image, { name: "asked" });
  const said = await guest.eligibility();
  const code = await guest.handover().then(
    () => undefined,
    (error: StillpointError) => error.code,
  );
  return [said, code];
}

const LOOP = `(loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))`;
/** Holds a reference across a loop that is polled, so it cannot be captured. */
const HOLDS = `(param i32) (local $r externref) ${LOOP} (drop (local.get $r))`;

eligibility("all of CPython, QuickJS, the kernels, SQLite and C++ with destructors can be captured", async () => {
  const built = NATIVE_GUESTS.map(nativeWasm).filter((bytes) => bytes !== undefined);
  const natives = await Promise.all(built.map((bytes) => prepare(bytes)));
  for (const image of [await python(), await quickjs(), await kernels(), ...natives]) {
    const said = eligibilityOf(image);
    assert.ok(said.ok);
    assert.ok(said.functions.count > 20);
    assert.is(said.functions.captured, said.functions.count);
    assert.equal(said.functions.refused, []);
  }
});

eligibility("a guest that can move says which functions it must have left", async ({ fleet }) => {
  const image = await wat(`(module (func $holds ${HOLDS}) (func (export "plain") (param i32) ${LOOP}))`);
  const [said, code] = await asked(fleet, image);
  assert.ok(said.ok);
  assert.is(said.functions.count, 2);
  assert.is(said.functions.captured, 1);
  assert.is(said.functions.refused.length, 1);
  assert.is(said.functions.refused[0]!.function, "holds");
  assert.match(said.functions.refused[0]!.reason, "reference");
  assert.is(code, undefined);
});

eligibility("a guest whose image was prepared without capture is not eligible", async ({ fleet }) => {
  const image = await prepare(assemble(`(module (func (export "none")))`)!, { capture: false });
  const [said, code] = await asked(fleet, image);
  assert.ok(!said.ok);
  assert.is(said.code, "SP_MODULE_UNSUPPORTED");
  assert.is(code, "SP_MODULE_UNSUPPORTED");
});

eligibility("nor is one that would lose something on the way", async ({ fleet }) => {
  const losing = [
    `(memory 1) (data $d "x") (func (export "drop") (data.drop $d))`,
    `(global $g (mut externref) (ref.null extern))`,
  ];
  for (const fields of losing) {
    const [said, code] = await asked(fleet, await wat(`(module ${fields})`));
    assert.ok(!said.ok);
    assert.match(said.reason, /segments|references/);
    assert.is(code, "SP_MODULE_UNSUPPORTED");
  }
});

eligibility("nor a command all of which runs in a function that cannot be captured", async ({ fleet }) => {
  const image = await wat(
    `(module (func $start (export "_start") (local $i i32) (local $r externref)
       (local.set $i (i32.const 1000000)) (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
       (drop (local.get $r))))`,
  );
  await using guest = await fleet.boot(image, { name: "start" });
  const said = await guest.eligibility();
  assert.ok(!said.ok);
  assert.is(said.code, "SP_MODULE_UNSUPPORTED");
  assert.is(said.function, "start");
});

eligibility("nor one that has ended", async ({ fleet }) => {
  const guest = await fleet.boot(await kernels(), { name: "ended" });
  await guest.terminate();
  const said = await guest.eligibility();
  assert.ok(!said.ok);
  assert.is(said.code, "SP_GUEST_STATE");
});

eligibility.run();
