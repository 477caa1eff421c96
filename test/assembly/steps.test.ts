// Goal: whatever the other side does between two steps of a function, both sides end up with the same idea of who may run.
// Method: the core with a stop before each access that another thread may see (test/support/stepped.ts). For every function,
// every place in it, and everything that the other side may do there, the function is run once with that in its middle.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as abi from "../../dist/abi.js";
import type { Core } from "../../dist/core/core.js";
import { type CoreOnLedger, coreOnLedger } from "../support/core.ts";
import { attachStepped } from "../support/stepped.ts";

const { IDLE, WAITING, RUNNING, FREEZING, FROZEN, ENDED } = abi;
const HOST = 1;
/** More than any function takes. */
const STEPS_MAX = 60;

class Scene {
  readonly on: CoreOnLedger = coreOnLedger({ host: HOST });
  /** The two sides without stops. */
  readonly owner: Core = this.on.attach(0);
  readonly host: Core = this.on.attach(HOST);
  steps = 0;

  get run(): number {
    return this.on.view.getUint32(abi.OFF_RUN, true);
  }
  get state(): number {
    return this.run & abi.STATE_MASK;
  }
  get generation(): number {
    return this.run >>> abi.STATE_BITS;
  }
  word(at: number): number {
    return this.on.view.getUint32(at, true);
  }

  bring(state: number): void {
    if (state !== IDLE) this.host.enter();
    if (state === WAITING) this.host.beginWait();
    if (state === FREEZING) this.owner.request();
    assert.is(this.state, state);
  }

  /** What a guest does at a safepoint, up to where it sleeps. Answers whether there was anything to do. */
  grant(): boolean {
    if (this.state !== FREEZING) return false;
    this.on.view.setUint32(abi.OFF_RUN, this.run - FREEZING + FROZEN, true);
    return true;
  }

  /**
   * Calls a function of one side, `middle` before its step number `at` and all that follow, and `always` before each step;
   * false if it does not have that many.
   */
  act(
    number: number,
    call: (core: Core) => unknown,
    at: number,
    middle: () => void,
    always: () => void = () => {},
  ): boolean {
    this.steps = 0;
    const core = attachStepped(this.on.ledger, number, () => {
      if (this.steps++ >= at) middle();
      always();
    });
    call(core);
    return this.steps > at;
  }
}

const steps = suite("steps");

/** Runs `once` for each step of a function, until it has no more. */
function everyStep(once: (at: number) => boolean): void {
  let at = 0;
  while (once(at)) assert.ok(++at < STEPS_MAX, "it does not end");
  assert.ok(at > 0, "it has no steps");
}

const moves: readonly { name: string; from: number; to: number; call: (core: Core) => unknown }[] = [
  { name: "enter", from: IDLE, to: RUNNING, call: (core) => core.enter() },
  { name: "leave", from: RUNNING, to: IDLE, call: (core) => core.leave() },
  { name: "beginWait", from: RUNNING, to: WAITING, call: (core) => core.beginWait() },
  { name: "endWait", from: WAITING, to: RUNNING, call: (core) => core.endWait() },
  { name: "end", from: RUNNING, to: ENDED, call: (core) => core.end() },
];

for (const { name, from, to, call } of moves) {
  steps(`request() with ${name}() in its middle asks the guest as it is then`, () => {
    everyStep((at) => {
      const scene = new Scene();
      scene.bring(from);
      let moved = false;
      let asked = -1;
      let answer = -1;
      const more = scene.act(
        0,
        (core) => {
          answer = core.request();
        },
        at,
        () => {
          // Once the guest is asked it would park, and this thread with it.
          if (moved || scene.state !== from) return;
          call(scene.host);
          moved = true;
          asked = scene.generation;
        },
      );
      const found = moved ? to : from;
      if (found === ENDED) {
        assert.is(answer, ENDED);
        assert.is(scene.word(abi.OFF_HOLDS), 0);
        return more;
      }
      if (moved) assert.is(scene.generation, asked + 1);
      assert.is(answer, found === RUNNING ? FREEZING : FROZEN);
      assert.is(scene.state, answer);
      assert.is(scene.word(abi.OFF_FOUND), found);
      assert.is(scene.word(abi.OFF_HINT), found === RUNNING ? 1 : 0);
      assert.is(scene.word(abi.OFF_HOLDS), 1);
      return more;
    });
  });

  steps(`${name}() with a freeze from beginning to end in its middle has its effect after it`, () => {
    everyStep((at) => {
      const scene = new Scene();
      scene.bring(from);
      let asked = false;
      let released = false;
      const more = scene.act(HOST, call, at, () => {
        if (!asked) {
          asked = true;
          released = scene.owner.request() === ENDED;
          return;
        }
        if (released || scene.state !== FROZEN) return;
        // Later, so that the host has come as far as it can.
        assert.is.not(scene.owner.granted(), to === ENDED ? ENDED : -1);
        assert.is(scene.owner.release(), 0);
        released = true;
      });
      if (!asked) assert.is(scene.state, to);
      else if (released) assert.is(scene.state, to);
      else {
        // Asked when the move was done already: the freeze is still to come, or was had from the state reached.
        assert.is(scene.state, to === RUNNING ? FREEZING : FROZEN);
      }
      return more;
    });
  });
}

steps("withdraw() with the grant in its middle is too late, or the guest was never stopped", () => {
  everyStep((at) => {
    const scene = new Scene();
    scene.bring(FREEZING);
    let granted = false;
    let answer = -1;
    const more = scene.act(
      0,
      (core) => {
        answer = core.withdraw();
      },
      at,
      () => {
        granted ||= scene.grant();
      },
    );
    assert.is(answer, granted ? FROZEN : RUNNING);
    assert.is(scene.state, answer);
    assert.is(scene.word(abi.OFF_HOLDS), granted ? 1 : 0);
    return more;
  });
});

steps("poll() with a withdrawal, and a second request, in its middle grants no more than what is asked", () => {
  everyStep((at) => {
    const scene = new Scene();
    scene.bring(FREEZING);
    const first = scene.generation;
    let tried = false;
    let again = false;
    const more = scene.act(
      HOST,
      (core) => core.poll(),
      at,
      () => {
        if (tried) return;
        tried = true;
        if (scene.owner.withdraw() !== RUNNING || scene.generation !== first) return;
        again = scene.word(abi.OFF_EPOCH) === 0;
        if (again) assert.is(scene.owner.request(), FREEZING);
      },
      () => {
        if (scene.state !== FROZEN) return;
        assert.is(scene.generation, again ? first + 1 : first);
        assert.is(scene.owner.release(), 0);
      },
    );
    assert.is(scene.state, RUNNING);
    assert.is(scene.word(abi.OFF_HOLDS), 0);
    return more;
  });
});

for (const { name, from, call } of moves.filter(({ from }) => from !== RUNNING)) {
  steps(`${name}() with the guest given to another host in its middle does nothing to it`, () => {
    everyStep((at) => {
      const scene = new Scene();
      scene.bring(from);
      let given = false;
      let before = -1;
      const more = scene.act(
        HOST,
        (core) => {
          try {
            call(core);
          } catch (error) {
            // The core stops where `lost` does not throw.
            assert.instance(error, WebAssembly.RuntimeError);
          }
        },
        at,
        () => {
          if (given || scene.state !== from) return;
          scene.owner.request();
          assert.is(scene.owner.handOver(HOST, HOST + 1), 0);
          scene.owner.release();
          given = true;
          before = scene.run;
        },
      );
      if (given) assert.is(scene.run, before);
      return more;
    });
  });
}

steps.run();
