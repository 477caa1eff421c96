// Goal: a stack captured under one combination of options goes on under another. Method: capture under each, compare the frames'
// bytes, and let frames from one image go on in an instance of another.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  EXPORT_BOOT,
  EXPORT_SLOW,
  LEDGER_PAGES,
  OFF_FRAMES,
  OFF_FRAMES_TOP,
  OFF_HINT,
  OFF_UNWINDING,
} from "../../dist/abi.js";
import type { Image } from "../../dist/prepare/image.js";
import { type PrepareOptions, prepareSync } from "../../dist/prepare/prepare.js";
import { readFrames } from "../../dist/resume/frames.js";
import { Attachment, ContinuationCache } from "../../dist/resume/resume.js";
import { synthesisOf } from "../../dist/resume/synthesis.js";
import { exportedFunction } from "../support/bridge.ts";
import { kernelCalls, kernelsWasm } from "../support/kernels.ts";

const COMBINATIONS: readonly PrepareOptions[] = [
  { track: "none", polls: "plain" },
  { track: "marks", polls: "plain" },
  { track: "none", polls: "atomic" },
  { track: "marks", polls: "atomic", pageBytes: 65536 },
];
const images = COMBINATIONS.map((options): Image => prepareSync(kernelsWasm(), { ...options, capture: true }));
const modules = images.map((image) => new WebAssembly.Module(image.moduleBytes()));

interface Stage {
  readonly memory: WebAssembly.Memory;
  readonly ledger: WebAssembly.Memory;
  readonly words: Int32Array;
}

function stageOf(image: Image): Stage {
  const { minimumPages, maximumPages } = image.info.memory;
  const memory = new WebAssembly.Memory({ initial: minimumPages, maximum: maximumPages, shared: true });
  const ledger = new WebAssembly.Memory({ initial: LEDGER_PAGES, maximum: LEDGER_PAGES, shared: true });
  return { memory, ledger, words: new Int32Array(ledger.buffer) };
}

/** `poll` is called at each poll once the hint is set. */
function instantiate(which: number, { memory, ledger }: Stage, poll: () => void): WebAssembly.Exports {
  const { exports } = new WebAssembly.Instance(modules[which]!, { stillpoint: { memory, ledger } });
  (exports[EXPORT_SLOW] as WebAssembly.Table).set(0, exportedFunction({ params: [], results: [] }, poll));
  return exports;
}

/** Calls a kernel and captures it with its globals at its nth poll; undefined if it does not get there. */
function captured(which: number, name: string, args: readonly number[], n: number): Stage | undefined {
  const stage = stageOf(images[which]!);
  let polls = 0;
  const exports = instantiate(which, stage, () => {
    if (++polls === n) stage.words[OFF_UNWINDING >> 2] = 1;
  });
  (exports[EXPORT_BOOT] as () => void)();
  stage.words[OFF_HINT >> 2] = 1;
  (exports[name] as (...args: number[]) => number)(...args);
  if (polls < n) return undefined;
  new Attachment({ exports, ...stage }, new ContinuationCache(synthesisOf(images[which]!))).saveGlobals();
  return stage;
}

function goOn(which: number, stage: Stage): unknown {
  const exports = instantiate(which, stage, () => {});
  const attachment = new Attachment({ exports, ...stage }, new ContinuationCache(synthesisOf(images[which]!)));
  stage.words[OFF_UNWINDING >> 2] = 0;
  stage.words[OFF_HINT >> 2] = 0;
  attachment.attach();
  attachment.loadGlobals();
  return attachment.continuation()();
}

const layout = suite("layout of frames");

for (const [name, ...args] of kernelCalls) {
  layout(`${name}: the same frames under all options, and each goes on under another`, () => {
    const plain = stageOf(images[0]!);
    const undisturbed = instantiate(0, plain, () => {});
    (undisturbed[EXPORT_BOOT] as () => void)();
    const expected = (undisturbed[name] as (...args: number[]) => number)(...args);
    for (const n of [1, 2, 17, 400]) {
      const stages = COMBINATIONS.map((_, which) => captured(which, name, args, n));
      if (stages[0] === undefined) continue;
      const top = stages[0].words[OFF_FRAMES_TOP >> 2]!;
      assert.ok(readFrames(stages[0].ledger).length > 0);
      const bytesOf = (stage: Stage) => new Uint8Array(stage.ledger.buffer, OFF_FRAMES, top);
      for (const [which, stage] of stages.entries()) {
        assert.is(stage!.words[OFF_FRAMES_TOP >> 2], top);
        assert.is(Buffer.compare(bytesOf(stage!), bytesOf(stages[0])), 0, `frames of combination ${which} differ`);
      }
      for (const [which, stage] of stages.entries()) {
        const other = (which + 1) % COMBINATIONS.length;
        assert.is(goOn(other, stage!), expected, `from combination ${which} to ${other}, poll ${n}`);
        assert.is(stage!.words[OFF_FRAMES_TOP >> 2], 0);
      }
    }
  });
}

layout.run();
