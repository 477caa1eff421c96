// Goal: whatever a guest is captured in goes on in code that engines take; what could not is refused beforehand. Method: nests of
// small loops with much to save inside; their continuations are made and validated.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareSync } from "../../dist/prepare/prepare.js";
import { SHARED_LOOP_BYTES_MIN } from "../../dist/prepare/shared-loops.js";
import { synthesise } from "../../dist/resume/synthesis.js";
import { parseModule } from "../../dist/wasm/module.js";
import { wat } from "../support/wat.ts";

const sharedLoops = suite("small loops around a site");

/** Locals that are needed at every site. */
const LIVE = 900;
/** Locals with larger numbers take more code to save. */
const UNUSED = 16_400;

/** `run` calls in a nest of loops, then `after` more times. */
function nest({
  depth,
  calls,
  after,
  padding = "",
}: {
  depth: number;
  calls: number;
  after: number;
  padding?: string;
}) {
  let loops = "(call $f)".repeat(calls) + padding;
  for (let i = 0; i < depth; i++) loops = `(loop ${loops} (br_if 0 (local.get 0)))`;
  const live = Array.from({ length: LIVE }, (_, i) => 1 + UNUSED + i);
  return wat(`(module (func $f (loop (br 0)))
    (func (export "run") (param i32) (result i32) (local ${"i32 ".repeat(UNUSED + LIVE)})
      ${live.map((local) => `(local.set ${local} (local.get 0))`).join(" ")}
      ${loops} ${"(call $f)".repeat(after)}
      (local.get 0) ${live.map((local) => `(i32.xor (local.get ${local}))`).join(" ")}))`);
}

/** Why `run` is refused; undefined if it is not, and the continuation of its first call is valid. */
function refusal(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  const image = prepareSync(bytes, { capture: true });
  assert.ok(WebAssembly.validate(image.moduleBytes()));
  const reason = image.info.capture!.functionsRefused[0]?.reason;
  if (reason !== undefined) return reason;
  const { start } = parseModule(bytes).bodies[1]!;
  const site = bytes.subarray(start).findIndex((byte, at, body) => byte === 0x10 && body[at + 2] === 0x10);
  assert.ok(WebAssembly.validate(synthesise(image, [{ functionIndex: 1, site }]).bytes));
  return undefined;
}

sharedLoops("are counted with what a continuation needs to write them again", () => {
  assert.is(refusal(nest({ depth: 1, calls: 60, after: 500 })), undefined);
  assert.is(refusal(nest({ depth: 4, calls: 60, after: 500 })), undefined);
  assert.match(refusal(nest({ depth: 18, calls: 60, after: 500 }))!, "so many calls");
});

sharedLoops("do not count where they are large enough to be shared", () => {
  const padding = "(nop)".repeat(SHARED_LOOP_BYTES_MIN);
  assert.is(refusal(nest({ depth: 18, calls: 60, after: 500, padding })), undefined);
});

sharedLoops.run();
