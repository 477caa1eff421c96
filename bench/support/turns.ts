/** The speed of a guest, by the turns that it counts in its own memory (bench/programs/guests.ts). */

/**
 * Turns for a millisecond of CPU time of the process: what else the machine does counts little, and what the engine compiles
 * meanwhile counts too. No other guest may run.
 */
export async function speedOf(turns: () => number, spanMs: number): Promise<number> {
  const from = process.cpuUsage();
  const before = turns();
  await new Promise((resolve) => setTimeout(resolve, spanMs));
  const { user, system } = process.cpuUsage(from);
  return (turns() - before) / ((user + system) / 1000);
}
