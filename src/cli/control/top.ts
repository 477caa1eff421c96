/**
 * `stillpoint top`: guests, update domains, events and pauses of a running fleet, redrawn in place. It asks for what the other
 * commands ask for, and for two sums of the metrics.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { EventDocument } from "../../index.ts";
import { CommandError, STATUS } from "../exit-status.ts";
import { count } from "../figures.ts";
import { millisecondsOf } from "../option-values.ts";
import type { Residence } from "../serve/residences.ts";
import type { WaveView } from "../serve/wave-book.ts";
import { addControl, Client, type ControlOptions } from "./client.ts";
import { GUEST_COLUMNS } from "./guests.ts";
import { shortUrl, table } from "./table.ts";

const EVERY_MS = 1000;

/** A screen of its own, without a cursor; lines are cut off at its edge, not wrapped. */
const SCREEN_ON = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const SCREEN_OFF = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const ERASE_LINE = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

export interface Sight {
  readonly guests: readonly Residence[];
  readonly waves: readonly WaveView[];
  readonly document: EventDocument;
  readonly pauses: readonly PauseSum[];
}

export interface PauseSum {
  readonly by: string;
  readonly count: number;
  readonly seconds: number;
}

/** Counts and sums of the pauses, out of the text that Prometheus reads. */
export function pausesOf(metrics: string): PauseSum[] {
  const sums = new Map<string, { count: number; seconds: number }>();
  for (const [, what, by, value] of metrics.matchAll(/^stillpoint_pause_seconds_(count|sum)\{by="(\w+)"\} (\S+)$/gm)) {
    const sum = sums.get(by!) ?? { count: 0, seconds: 0 };
    sum[what === "count" ? "count" : "seconds"] = Number(value);
    sums.set(by!, sum);
  }
  return Array.from(sums, ([by, sum]) => ({ by, ...sum }));
}

/** One cell for each update domain: how many of its guests there are, and how many stand still. */
function domainLines(guests: readonly Residence[]): string[] {
  const placed = guests.filter(({ updateDomain }) => updateDomain !== null);
  const domains = [...Map.groupBy(placed, ({ updateDomain }) => updateDomain!)].sort(([a], [b]) => a - b);
  return domains.map(([updateDomain, members]) => {
    const still = members.filter(({ state }) => state === "frozen" || state === "freezing").length;
    const versions = [...new Set(members.map(({ services }) => shortUrl(services)))].join(" ");
    return `  UD ${String(updateDomain).padStart(2)}  ${count(members.length, "guest")}, ${still} frozen  ${versions}`;
  });
}

/** The whole screen, one line each. */
export function screenOf({ guests, waves, document, pauses }: Sight): string[] {
  const running = waves.filter(({ state }) => state !== "ended");
  const mean = pauses.map(
    ({ by, count: times, seconds }) =>
      `${count(times)} by ${by}${times === 0 ? "" : `, mean ${((seconds / times) * 1000).toPrecision(3)} ms`}`,
  );
  return [
    `${count(guests.length, "guest")} · ${count(running.length, "wave")} · ${count(document.Events.length, "event")} · pauses: ${mean.join("; ") || "none"}`,
    "",
    ...domainLines(guests),
    ...running.map(({ wave, state, updateDomain, held }) => {
      const at = updateDomain === null ? "" : `, update domain ${updateDomain}`;
      return `  wave ${wave}: ${state}${at}${held ? " (held)" : ""}`;
    }),
    ...document.Events.map(
      ({ EventType, EventStatus, Resources }) => `  ${EventType} ${EventStatus}: ${Resources.join(" ")}`,
    ),
    "",
    ...table(guests, GUEST_COLUMNS),
  ];
}

async function look(client: Client): Promise<Sight> {
  const [guests, waves, document, metrics] = await Promise.all([
    client.get<Residence[]>("/v1/guests"),
    client.get<WaveView[]>("/v1/waves"),
    client.get<EventDocument>("/v1/events"),
    client.text("/metrics"),
  ]);
  return { guests, waves, document, pauses: pausesOf(metrics) };
}

function draw(lines: readonly string[]): void {
  const { rows = 24 } = process.stdout;
  const shown = lines.slice(0, rows - 1).map((line) => `${line}${ERASE_LINE}`);
  process.stdout.write(`${HOME}${shown.join("\r\n")}${ERASE_BELOW}`);
}

export function addTop(program: Command): void {
  addControl(program, "top", "watch a running fleet")
    .description("Shows guests, update domains, events and pauses, again and again. Ctrl-C leaves.")
    .option("--every <ms>", `how often (default: ${EVERY_MS})`, millisecondsOf)
    .addHelpText(
      "after",
      `
Needs a terminal; with --json it prints { guests, waves, document, pauses } once.
Looking at a fleet whose guests are tracked freezes these for a moment.`,
    )
    .action(async (options: ControlOptions & { every?: number }) => {
      const client = new Client(options);
      const first = await look(client);
      if (options.json) return void process.stdout.write(`${JSON.stringify(first)}\n`);
      if (!process.stdout.isTTY) throw new CommandError("top needs a terminal; use --json, ps or events", STATUS.usage);
      process.stdout.write(SCREEN_ON);
      const leave = (): void => void process.stdout.write(SCREEN_OFF);
      process.once("exit", leave);
      process.once("SIGINT", () => process.exit(0));
      for (let sight = first; ; sight = await look(client)) {
        draw(screenOf(sight));
        await sleep(options.every ?? EVERY_MS);
      }
    });
}
