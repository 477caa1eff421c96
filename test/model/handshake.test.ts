// Goal: no order of steps breaks the handshake, and the model would notice if one did. Method: Spin visits every state of
// handshake.pml; then the same for models with one fault each, of which every one must be refuted, and in the way that the
// fault suggests. The bounds are those of a minute, and the faults four drawn by the seed; SP_FULL=1 takes wider ones, and all.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../support/random.ts";
import { FULL, share } from "../support/runtime.ts";
import { type Property, provideSpin, verify } from "../support/spin.ts";

const model = suite("handshake");

model.before(provideSpin);

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
    const verdict = verify("handshake", { property, defines });
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

for (const [fault, meaning, property, violation] of new Random().some(faults, share(faults.length, 4))) {
  model(`finds the fault: ${meaning}`, () => {
    const verdict = verify("handshake", { property, defines: ["ROUNDS=2", "KILLS=1", `BREAK_${fault}`] });
    assert.match(verdict.violation ?? "nothing was found", violation);
  });
}

model.run();
