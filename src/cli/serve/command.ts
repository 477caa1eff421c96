/** The command `stillpoint serve`, as the command line knows it. */

import type { Command } from "commander";

const HELP = `
The file is JSON, checked against fleet.schema.json of this package; what is
wrong with it is said as FILE:LINE:COLUMN. Paths in it are relative to it.

Guests read Scheduled Events as clients of the cloud's metadata service do, at
the address that is logged, or in their own /run/stillpoint if they are in a set.
"stillpoint ps" and the other commands control the fleet by its socket, which
only its owner may use; so does anything that speaks HTTP over a unix socket.

With "dashboard": {} in the file a page shows the fleet, at the address that is
logged: guests, pauses, waves and events as they happen. It only shows, unless
"tokenFile" names a file with a secret, which the page then asks for.

With a journal, guests boot with what the last wave committed their update domain
to, and a wave that was interrupted is told of. Remove the directory to begin
anew from the file.

SIGTERM and SIGINT announce the end to the guests, let them come to it, and end
with 0; a second signal ends at once. Logs go to standard error, one JSON object
a line; on a terminal they are for people.

Ends with 1 if the fleet cannot be served, the reason is said; 2 if the command
line is wrong.

Example of a file:
  { "guests": [
      { "name": "orders", "count": 3, "set": "orders", "module": "orders.wasm",
        "services": "v1.mjs" } ] }`;

export function addServe(program: Command): void {
  program
    .command("serve")
    .summary("run a fleet of guests, and update it in waves")
    .description("Runs the guests that a file describes, until it is told to end.")
    .argument("<file>", "configuration of the fleet")
    .addHelpText("after", HELP)
    .action(async (file: string) => {
      // Other commands have no use for what this one needs.
      const { serve } = await import("./serve.ts");
      await serve(file);
      // Standard streams of guests may have been left in the middle of something.
      process.exit(0);
    });
}
