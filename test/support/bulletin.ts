/** Scheduled events of a fleet that exists on paper: guests are names with a place. */

import { type EventsOptions, ScheduledEvents } from "../../dist/schedule/events.js";
import { type Placement, Placements } from "../../dist/schedule/placement.js";
import { VirtualClock } from "./clock.ts";

export class Bulletin {
  readonly clock: VirtualClock = new VirtualClock();
  readonly placements: Placements = new Placements();
  readonly events: ScheduledEvents;
  /** Who has not ended. */
  readonly guests: Set<string> = new Set();
  /** Every event that was told, as `type kind resources`, oldest first. */
  readonly told: string[] = [];

  /** Sets by name, with how many guests each has; they are called SET_INDEX. */
  constructor(sets: Readonly<Record<string, number>>, options: Partial<EventsOptions> = {}) {
    for (const [set, count] of Object.entries(sets)) {
      for (let index = 0; index < count; index++) {
        this.guests.add(`${set}_${index}`);
        this.placements.place(`${set}_${index}`, { set });
      }
    }
    this.events = new ScheduledEvents({ clock: this.clock, placements: this.placements, ...options });
    for (const type of ["scheduled", "started", "completed", "canceled"] as const) {
      this.events.addEventListener(type, ({ detail }) => {
        this.told.push(`${type} ${detail.type} ${detail.resources.join(" ")}`);
      });
    }
  }

  placement(guest: string): Placement | undefined {
    return this.placements.of(guest);
  }

  /** A guest ends, as the fleet does it. */
  end(guest: string): void {
    this.events.leave(guest);
    this.placements.remove(guest);
    this.guests.delete(guest);
  }
}
