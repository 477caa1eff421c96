// Goal: no frame is kept for a call after which its function is over, and one is kept for every other. Method: functions with one
// call each; what the image counts as sites is the answer. That both go on right is shown by test/resume/shapes.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { wat } from "../support/wat.ts";

const lastCalls = suite("last calls");

/** How many sites the functions of a module have, but for those of a function $slow that it may call. */
function sites(functions: string): number {
  const image = prepareSync(
    wat(`(module (type $unary (func (param i32) (result i32))) (table funcref (elem $slow $void))
      (func $slow (param $n i32) (result i32) (loop $l (br_if $l (local.get $n))) (i32.const 1))
      (func $void (loop $l (br $l)))
      (func $two (param $n i32) (result i32 i64) (loop $l (br_if $l (local.get $n))) (i32.const 1) (i64.const 2))
      ${functions})`),
    { capture: true },
  );
  return image.info.capture!.sites - 3;
}

const LAST: Readonly<Record<string, string>> = {
  "at the end": `(func (param i32) (result i32) (call $slow (local.get 0)))`,
  "without results": `(func (call $void))`,
  "through a table": `(func (param i32) (result i32) (call_indirect (type $unary) (local.get 0) (i32.const 0)))`,
  "with two results": `(func (result i32 i64) (call $two (i32.const 0)))`,
  "before return": `(func (param i32) (result i32) (return (call $slow (local.get 0))))`,
  "before return, with operands below": `(func (param i32) (result i32) (i64.const 1) (return (call $slow (local.get 0))))`,
  "before a branch to the function": `(func (param i32) (result i32) (block (br 1 (call $slow (local.get 0)))) (unreachable))`,
  "before a branch to a block at the end": `(func (result i32) (block $b (result i32) (block (br $b (call $slow (i32.const 0)))) (i32.const 3)))`,
  "at the end of blocks": `(func (result i32) (block (result i32) (block (result i32) (call $slow (i32.const 0)))))`,
  "at the end of a loop": `(func (param i32) (result i32) (loop (result i32) (call $slow (i32.const 0))))`,
  "at the end of a then": `(func (param i32) (result i32) (if (result i32) (local.get 0) (then (call $slow (i32.const 0))) (else (i32.const 0))))`,
  "at the end of an else": `(func (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 0)) (else (call $slow (i32.const 0)))))`,
};

const NOT_LAST: Readonly<Record<string, string>> = {
  "whose result is dropped": `(func (drop (call $slow (i32.const 0))))`,
  "whose result is used": `(func (result i32) (i32.eqz (call $slow (i32.const 0))))`,
  "over the function's result": `(func (result i32) (i32.const 1) (call $void))`,
  "whose result a branch leaves behind": `(func (result i32) (i32.const 1) (block $b (br $b (call $slow (i32.const 0)))))`,
  "before something else": `(func (param i32) (result i32) (local $r i32) (local.set $r (call $slow (i32.const 0))) (local.get $r))`,
  "before a conditional branch": `(func (param i32) (result i32) (br_if 0 (call $slow (i32.const 0)) (local.get 0)))`,
  "before a branch back": `(func (loop $l (call $void) (br $l)))`,
};

for (const [where, text] of Object.entries(LAST))
  lastCalls(`${where}: no site`, () => {
    assert.is(sites(text), 0);
  });

for (const [where, text] of Object.entries(NOT_LAST))
  lastCalls(`one ${where} is a site`, () => {
    // The loop that branches back is one as well.
    assert.is(sites(text), where === "before a branch back" ? 2 : 1);
  });

lastCalls("one inside of a handler's reach is a site", () => {
  assert.is(sites(`(tag $e) (func (block (try_table (catch_all 0) (return (call $void)))))`), 1);
  assert.is(sites(`(tag $e) (func (try (do (call $void)) (catch_all)))`), 1);
});

lastCalls("a host function keeps its frame: it has to be called again", () => {
  const image = prepareSync(wat(`(module (import "env" "f" (func $f)) (func (call $f)))`), { capture: true });
  assert.is(image.info.capture!.sites, 1);
});

lastCalls.run();
