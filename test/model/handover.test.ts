// Goal: a guest that is recalled, taken off its thread and handed over, or not after all, is neither lost nor run twice, and the
// model would notice if it were. Method: as in handshake.test.ts, with handover.pml, which plays src/guest/handover.ts and the
// host's part of it on the core's functions.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../support/random.ts";
import { FULL, share } from "../support/runtime.ts";
import { provideSpin, type Search, verify } from "../support/spin.ts";

const model = suite("handover model");

model.before(provideSpin);

const bounds: readonly (Search & { readonly name: string })[] = [
  { name: "nothing bad in a handover with a death", property: "safety", defines: ["ROUNDS=1", "KILLS=1"] },
  {
    name: "nothing bad in 2 handovers, the second one of a guest that was held or has run",
    property: "safety",
    defines: ["ROUNDS=2", "KILLS=0"],
    collapse: true,
  },
  {
    name: "nobody waits for ever, and no guest is lost, in a handover with a death",
    property: "liveness",
    defines: ["ROUNDS=1", "KILLS=1"],
    collapse: true,
  },
];
const wider: typeof bounds = [
  { name: "nothing bad in 2 handovers over 3 hosts", property: "safety", defines: ["ROUNDS=2", "KILLS=0", "HOSTS=3"] },
  { name: "nothing bad in 2 handovers with a death", property: "safety", defines: ["ROUNDS=2", "KILLS=1"] },
  { name: "nobody waits for ever in 2 handovers", property: "liveness", defines: ["ROUNDS=2", "KILLS=0"] },
];

for (const { name, ...search } of FULL ? [...bounds, ...wider] : bounds) {
  model(name, () => {
    const verdict = verify("handover", search);
    console.log(`# ${search.defines.join(" ")}, ${search.property}: ${verdict.states} states in ${verdict.seconds} s`);
    assert.is(verdict.violation, undefined);
    assert.is(verdict.errors, 0);
    assert.ok(verdict.completed, "the search was given up");
    assert.ok(verdict.states > 100_000, "the model has lost its behaviour");
  });
}

/** Each fault, what it is, the words in which its refutation begins, and how many handovers it takes. */
const faults: readonly (readonly [fault: string, meaning: string, violation: RegExp, rounds?: number])[] = [
  ["BEGUN", "an idle guest is moved without a look at whether a call has begun", /^assertion.*current/, 1],
  ["RECALL_GENERATION", "recall() takes no new generation", /^invalid end state/],
  ["RECALL_BELL", "recall() does not ring the bell", /^invalid end state/],
  ["UNRECALL", "unrecall() stores where it has to swap", /^assertion|^invalid end state/],
  ["TAKEN_FOUND", "taken() lets a guest that waited resume as one that waits", /^assertion/],
  ["LEAVE_SWAP", "park() stores LEAVING where it has to swap", /^assertion|^invalid end state/],
  ["LEAVE_HOST", "park() answers a recall that is meant for another host", /^assertion|^invalid end state/],
  ["PARK_HOST", "takeUp() does not look whose the guest is", /^assertion.*host/],
  ["HEED", "heed() leaves without being wanted any longer", /^assertion|^invalid end state/],
  ["STAY", "stay() leaves the guest in the wait that it was called out of", /^assertion/],
  ["WOKEN", "a host reports that it is back from a freeze that is only asked for", /^assertion/],
  ["KEEP", "the guest is released although its host is on its way out", /^assertion|^invalid end state/],
];

for (const [fault, meaning, violation, rounds = 2] of new Random().some(faults, share(faults.length, 4))) {
  model(`finds the fault: ${meaning}`, () => {
    const verdict = verify("handover", {
      property: "safety",
      defines: [`ROUNDS=${rounds}`, "KILLS=0", `BREAK_${fault}`],
    });
    assert.match(verdict.violation ?? "nothing was found", violation);
  });
}

model.run();
