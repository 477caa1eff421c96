/**
 * Second act: CPython in the middle of a computation is handed from host to host, each a new Worker with another version of the
 * services under it.
 *
 *   v1 → v2            the program goes on under v2, from the instruction where it stopped
 *   v2 → v3, refused   v3 loads, takes the guest over, and says that it is not healthy: the program goes on under v2
 *   v2 → v1 → v2 …     at random moments until the program ends
 *
 * Good if what it prints is what it prints undisturbed, v3 was refused and not one byte of guest memory was copied.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { Fleet, type Guest, GuestStateError, HandoverError, type HandoverReport } from "stillpoint";
import type { Modules } from "./modules.ts";
import { printed } from "./pauses.ts";
import { DRAW } from "./programs.ts";
import { milliseconds, say, table } from "./screen.ts";
import { randomNumbers } from "./storm.ts";

type Version = "v1" | "v2" | "v3";

interface Step {
  readonly from: Version;
  readonly to: Version;
  readonly report: HandoverReport;
  /** Why the guest stayed where it was. */
  readonly refused: string | undefined;
}

/** What a version says of itself when it is no longer needed. */
interface Account {
  readonly version: Version;
  readonly reason: "replaced" | "abandoned" | "exited";
  readonly served: number;
}

/** Where the versions report; services/random.js has the same name. */
const CHANNEL = "stillpoint demonstration";

/** Time between two handovers, ms. */
const APART_MS = { min: 60, max: 260 };

const servicesOf = (version: Version): URL => new URL(`./services/${version}.js`, import.meta.url);

/** Hands the guest over; a version that is no good is an answer here, not an error. Undefined when the program has ended. */
async function step(guest: Guest, from: Version, to: Version): Promise<Step | undefined> {
  try {
    return { from, to, report: await guest.handover({ services: servicesOf(to) }), refused: undefined };
  } catch (error) {
    if (error instanceof GuestStateError) return undefined;
    if (!(error instanceof HandoverError)) throw error;
    if (error.guestState === "exited") return undefined;
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    return { from, to, report: error.report, refused: why.replace(/file:.*\//, "") };
  }
}

/** v1 → v2, v2 → v3, then to and fro, until the program ends. */
async function replaceAgainAndAgain(guest: Guest, random: () => number): Promise<Step[]> {
  const steps: Step[] = [];
  const plan: Version[] = ["v2", "v3"];
  let version: Version = "v1";
  for (;;) {
    await sleep(APART_MS.min + random() * (APART_MS.max - APART_MS.min));
    const to: Version = plan.shift() ?? (version === "v2" ? "v1" : "v2");
    const done = await step(guest, version, to);
    if (done === undefined) return steps;
    steps.push(done);
    if (done.refused === undefined) version = to;
    if (steps.length <= 2) say(`  ${version} ${done.refused === undefined ? "took over" : `stays. ${done.refused}`}`);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function stepTable(steps: readonly Step[]): string {
  const shown: { name: string; reports: HandoverReport[] }[] = steps
    .slice(0, 2)
    .map(({ from, to, report, refused }) => ({
      name: `${from} → ${to}${refused === undefined ? "" : ", refused"}`,
      reports: [report],
    }));
  const later = steps.slice(2).map(({ report }) => report);
  if (later.length > 0) shown.push({ name: `${later.length} more, median`, reports: later });
  const row = (heading: string, of: (report: HandoverReport) => number, unit = milliseconds): string[] => [
    heading,
    ...shown.map(({ reports }) => unit(median(reports.map(of)))),
  ];
  const count = (value: number): string => `${value}`;
  return table([
    ["", ...shown.map(({ name }) => name)],
    row("blackout", (report) => report.blackoutMs),
    row("  time to safepoint", (report) => report.timeToSafepointMs),
    row("  capture", (report) => report.captureMs),
    row("  continuations written", (report) => report.synthesisMs),
    row("  continuations compiled", (report) => report.compileMs),
    row("  restore", (report) => report.restoreMs),
    row("looked at beforehand", (report) => report.glimpsesMs),
    row("frames on the stack", (report) => report.frames, count),
    row("continuations not known yet", (report) => report.cacheMisses, count),
    row(
      "guest memory copied",
      (report) => report.guestBytesCopied,
      (bytes) => `${bytes} bytes`,
    ),
  ]);
}

export async function replacement({ python }: Modules, seed: number): Promise<boolean> {
  await using fleet = await Fleet.open();
  const options = {
    args: ["python", "-c", DRAW],
    env: { PYTHONHASHSEED: "0" },
    services: servicesOf("v1"),
    stdout: "pipe",
  } as const;
  say(
    "CPython, deep in a recursion, gets its random numbers from v1 of its services. Undisturbed first, then v2 takes over …",
  );
  const undisturbed = await printed(await fleet.boot(python, { ...options, name: "python undisturbed" }));

  const accounts: Account[] = [];
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => accounts.push(data as Account);
  const guest = await fleet.boot(python, { ...options, name: "python replaced" });
  const output = printed(guest);
  const steps = await replaceAgainAndAgain(guest, randomNumbers(seed));
  const replaced = await output;
  // What the last version said may still be on its way.
  await sleep(50);
  channel.close();

  say(`\n${stepTable(steps)}\n`);
  const served = (version: Version): number =>
    accounts.filter((account) => account.version === version).reduce((sum, account) => sum + account.served, 0);
  say(`Random numbers served: ${served("v1")} times by v1, ${served("v2")} by v2, ${served("v3")} by v3.
Its output is the same as undisturbed: ${replaced === undisturbed ? "yes" : "NO"}.`);
  return (
    replaced === undisturbed &&
    steps.length >= 2 &&
    steps.every(({ to, refused }) => (to === "v3") === (refused !== undefined)) &&
    steps.every(({ report }) => report.guestBytesCopied === 0) &&
    served("v3") === 0
  );
}
