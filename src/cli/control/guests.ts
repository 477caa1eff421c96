/** `stillpoint ps`, `freeze` and `resume`: the guests of a running fleet. */

import type { Command } from "commander";
import type { FreezeReport, ResumeReport } from "../../index.ts";
import { milliseconds, size } from "../figures.ts";
import { millisecondsOf } from "../option-values.ts";
import type { Residence } from "../serve/residences.ts";
import { addControl, Client, type ControlOptions, EXITS, part, print } from "./client.ts";
import { type Column, orDash, printTable, shortUrl } from "./table.ts";

export const GUEST_COLUMNS: readonly Column<Residence>[] = [
  { head: "GUEST", text: ({ name }) => name },
  { head: "STATE", text: ({ state, exitCode }) => (exitCode === null ? state : `${state} (${exitCode})`) },
  { head: "SET", text: ({ set }) => orDash(set) },
  { head: "UD", right: true, text: ({ updateDomain }) => orDash(updateDomain) },
  { head: "FD", right: true, text: ({ faultDomain }) => orDash(faultDomain) },
  { head: "MEMORY", right: true, text: ({ memoryBytes }) => (memoryBytes === null ? "–" : size(memoryBytes)) },
  { head: "SERVICES", text: ({ services }) => shortUrl(services) },
];

async function each<T>(
  guests: readonly string[],
  options: ControlOptions,
  { verb, body, line }: { verb: string; body?: object; line(report: T): string },
): Promise<void> {
  const client = new Client(options);
  for (const guest of guests) {
    const report = await client.post<T>(`/v1/guests/${part(guest)}/${verb}`, body);
    if (options.json) print(report);
    else process.stdout.write(`${guest}: ${line(report)}\n`);
  }
}

export function addGuests(program: Command): void {
  addControl(program, "ps", "list the guests of a running fleet")
    .description("Lists the guests of a running fleet, those that have ended included.")
    .addHelpText(
      "after",
      `${EXITS}

--json prints an array of
  { name, state, set, updateDomain, faultDomain, services, memoryBytes, module,
    exitCode, error }; what does not apply is null`,
    )
    .action(async (options: ControlOptions) => {
      const guests = await new Client(options).get<Residence[]>("/v1/guests");
      if (options.json) print(guests);
      else printTable(guests, GUEST_COLUMNS);
    });

  addControl(program, "freeze", "freeze guests of a running fleet")
    .description("Freezes guests where they are. Freezes count: each needs a resume of its own.")
    .argument("<guest...>", "names")
    .option("--budget <ms>", "longest time to wait for one of them", millisecondsOf)
    .addHelpText("after", `${EXITS}\n\n--json prints one FreezeReport a line.`)
    .action((guests: string[], options: ControlOptions & { budget?: number }) =>
      each<FreezeReport>(guests, options, {
        verb: "freeze",
        ...(options.budget !== undefined && { body: { budgetMs: options.budget } }),
        line: ({ how, timeToSafepointMs }) => `frozen (${how}) in ${milliseconds(timeToSafepointMs)}`,
      }),
    );

  addControl(program, "resume", "let frozen guests go on")
    .description("Releases one freeze of each guest; after the last one it goes on.")
    .argument("<guest...>", "names")
    .addHelpText("after", `${EXITS}\n\n--json prints one ResumeReport a line.`)
    .action((guests: string[], options: ControlOptions) =>
      each<ResumeReport>(guests, options, {
        verb: "resume",
        line: ({ held, blackoutMs }) =>
          held > 0 ? `still held ${held} times` : `goes on after ${milliseconds(blackoutMs)}`,
      }),
    );
}
