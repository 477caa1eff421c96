/** `stillpoint events` and `approve`: what is announced to the guests of a running fleet, and the operator's agreement. */

import type { Command } from "commander";
import type { EventDocument } from "../../index.ts";
import { addControl, Client, type ControlOptions, EXITS, part, print } from "./client.ts";
import { printTable } from "./table.ts";

export function addEvents(program: Command): void {
  addControl(program, "events", "list what is announced to the guests of a running fleet")
    .description("Lists the scheduled events of all sets.")
    .addHelpText("after", `${EXITS}\n\n--json prints the document of Scheduled Events, version 2020-07-01.`)
    .action(async (options: ControlOptions) => {
      const document = await new Client(options).get<EventDocument>("/v1/events");
      if (options.json) return print(document);
      printTable(document.Events, [
        { head: "EVENT", text: ({ EventId }) => EventId },
        { head: "TYPE", text: ({ EventType }) => EventType },
        { head: "STATUS", text: ({ EventStatus }) => EventStatus },
        { head: "NOT BEFORE", text: ({ NotBefore }) => NotBefore },
        { head: "GUESTS", text: ({ Resources }) => Resources.join(" ") },
      ]);
    });

  addControl(program, "approve", "let announced events start before their time")
    .description("Agrees that events start before their time, for all guests concerned.")
    .argument("[event...]", "ids")
    .option("--all", "everything that is announced now")
    .addHelpText("after", `${EXITS}\n\n--json prints the document of Scheduled Events afterwards.`)
    .action(async (ids: string[], options: ControlOptions & { all?: true }, command: Command) => {
      if ((ids.length === 0) !== (options.all === true)) command.error("error: name events, or say --all");
      const client = new Client(options);
      let document = await client.get<EventDocument>("/v1/events");
      for (const id of options.all ? document.Events.map(({ EventId }) => EventId) : ids) {
        document = await client.post(`/v1/events/${part(id)}/approve`);
      }
      if (options.json) print(document);
    });
}
