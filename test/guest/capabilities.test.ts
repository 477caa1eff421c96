// Goal: what this engine can do is looked at, not assumed. Method: ask the engine that runs the tests, which can do everything,
// and processes in which one thing after the other has been taken away.

import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { capabilities } from "../../dist/index.js";

const tests = suite("capabilities");

tests("nothing is missing here, and plain polls are seen", async () => {
  assert.equal(await capabilities(), { ok: true, missing: [], plainPolls: true });
  assert.is(capabilities(), capabilities(), "looked at once for the process");
});

const MAIN = new URL("../../dist/index.js", import.meta.url).href;

/** Runs JavaScript before the library is loaded, then opens a fleet; answers what was printed. */
function fleetAfter(preparation: string): { code: string; message: string; missing: string[] } {
  const source = `
    ${preparation}
    const { Fleet, capabilities } = await import(${JSON.stringify(MAIN)});
    const error = await Fleet.open().then(() => ({ code: "opened", message: "" }), (error) => error);
    const missing = (await capabilities()).missing.map(({ name }) => name);
    console.log(JSON.stringify({ code: error.code, message: error.message, missing }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
  assert.ok(stdout !== "", stderr);
  return JSON.parse(stdout) as { code: string; message: string; missing: string[] };
}

for (const [what, preparation] of [
  ["shared memory", "globalThis.crossOriginIsolated = false;"],
  ["multi-memory", "WebAssembly.validate = (bytes) => bytes[8] !== 5;"],
  ["simd", "WebAssembly.validate = (bytes) => bytes[8] === 5;"],
  ["Atomics.waitAsync", "delete Atomics.waitAsync;"],
] as const) {
  tests(`without ${what} no fleet opens, and the reason is given`, () => {
    const { code, message, missing } = fleetAfter(preparation);
    assert.is(code, "SP_ENGINE_UNSUPPORTED");
    assert.equal(missing, [what]);
    assert.match(message, `${what}: `);
  });
}

tests("the main entry loads on an engine that misses everything", () => {
  const all = "delete Atomics.waitAsync; WebAssembly.validate = () => false; globalThis.crossOriginIsolated = false;";
  assert.is(fleetAfter(all).missing.length, 4);
});

tests.run();
