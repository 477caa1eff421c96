/**
 * The figures that the project has promised to hold, in the order of its design, and where each is found: by the name under which
 * some question answers it. The bar itself is the figure's own. A full report in which one of them has no figure is a failed one.
 */

export interface Bar {
  readonly name: string;
  /** Of the figure. A pattern stands for several, of which the worst has to hold the bar; its first group says which one that is. */
  readonly figure: string | RegExp;
}

export const BARS: readonly Bar[] = [
  {
    name: "`freezeSync` and resume against a blocking round trip of two threads, p50",
    figure: /^(.+): freezeSync and resume against the floor, p50$/,
  },
  {
    name: "`freeze` and resume against one through `waitAsync`, p50",
    figure: /^(.+): freeze and resume against the floor, p50$/,
  },
  {
    name: "freeze time at 4 GiB of guest memory against 1 MiB, p50",
    figure: "freeze time at 4 GiB against 1 MiB, p50",
  },
  { name: "handover blackout, idle reactor, p50", figure: "handover blackout p50, idle reactor" },
  { name: "handover blackout, SQLite in the middle of a query, p50", figure: "handover blackout p50, SQLite, query" },
  { name: "handover blackout, CPython in a loop, p50", figure: "handover blackout p50, CPython, loop" },
  {
    name: "running time against the unprepared module, real programs, with capture",
    figure: "polls and capture, real programs",
  },
  {
    name: "running time against the unprepared module, real programs, with capture and marks",
    figure: "polls, capture and marks, real programs",
  },
  { name: "running speed after ten handovers against before", figure: "speed after ten handovers against before" },
  {
    name: "a once-called hot loop with `tierUp`, time against the unprepared module",
    figure: "time with tierUp against the unprepared module, matrices",
  },
  { name: "preparing a module of 26 MB", figure: "prepare of 26 MB, wall" },
  { name: "peak memory of preparing a module of 26 MB", figure: "prepare of 26 MB, peak memory of the process" },
  { name: "dirty sweep of a 4 GiB map with 1 % dirty, p50", figure: "dirty sweep of a 4 GiB map with 1 % dirty, p50" },
  {
    name: "lost or doubled calls over 1 000 handovers under load",
    figure: "lost or doubled calls over 1 000 handovers",
  },
];
