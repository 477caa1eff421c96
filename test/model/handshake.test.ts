// Goal: no order of steps breaks the handshake, and the model would notice if one did. Method: Spin writes a verifier for
// handshake.pml, `cc` compiles it, and it visits every state; then the same for models with one fault each, of which every one
// must be refuted, and in the way that the fault suggests. The bounds are those of a minute; SP_FULL=1 takes wider ones.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const FULL = process.env.SP_FULL === "1";
const MODEL = fileURLToPath(new URL("./handshake.pml", import.meta.url));
/** Longer than the verifier needs on a slow machine, and its memory. */
const LIMIT_MS = FULL ? 1_800_000 : 120_000;
const MEMORY_MIB = FULL ? 6000 : 2000;
/** Spin gives a search up at this depth, with an error; the deepest path seen is far shorter. */
const DEPTH_MAX = 1_000_000;

/** safety: assertions and end states. liveness: the claim `onward` and assertions, every process treated fairly. */
type Property = "safety" | "liveness";

interface Verdict {
  readonly states: number;
  readonly seconds: number;
  readonly errors: number;
  /** The first violation, in Spin's words; undefined if there was none. */
  readonly violation: string | undefined;
  readonly completed: boolean;
}

/** Where everything is written that Spin and the compiler make of the model. */
const workspace = mkdtempSync(join(tmpdir(), "handshake-"));

function execute(command: string, args: readonly string[], limitMs: number = LIMIT_MS): string {
  const { stdout, stderr, error, status } = spawnSync(command, args, {
    cwd: workspace,
    encoding: "utf8",
    timeout: limitMs,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

function present(command: string): boolean {
  return spawnSync(command, ["-V"]).error === undefined;
}

function provideSpin(): void {
  if (present("spin") && present("cc")) return;
  if (process.getuid?.() === 0 && present("apt-get")) {
    const install = (args: string[]) => spawnSync("apt-get", args, { stdio: "ignore", timeout: LIMIT_MS });
    install(["update"]);
    install(["install", "-y", "--no-install-recommends", "spin", "gcc", "libc6-dev"]);
  }
  if (present("spin") && present("cc")) return;
  throw new Error(
    "The model of the handshake is checked by Spin, which is not here or lacks a C compiler: install both " +
      "(Debian and Ubuntu: apt-get install spin gcc libc6-dev) and run the tests again.",
  );
}

function verify(property: Property, defines: readonly string[]): Verdict {
  const flags = defines.map((define) => `-D${define}`);
  execute("spin", [...flags, "-a", MODEL]);
  // A fault shows after a few thousand states: there the compiler would take longer than the search.
  const optimise = defines.some((define) => define.startsWith("BREAK_")) ? "-O0" : "-O1";
  const scope = property === "safety" ? ["-DNOCLAIM", "-DSAFETY"] : ["-DNFAIR=3"];
  const memory = [`-DMEMLIM=${MEMORY_MIB}`, ...(FULL ? ["-DCOLLAPSE"] : [])];
  execute("cc", ["-w", optimise, ...scope, ...memory, "-o", "pan", "pan.c"]);
  const output = execute("./pan", [`-m${DEPTH_MAX}`, "-n", ...(property === "liveness" ? ["-a", "-f"] : [])]);
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  return {
    states: number(/^\s*([\d.e+]+) states, stored/m),
    seconds: number(/elapsed time ([\d.]+) seconds/),
    errors: number(/errors: (\d+)/),
    violation: /^pan:1: (.*) \(at depth/m.exec(output)?.[1],
    completed: !/Search not completed|max search depth too small|MEMLIM|out of memory/.test(output),
  };
}

const model = suite("handshake");

model.before(provideSpin);
model.after(() => rmSync(workspace, { recursive: true, force: true }));

const bounds: readonly { name: string; property: Property; defines: readonly string[] }[] = [
  { name: "nothing bad in 2 rounds with a death", property: "safety", defines: ["ROUNDS=2", "KILLS=1"] },
  { name: "nothing bad in 3 rounds", property: "safety", defines: ["ROUNDS=3", "KILLS=0"] },
  { name: "nobody waits for ever in 2 rounds", property: "liveness", defines: ["ROUNDS=2", "KILLS=0"] },
  { name: "nobody waits for ever in 2 rounds with a death", property: "liveness", defines: ["ROUNDS=2", "KILLS=1"] },
];
const wider: typeof bounds = [
  { name: "nothing bad in 3 rounds with a death", property: "safety", defines: ["ROUNDS=3", "KILLS=1"] },
  { name: "nothing bad in 2 rounds with 2 deaths", property: "safety", defines: ["ROUNDS=2", "KILLS=2"] },
  { name: "nothing bad in 2 rounds over 3 hosts", property: "safety", defines: ["ROUNDS=2", "KILLS=0", "HOSTS=3"] },
  { name: "nobody waits for ever in 3 rounds", property: "liveness", defines: ["ROUNDS=3", "KILLS=0"] },
];

for (const { name, property, defines } of FULL ? [...bounds, ...wider] : bounds) {
  model(name, () => {
    const verdict = verify(property, defines);
    console.log(`# ${defines.join(" ")}, ${property}: ${verdict.states} states in ${verdict.seconds} s`);
    assert.is(verdict.violation, undefined);
    assert.is(verdict.errors, 0);
    assert.ok(verdict.completed, "the search was given up");
    assert.ok(verdict.states > 100_000, "the model has lost its behaviour");
  });
}

/** Each fault, what it is, and the words in which its refutation begins. */
const faults: readonly (readonly [fault: string, meaning: string, property: Property, violation: RegExp])[] = [
  ["GENERATION", "a request takes no new generation", "safety", /^assertion/],
  ["ENTER", "enter() stores where it has to swap", "safety", /^assertion/],
  ["BEGIN_WAIT", "beginWait() stores where it has to swap", "safety", /^assertion/],
  ["END_WAIT", "endWait() stores where it has to swap", "safety", /^assertion/],
  ["WITHDRAW", "withdraw() stores where it has to swap", "liveness", /^acceptance cycle/],
  ["PARK_HOST", "park() grants for a guest that is with another host", "safety", /^assertion.*host/],
  ["HANDOVER", "handOver() acts while the guest is not frozen", "safety", /^assertion.*host/],
  ["HOLDS", "release() lets go while others hold", "safety", /^assertion/],
  ["BURY", "bury() leaves the state of a dead host standing", "liveness", /^assertion|^acceptance cycle/],
  ["RELEASE_NOTIFY", "release() does not notify", "safety", /^invalid end state/],
  ["GRANT_NOTIFY", "the grant does not notify", "liveness", /^acceptance cycle/],
  ["HINT", "request() sets no hint", "liveness", /^acceptance cycle/],
  ["POLL_HINT", "poll() clears the hint, after the state, and a request with it", "liveness", /^acceptance cycle/],
];

for (const [fault, meaning, property, violation] of faults) {
  model(`finds the fault: ${meaning}`, () => {
    const verdict = verify(property, ["ROUNDS=2", "KILLS=1", `BREAK_${fault}`]);
    assert.match(verdict.violation ?? "nothing was found", violation);
  });
}

model.run();
