/**
 * Ours: freeze and resume in place, and handover to another Worker, at random moments of guests that compute.
 *
 * Timed are blackouts, from the guest's last instruction before to its first after, by its own threads' time stamps. All other ways are
 * warmed up, and so is this one: a guest has been handed over a few times before it counts. What the first times cost is in
 * bench/handover.ts. Asked before all other ways and after them, so that two runs of the same show the noise.
 */

import { Fleet, type Guest } from "../../dist/index.js";
import { freezing, pause } from "../support/freezes.ts";
import type { Run } from "../support/question.ts";
import { subjects } from "./guests.ts";
import { FREEZE, HANDOVER, type Pause, type Way } from "./way.ts";

const COUNTS = {
  full: { warmUpMs: 1000, warmups: 50, freezes: 500, firstHandovers: 10, handovers: 40 },
  smoke: { warmUpMs: 100, warmups: 5, freezes: 20, firstHandovers: 1, handovers: 3 },
};

/** Between two handovers, ms: the new Worker has warmed up, and the next standby is not in the way. */
const APART_MS = 20;

async function frozen(guest: Guest, { full, random }: Run): Promise<Pause> {
  const { warmups, freezes: count } = full ? COUNTS.full : COUNTS.smoke;
  const { measure, freezes, warm } = freezing(guest, { name: guest.name, sync: true, timed: "both", random });
  for (let i = 0; i < warmups; i++) await measure();
  warm?.();
  for (let i = 0; i < count; i++) await measure();
  return {
    way: FREEZE,
    guest: guest.name,
    keeps: "memory and stack",
    newHost: "no",
    stopsAt: "any loop",
    samplesMs: freezes.blackoutMs,
    bytes: freezes.copied,
  };
}

async function handedOver(guest: Guest, { full, random }: Run): Promise<Pause> {
  const { firstHandovers, handovers } = full ? COUNTS.full : COUNTS.smoke;
  const samplesMs: number[] = [];
  let bytes = 0;
  for (let i = -firstHandovers; i < handovers; i++) {
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
    pause(random);
    const report = await guest.handover();
    if (i < 0) continue;
    samplesMs.push(report.blackoutMs);
    bytes = Math.max(bytes, report.frameBytes + report.stateBytes + report.guestBytesCopied);
  }
  return {
    way: HANDOVER,
    guest: guest.name,
    keeps: "memory and stack",
    newHost: "yes",
    stopsAt: "any loop",
    samplesMs,
    bytes,
  };
}

export const way: Way = {
  measure: async (run) => {
    await using fleet = await Fleet.open();
    const pauses: Pause[] = [];
    for (const { name, boot } of subjects(run.full)) {
      run.progress(name);
      const { guest } = await boot(fleet);
      await new Promise((resolve) => setTimeout(resolve, (run.full ? COUNTS.full : COUNTS.smoke).warmUpMs));
      pauses.push(await frozen(guest, run), await handedOver(guest, run));
      await guest.terminate();
    }
    return { pauses, notes: [] };
  },
};
