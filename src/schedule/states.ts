/**
 * The states of a wave, and what leads from each to which.
 *
 *   state     what goes on                          planned  refused  due     moved   committed  failed    cancel    returned  finished
 *   planning  who is concerned, can memory be kept  notice   ended    -       -       -          ended     ended     -         ended
 *   notice    an hour, an approval, recovery or     -        -        impact  -       -          ended     ended     -         ended
 *             an operator's hold is awaited
 *   impact    guests of one domain are replaced     -        -        -       health  -          rollback  rollback  -         -
 *   health    they run again: are they well?        -        -        -       -       notice     rollback  rollback  -         ended
 *   rollback  they are given back what they had     -        -        -       -       -          -         rollback  ended     -
 *   ended     for good                              -        -        -       -       -          -         ended     -         -
 *
 * Each state is some work that comes to one of the events in its row; a dash is an event that this work never comes to, and meeting
 * it is a bug. `refused`: nothing was announced. `committed`: the domain stays on what it was given, and there are more to come;
 * `finished`: there are no more. `failed`: something speaks against going on: a guest that could not be replaced, one that is not well, a
 * journal that cannot be written.
 *
 * hold() and resume() are no events: they close and open a gate that stands between `notice` and `impact`, in any state but `ended`. A
 * domain that is under way is brought to its end.
 */

export const WAVE_STATES = ["planning", "notice", "impact", "health", "rollback", "ended"] as const;
export type WaveState = (typeof WAVE_STATES)[number];

export const WAVE_EVENTS = [
  "planned",
  "refused",
  "due",
  "moved",
  "committed",
  "failed",
  "cancel",
  "returned",
  "finished",
] as const;
export type WaveEvent = (typeof WAVE_EVENTS)[number];

export const WAVE_TABLE: Readonly<Record<WaveState, Readonly<Partial<Record<WaveEvent, WaveState>>>>> = {
  planning: { planned: "notice", refused: "ended", failed: "ended", cancel: "ended", finished: "ended" },
  notice: { due: "impact", failed: "ended", cancel: "ended", finished: "ended" },
  impact: { moved: "health", failed: "rollback", cancel: "rollback" },
  health: { committed: "notice", finished: "ended", failed: "rollback", cancel: "rollback" },
  rollback: { returned: "ended", cancel: "rollback" },
  ended: { cancel: "ended" },
};

/** Where an event leads. Throws when it cannot be. */
export function after(state: WaveState, event: WaveEvent): WaveState {
  const next = WAVE_TABLE[state][event];
  if (next === undefined) throw new Error(`a wave in ${state} cannot meet ${event}`);
  return next;
}
