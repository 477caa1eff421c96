// Goal: real loops, compiled by a real compiler, compute the same once prepared. Method: each kernel of the test guest is called
// as it is and prepared under every combination of passes, twice, so that the engine's optimising tier has its turn.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Kernels, kernelCalls, kernelsWasm } from "../support/kernels.ts";
import { original, preparedSides, type Side } from "../support/sides.ts";

const bytes = kernelsWasm();

function answers(side: Side): { values: number[]; polls: number[] } {
  let polled = 0;
  const { exports } = side.load(bytes).instantiate({}, { poll: () => void polled++ });
  const kernels = exports as unknown as Kernels;
  const values: number[] = [];
  const polls: number[] = [];
  for (const [name, ...args] of [...kernelCalls, ...kernelCalls]) {
    polled = 0;
    values.push((kernels[name] as (...args: number[]) => number)(...args));
    polls.push(polled);
  }
  return { values, polls };
}

const suiteOfKernels = suite("kernels");
const expected = answers(original);

for (const side of preparedSides) {
  suiteOfKernels(`compute the same and reach polls, prepared ${side.name}`, () => {
    const { values, polls } = answers(side);
    assert.equal(values, expected.values);
    for (const [i, count] of polls.entries())
      assert.ok(count > 0, `${kernelCalls[i % kernelCalls.length]![0]} polls nowhere`);
  });
}

suiteOfKernels.run();
