/**
 * The document that tells guests what is planned, as readers of the Scheduled Events protocol know it.
 *
 * Versions of the protocol live side by side: a reader sees exactly the members of the version that it asked for, and no event of a
 * type that this version does not know. What differs by version stands in one table.
 */

import { invalid } from "../checks.ts";
import type { EventSource, EventStatus, EventType, ScheduledEvent } from "./event.ts";

/** One event in a document. The last three are absent in versions that do not have them. */
export interface DocumentEvent {
  readonly EventId: string;
  readonly EventStatus: EventStatus;
  readonly EventType: EventType;
  readonly ResourceType: "VirtualMachine";
  readonly Resources: readonly string[];
  /** RFC 1123, GMT; empty once the event has started. */
  readonly NotBefore: string;
  readonly Description?: string;
  readonly EventSource?: EventSource;
  readonly DurationInSeconds?: number;
}

export interface EventDocument {
  /** Changes whenever anything in `Events` does. */
  readonly DocumentIncarnation: number;
  readonly Events: readonly DocumentEvent[];
}

interface Version {
  readonly types: readonly EventType[];
  /** Before the name of each resource. */
  readonly prefix: string;
  readonly description: boolean;
  readonly source: boolean;
  readonly duration: boolean;
}

const types: readonly EventType[] = ["Freeze", "Reboot", "Redeploy"];
const first: Version = { types, prefix: "_", description: false, source: false, duration: false };
const plain: Version = { ...first, prefix: "" };
const preempting: Version = { ...plain, types: [...types, "Preempt"] };
const terminating: Version = { ...plain, types: [...types, "Preempt", "Terminate"] };
const described: Version = { ...terminating, description: true };
const sourced: Version = { ...described, source: true };

const VERSIONS: ReadonlyMap<string, Version> = new Map([
  ["2017-03-01", first],
  ["2017-08-01", plain],
  ["2017-11-01", preempting],
  ["2019-01-01", terminating],
  ["2019-04-01", described],
  ["2019-08-01", sourced],
  ["2020-07-01", { ...sourced, duration: true }],
]);

/** Oldest first. */
export const EVENT_VERSIONS: readonly string[] = [...VERSIONS.keys()];
export const EVENT_VERSION_NEWEST = "2020-07-01";

function describe(event: ScheduledEvent, version: Version): DocumentEvent {
  return {
    EventId: event.id,
    EventStatus: event.status,
    EventType: event.type,
    ResourceType: "VirtualMachine",
    Resources: version.prefix === "" ? event.resources : event.resources.map((name) => version.prefix + name),
    NotBefore: event.status === "Started" ? "" : event.notBefore.toUTCString(),
    ...(version.description ? { Description: event.description } : {}),
    ...(version.source ? { EventSource: event.source } : {}),
    ...(version.duration ? { DurationInSeconds: event.durationSeconds } : {}),
  };
}

/** @throws {StillpointError} SP_CONFIG_INVALID for a version that does not exist */
export function documentOf(events: Iterable<ScheduledEvent>, incarnation: number, apiVersion: string): EventDocument {
  const version = VERSIONS.get(apiVersion);
  if (version === undefined) {
    throw invalid(`api version ${JSON.stringify(apiVersion)} is none of ${EVENT_VERSIONS.join(", ")}`);
  }
  const known = [...events].filter(({ type }) => version.types.includes(type));
  return { DocumentIncarnation: incarnation, Events: known.map((event) => describe(event, version)) };
}
