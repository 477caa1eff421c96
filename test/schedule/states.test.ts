// Goal: a wave goes from state to state as its table says, and as no other. Method: every state with every event against a list of
// moves written down a second time, by hand, from what each state is for.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { after, WAVE_EVENTS, WAVE_STATES, WAVE_TABLE } from "../../dist/schedule/states.js";

const MOVES = `
  planning planned notice        planning refused ended      planning failed ended       planning cancel ended
  planning finished ended        notice due impact           notice failed ended         notice cancel ended
  notice finished ended          impact moved health         impact failed rollback      impact cancel rollback
  health committed notice        health finished ended       health failed rollback      health cancel rollback
  rollback returned ended        rollback cancel rollback    ended cancel ended
`;

const states = suite("states of a wave");

states("each state with each event leads where it should, or is refused as a bug", () => {
  const moves = new Map(
    [...MOVES.matchAll(/(\w+) (\w+) (\w+)/g)].map(([, from, event, to]) => [`${from} ${event}`, to]),
  );
  let allowed = 0;
  for (const state of WAVE_STATES) {
    for (const event of WAVE_EVENTS) {
      const to = moves.get(`${state} ${event}`);
      if (to === undefined) assert.throws(() => after(state, event), /cannot meet/);
      else {
        assert.is(after(state, event), to, `${state} ${event}`);
        allowed++;
      }
    }
  }
  assert.is(allowed, moves.size);
  assert.is(allowed, 19);
});

states("from every state the end can be reached, and it is for good", () => {
  const reaching = new Set<string>(["ended"]);
  for (let round = 0; round < WAVE_STATES.length; round++) {
    for (const state of WAVE_STATES) {
      if (Object.values(WAVE_TABLE[state]).some((next) => reaching.has(next))) reaching.add(state);
    }
  }
  assert.equal([...reaching].sort(), [...WAVE_STATES].sort());
  assert.equal(new Set(Object.values(WAVE_TABLE.ended)), new Set(["ended"]));
});

states("a guest is touched only by way of a notice, and stays changed only by way of health", () => {
  const into = (state: string): string[] =>
    WAVE_STATES.filter((from) => Object.values(WAVE_TABLE[from]).includes(state as never));
  assert.equal(into("impact"), ["notice"]);
  assert.equal(into("health"), ["impact"]);
  assert.equal(
    WAVE_STATES.filter((from) => WAVE_TABLE[from].committed !== undefined),
    ["health"],
  );
});

states.run();
