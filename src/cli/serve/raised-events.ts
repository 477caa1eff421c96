/**
 * Events that operators raise by the control API. One starts by itself as soon as it may, approved or due, and stands until it is
 * ended: what happens to the guests meanwhile is the operator's matter.
 */

import type { EventHandle, EventRequest, Fleet, ScheduledEvent } from "../../index.ts";
import type { Log } from "./log.ts";

export class RaisedEvents {
  readonly #fleet: Fleet;
  readonly #log: Log;
  readonly #handles = new Map<string, EventHandle>();

  constructor(fleet: Fleet, log: Log) {
    this.#fleet = fleet;
    this.#log = log;
    fleet.events.addEventListener("scheduled", ({ detail }) => this.#tell("announced", detail));
    fleet.events.addEventListener("started", ({ detail }) => this.#tell("event started", detail));
    for (const change of ["completed", "canceled"] as const) {
      fleet.events.addEventListener(change, ({ detail }) => {
        this.#handles.delete(detail.id);
        this.#tell(`event ${change}`, detail);
      });
    }
  }

  #tell(message: string, { id, type, set, resources }: ScheduledEvent): void {
    this.#log.info(message, { event: id, type, set, resources });
  }

  /** @throws {StillpointError} SP_CONFIG_INVALID */
  raise(request: EventRequest): ScheduledEvent {
    const handle = this.#fleet.events.schedule(request);
    const { id } = handle.event;
    this.#handles.set(id, handle);
    void handle.ready.then(() => handle.start());
    return handle.event;
  }

  /** Ends an event, whether it has started or not. False if it is not one that was raised here, or is over. */
  end(id: string): boolean {
    const handle = this.#handles.get(id.toUpperCase());
    return handle !== undefined && (handle.complete() || handle.cancel());
  }
}
