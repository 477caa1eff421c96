/** Hands one guest over, for the first time in a process that bench/handover.ts starts for it, and prints the report as a line of JSON. */

import { Fleet } from "../../dist/index.js";
import { cpythonLoop, quickJsLoop, sqliteQuery } from "../programs/guests.ts";

/** The guest has run this long before, ms. */
const WARM_UP_MS = 300;

const subject = [cpythonLoop, quickJsLoop, sqliteQuery].find((one) => one?.name === process.argv[2])!;
await using fleet = await Fleet.open();
const { guest } = await subject.boot(fleet);
await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
console.log(JSON.stringify(await guest.handover()));
