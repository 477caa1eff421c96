/**
 * Who is asking: `/metadata/instance`, from which callers learn the name that stands in an event's Resources, and their domains.
 *
 * Every value is a string, and what does not apply is there and empty, because callers of the original read it without asking.
 * The document, any object in it, and any value can be asked for by its path; a value only as text.
 */

import { createHash } from "node:crypto";
import type { Placement } from "../schedule/placement.ts";
import { badRequest, json, NOT_FOUND, type Reply, text } from "./reply.ts";

/** Callers send the version of their day; the answer is the same for all. Oldest first. */
export const INSTANCE_VERSIONS: readonly string[] = [
  ...["2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01"],
  ...["2018-02-01", "2018-04-02", "2018-10-01"],
  ...["2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01"],
  ...["2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01"],
  ...["2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-10-01", "2021-11-01", "2021-11-15", "2021-12-13"],
  ...["2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07"],
];

type Node = { readonly [member: string]: Node } | readonly Node[] | string;

/** A GUID that is the same whenever this guest of this server is asked about. */
function guidOf(server: string, guest: string): string {
  const bytes = createHash("sha1").update(`${server} ${guest}`).digest();
  // Name-based: version 5, variant 1.
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function instanceOf(guest: string, { set, updateDomain, faultDomain }: Placement, server: string): Node {
  return {
    compute: {
      azEnvironment: "",
      location: "",
      name: guest,
      offer: "",
      osType: "",
      placementGroupId: set,
      platformFaultDomain: `${faultDomain}`,
      platformUpdateDomain: `${updateDomain}`,
      provider: "",
      publisher: "",
      resourceGroupName: "",
      resourceId: "",
      sku: "",
      subscriptionId: "",
      tags: "",
      version: "",
      vmId: guidOf(server, guest),
      vmScaleSetName: "",
      vmSize: "",
      zone: "",
    },
    network: { interface: [] },
  };
}

/** The member of a node whose name is this in lower case. */
function memberOf(node: Node, name: string): Node | undefined {
  if (typeof node === "string") return undefined;
  return Object.entries(node).find(([key]) => key.toLowerCase() === name)?.[1];
}

export function answerInstance(
  { guest, placement, server }: { guest: string; placement: Placement; server: string },
  { path, format }: { path: readonly string[]; format: string | null },
): Reply {
  let node: Node | undefined = instanceOf(guest, placement, server);
  for (const name of path) node = node && memberOf(node, name);
  if (node === undefined) return NOT_FOUND;
  const wanted = format?.toLowerCase() ?? "json";
  if (typeof node === "string") {
    return wanted === "text" ? text(node) : badRequest("A single value is only available with format=text");
  }
  return wanted === "json" ? json(node) : badRequest("The format is not supported for the requested path");
}
