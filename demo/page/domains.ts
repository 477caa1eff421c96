/** What a lane of the timeline belongs to: a guest, in the colour of its update domain. */
export interface Lane {
  readonly name: string;
  readonly colour: string;
}

/** Told apart by the colour-blind; there are more update domains than colours. */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"] as const;

export function colourOf(updateDomain: number): string {
  return COLOURS[updateDomain % COLOURS.length]!;
}
