/** `stillpoint plan`, `update`, `waves` and `cancel`: updates of a running fleet, one update domain after the other. */

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Plan, WaveProgress, WaveReport } from "../../index.ts";
import { CommandError, STATUS } from "../exit-status.ts";
import { count, milliseconds } from "../figures.ts";
import { millisecondsOf } from "../option-values.ts";
import type { UpdateRequest, WaveView } from "../serve/wave-book.ts";
import type { WireError } from "../serve/wire.ts";
import { addControl, Client, type ControlOptions, EXITS, part, print } from "./client.ts";
import { orDash, printTable, shortUrl } from "./table.ts";

interface UpdateOptions extends ControlOptions {
  readonly kind?: NonNullable<UpdateRequest["kind"]>;
  readonly services?: string;
  readonly module?: string;
  readonly set?: readonly string[];
  readonly guest?: readonly string[];
  readonly notice?: number;
  readonly recovery?: number;
  readonly onIneligible?: NonNullable<UpdateRequest["onIneligible"]>;
  readonly maxImpact?: number;
  readonly description?: string;
  readonly detach?: true;
}

/** Errors arrive as their code and message. */
type Wired<T> = T extends object
  ? { readonly [K in keyof T]: T[K] extends Error | undefined ? WireError : Wired<T[K]> }
  : T;

function gathered(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** What an update is made of, for the two commands that take one. */
function withUpdate(command: Command): Command {
  return command
    .option("--services <url-or-path>", "the new services module; default: each guest's own, anew")
    .option("--module <path>", "a new module or image; memory cannot be kept then")
    .addOption(
      new Option("--kind <kind>", "whether memory is kept; reboot and redeploy start guests again").choices([
        "freeze",
        "reboot",
        "redeploy",
      ]),
    )
    .option("--set <name>", "a set whose guests are concerned; may be repeated; default: all", gathered)
    .option("--guest <name>", "a guest that is concerned; may be repeated", gathered)
    .option("--notice <ms>", "how long before the first domain its guests learn of it", millisecondsOf)
    .option("--recovery <ms>", "least time between update domains", millisecondsOf)
    .addOption(new Option("--on-ineligible <what>", "when a guest's memory cannot be kept").choices(["stop", "reboot"]))
    .option("--max-impact <ms>", "longest time for which a guest may stand still", millisecondsOf)
    .option("--description <text>", "for people, in the notices");
}

function requestOf(options: UpdateOptions): UpdateRequest {
  const { kind, services, module, set, guest, notice, recovery, onIneligible, maxImpact, description } = options;
  const isUrl = services !== undefined && /^[a-z][a-z+.-]+:/i.test(services);
  return {
    ...(kind && { kind }),
    ...(services !== undefined && { services: isUrl ? services : resolve(services) }),
    ...(module !== undefined && { module: resolve(module) }),
    ...(set && { sets: set }),
    ...(guest && { guests: guest }),
    ...(notice !== undefined && { noticeMs: notice }),
    ...(recovery !== undefined && { recoveryMs: recovery }),
    ...(onIneligible && { onIneligible }),
    ...(maxImpact !== undefined && { maxImpactMs: maxImpact }),
    ...(description !== undefined && { description }),
  };
}

function printPlan({ domains, ineligible, possible }: Plan): void {
  const rows = domains.flatMap(({ guests }) => guests);
  printTable(rows, [
    { head: "UD", right: true, text: ({ updateDomain }) => String(updateDomain) },
    { head: "GUEST", text: ({ guest }) => guest },
    { head: "SET", text: ({ set }) => set },
    { head: "WAY", text: ({ way }) => way ?? "none" },
    {
      head: "EXPECTED",
      right: true,
      text: ({ expectedBlackoutMs: ms }) => (ms === undefined || ms === null ? "–" : milliseconds(ms)),
    },
  ]);
  for (const { guest, code, reason } of ineligible) process.stdout.write(`${guest}: ${reason} (${code})\n`);
  if (!possible) process.stdout.write("This update would be refused.\n");
}

/** One line for what a wave tells; nothing for what is of no interest. */
function lineOf(progress: Wired<WaveProgress>): string | undefined {
  switch (progress.type) {
    case "planned":
      return `planned: ${count(progress.plan.domains.flatMap(({ guests }) => guests).length, "guest")} in ${count(progress.plan.domains.length, "update domain")}`;
    case "state": {
      const at = progress.updateDomain === undefined ? "" : `, update domain ${progress.updateDomain}`;
      return `${progress.to}${at}`;
    }
    case "guest": {
      const { guest, outcome, blackoutMs, error } = progress.report;
      const why = error === undefined ? "" : `: ${error.message}`;
      return `  ${guest}: ${outcome}, stood still for ${milliseconds(blackoutMs)}${why}`;
    }
    case "held":
    case "resumed":
      return progress.type;
    case "ended":
      return undefined;
  }
}

async function follow(client: Client, id: string, options: UpdateOptions): Promise<void> {
  for await (const progress of client.lines<Wired<WaveProgress>>(`/v1/waves/${id}/progress`)) {
    if (options.json) print(progress);
    else {
      const line = lineOf(progress);
      if (line !== undefined) process.stdout.write(`${line}\n`);
    }
  }
  const { report, error } = await client.get<WaveView>(`/v1/waves/${id}`);
  // Refused before anything happened.
  if (report === null) throw new CommandError(`${error?.code}: ${error?.message}`, STATUS.refused);
  const { outcome } = report as WaveReport;
  if (outcome !== "completed") {
    throw new CommandError(`the wave was ${outcome}${error === null ? "" : `: ${error.message}`}`, STATUS.stopped);
  }
  if (!options.json) process.stdout.write("completed\n");
}

/** Waits until the wave is planned and announced, or refused. */
async function announced(client: Client, id: string): Promise<void> {
  for await (const progress of client.lines<Wired<WaveProgress>>(`/v1/waves/${id}/progress`)) {
    if (progress.type === "state" && progress.to !== "ended") return;
  }
  const { report, error } = await client.get<WaveView>(`/v1/waves/${id}`);
  if (report === null) throw new CommandError(`${error?.code}: ${error?.message}`, STATUS.refused);
}

export function addWaves(program: Command): void {
  withUpdate(addControl(program, "plan", "say what an update would do"))
    .description("Says what an update would do: to which guests, in which order, by which way, for how long.")
    .addHelpText(
      "after",
      `${EXITS}; a plan that is not possible, too\n\n--json prints { kind, domains, ineligible, possible }.`,
    )
    .action(async (options: UpdateOptions) => {
      const plan = await new Client(options).post<Plan>("/v1/plan", requestOf(options));
      if (options.json) print(plan);
      else printPlan(plan);
      if (!plan.possible) process.exitCode = STATUS.refused;
    });

  withUpdate(addControl(program, "update", "replace the services under a running fleet, domain by domain"))
    .description("Begins a wave and follows it to its end. Leaving does not end the wave: `stillpoint cancel` does.")
    .option("--detach", "print the wave's id once it is announced, and do not wait")
    .addHelpText(
      "after",
      `${EXITS}
    5  the wave was stopped or canceled; what went back is said

--json prints what the wave tells, one line each, the last with its report.

Example:
  stillpoint update --services v2.mjs --set orders --notice 60000`,
    )
    .action(async (options: UpdateOptions) => {
      const client = new Client(options);
      const { wave } = await client.post<WaveView>("/v1/waves", requestOf(options));
      if (!options.detach) return follow(client, wave, options);
      await announced(client, wave);
      if (options.json) print({ wave });
      else process.stdout.write(`${wave}\n`);
    });

  addControl(program, "waves", "list waves on their way, and the last that were")
    .description("Lists waves on their way, and the last that were.")
    .addHelpText(
      "after",
      `${EXITS}

--json prints an array of
  { wave, kind, services, state, held, updateDomain, startedAt, report, error }`,
    )
    .action(async (options: ControlOptions) => {
      const waves = await new Client(options).get<WaveView[]>("/v1/waves");
      if (options.json) return print(waves);
      printTable(waves, [
        { head: "WAVE", text: ({ wave }) => wave },
        { head: "KIND", text: ({ kind }) => kind },
        { head: "SERVICES", text: ({ services }) => shortUrl(services) },
        { head: "STATE", text: ({ state, held }) => (held ? `${state} (held)` : state) },
        { head: "UD", right: true, text: ({ updateDomain }) => orDash(updateDomain) },
        { head: "OUTCOME", text: ({ report, error }) => outcomeOf(report as WaveReport | null, error) },
      ]);
    });

  addControl(program, "cancel", "end a wave, and withdraw what it announced")
    .description("Ends a wave: what it announced is withdrawn, a domain that is under way goes back.")
    .argument("<wave>", "its id")
    .addHelpText("after", `${EXITS}\n\n--json prints the wave as "stillpoint waves" does.`)
    .action(async (wave: string, options: ControlOptions) => {
      const view = await new Client(options).post<WaveView>(`/v1/waves/${part(wave)}/cancel`);
      if (options.json) print(view);
    });
}

function outcomeOf(report: WaveReport | null, error: WireError | null): string {
  if (report === null) return error === null ? "–" : "refused";
  return report.outcome;
}
