/**
 * The end of a fleet whose process was asked to end: announced, waited for, and then done.
 *
 *   announce   Terminate events for all guests, with the notice that the configuration gives; who approves makes it shorter
 *   drain      the events start: programs get time to come to their end, and calls that are queued are served
 *   end        what still runs is ended, idle guests after their services have disposed of themselves
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { EventHandle, Fleet } from "../../index.ts";
import type { ShutdownOptions } from "./configuration.ts";
import { fieldsOf, type Log } from "./log.ts";

/** How often guests are looked at while they come to their end, ms. */
const LOOK_MS = 20;

export async function farewell(fleet: Fleet, { noticeMs, drainMs }: ShutdownOptions, log: Log): Promise<void> {
  for (const wave of fleet.waves) wave.cancel();
  await Promise.allSettled(fleet.waves.map(({ result }) => result));
  const events = announce(fleet, noticeMs, log);
  await Promise.all(events.map(({ ready }) => ready));
  for (const event of events) event.start();
  const until = performance.now() + drainMs;
  const busy = (): number => [...fleet.guests.values()].filter(({ state }) => state !== "idle").length;
  while (busy() > 0 && performance.now() < until) await sleep(LOOK_MS);
  if (busy() > 0) log.warn("guests did not come to their end in time", { guests: busy(), drainMs });
  await fleet[Symbol.asyncDispose]();
}

/** One event for each update domain of each set. */
function announce(fleet: Fleet, noticeMs: number, log: Log): EventHandle[] {
  const groups = Map.groupBy(fleet.guests.keys(), (name) => {
    const { set, updateDomain } = fleet.placement(name)!;
    return JSON.stringify([set, updateDomain]);
  });
  return [...groups.values()].flatMap((resources) => {
    try {
      const description = "The process that runs these guests is about to end.";
      return [fleet.events.schedule({ type: "Terminate", resources, noticeMs, description, source: "Platform" })];
    } catch (error) {
      // One of them has just ended by itself.
      log.warn("an end was not announced", { guests: resources, ...fieldsOf(error) });
      return [];
    }
  });
}
