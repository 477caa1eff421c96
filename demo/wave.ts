/**
 * Third act: new services for a set of guests, announced first and then rolled out one update domain after the other.
 *
 *   six guests of one set in three update domains run under v1; a seventh, which no wave concerns, prints what they must print
 *   v2   announced; a program of the set reads that in a file and approves; domain after domain goes on under v2
 *   v3   announced and approved in the same way; the first domain's guests are not healthy under it, go back to v2, and the wave stops
 *
 * Good if each wave ends as it should, every guest is where the wave says, and each prints the lines of the seventh.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { Fleet, type Guest, type GuestReport, type ScheduledEvent, type WaveReport } from "stillpoint";
import type { Modules } from "./modules.ts";
import { CHAIN } from "./programs.ts";
import { milliseconds, say, table } from "./screen.ts";

const SET = "orders";
const GUESTS = 6;
const UPDATE_DOMAINS = 3;

/** Without an approval from inside the domains would begin only then. */
const NOTICE_MS = 60_000;

const servicesOf = (version: string): URL => new URL(`./services/${version}.js`, import.meta.url);
const versionOf = (guest: Guest): string => guest.services?.href.match(/(v\d)\.js$/)?.[1] ?? "none";

/** The lines that a guest has printed so far; it is never at its end. */
function linesOf(guest: Guest): string[] {
  const lines: string[] = [];
  void (async () => {
    let last = "";
    for await (const chunk of guest.stdout!.pipeThrough(
      new TextDecoderStream() as TransformStream<Uint8Array, string>,
    )) {
      const whole = (last + chunk).split("\n");
      last = whole.pop()!;
      lines.push(...whole);
    }
  })();
  return lines;
}

/** Says what is announced, as it happens. */
function tellEvents(fleet: Fleet): void {
  const startedMs = performance.now();
  for (const type of ["scheduled", "started", "completed", "canceled"] as const) {
    fleet.events.addEventListener(type, ({ detail }: CustomEvent<ScheduledEvent>) => {
      const at = `${(performance.now() - startedMs).toFixed(0)} ms`.padStart(8);
      const how = type === "started" && detail.approved ? "started, because it was approved" : type;
      say(`${at}   ${detail.type} of ${detail.resources.join(", ").padEnd(18)} ${how}`);
    });
  }
}

function waveTable(waves: readonly (readonly [name: string, report: WaveReport])[]): string {
  const rows = waves.flatMap(([name, report]) =>
    report.guests.map(({ guest, updateDomain, outcome, blackoutMs }: GuestReport) => [
      `${name}, update domain ${updateDomain}`,
      guest,
      outcome,
      outcome === "untouched" ? "" : milliseconds(blackoutMs),
    ]),
  );
  return table([["", "guest", "outcome", "blackout"], ...rows]);
}

export async function wave({ python }: Modules): Promise<boolean> {
  await using fleet = await Fleet.open({ updateDomainCount: UPDATE_DOMAINS, recoveryMs: 0, noticeMs: NOTICE_MS });
  const boot = (name: string, set: string, role: string): Promise<Guest> =>
    fleet.boot(python, {
      name,
      set,
      args: ["python", "-c", CHAIN, role],
      env: { PYTHONHASHSEED: "0" },
      services: servicesOf("v1"),
      stdout: "pipe",
    });
  say(
    `${GUESTS} CPythons of one set in ${UPDATE_DOMAINS} update domains. What is announced, one of the programs itself approves.\n`,
  );
  const alone = await boot("alone", "alone", "follows");
  const guests = await Promise.all(
    Array.from({ length: GUESTS }, (_, index) => boot(`${SET}_${index}`, SET, index === 0 ? "leads" : "follows")),
  );
  const printed = [alone, ...guests].map(linesOf);

  tellEvents(fleet);
  const update = async (version: string): Promise<WaveReport> =>
    fleet.update({ services: servicesOf(version), sets: [SET], description: `${version} of the services` }).result;
  say("v2 for all of them:");
  const good = await update("v2");
  say(
    `  the wave is ${good.outcome}: they run under ${[...new Set(guests.map(versionOf))].join(", ")}\n\nv3, which is broken:`,
  );
  const bad = await update("v3");
  say(`  the wave is ${bad.outcome}: they run under ${[...new Set(guests.map(versionOf))].join(", ")}`);
  // Whatever was spoilt on the way would show in the lines from here on.
  await sleep(300);
  await Promise.all([alone, ...guests].map((guest) => guest.terminate()));

  say(
    `\n${waveTable([
      ["v2", good],
      ["v3", bad],
    ])}\n`,
  );
  const compared = Math.min(...printed.map((lines) => lines.length));
  const same = printed.every((lines) => lines.slice(0, compared).join() === printed[0]!.slice(0, compared).join());
  say(
    `Each of them has printed the ${compared} lines that a program prints which nobody touched: ${same ? "yes" : "NO"}.`,
  );
  return (
    same &&
    compared > 0 &&
    good.outcome === "completed" &&
    good.guests.every(({ outcome }) => outcome === "updated") &&
    bad.outcome === "stopped" &&
    bad.committed.length === 0 &&
    guests.every((guest) => versionOf(guest) === "v2") &&
    fleet.events.document().Events.length === 0
  );
}
