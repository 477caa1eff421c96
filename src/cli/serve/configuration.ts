/**
 * The file that `stillpoint serve` reads: checked against fleet.schema.json, which is published with the package, and then for
 * what no schema can say. Everything that is wrong is said with its line; of several things the first in the file.
 */

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv, type ErrorObject } from "ajv";
import type { BootOptions, FleetOptions } from "../../index.ts";
import { fileError } from "../module-file.ts";
import schema from "./fleet.schema.json" with { type: "json" };
import { PositionedJson } from "./positions.ts";

interface Address {
  readonly host?: string;
  readonly port?: number;
}

/** The file as it is written. */
interface Written {
  readonly socket?: string;
  readonly journal?: string;
  readonly metadata?: Address;
  readonly metrics?: Address;
  readonly dashboard?: Address & { readonly tokenFile?: string };
  readonly updateDomainCount?: number;
  readonly faultDomainCount?: number;
  readonly noticeMs?: FleetOptions["noticeMs"];
  readonly recoveryMs?: number;
  readonly concurrencyMax?: number;
  readonly approvals?: FleetOptions["approvals"];
  readonly shutdown?: Partial<ShutdownOptions>;
  readonly guests: readonly WrittenGuest[];
}

interface WrittenGuest {
  readonly name: string;
  readonly count?: number;
  readonly module: string;
  readonly services?: string;
  readonly set?: string;
  readonly updateDomain?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly dirs?: Readonly<Record<string, string>>;
  readonly memoryBytesMax?: number;
  readonly callQueueMax?: number;
  readonly track?: BootOptions["track"];
  readonly monotonicClock?: BootOptions["monotonicClock"];
  readonly output?: "inherit" | "ignore";
  readonly metadata?: Address & { readonly socket?: string };
}

export interface ShutdownOptions {
  readonly noticeMs: number;
  readonly drainMs: number;
}

/** A guest to boot. */
export interface GuestConfiguration {
  /** Absolute. */
  readonly module: string;
  readonly boot: BootOptions;
  readonly metadata: { readonly host?: string; readonly port?: number; readonly socketPath?: string } | undefined;
  /** Says what is wrong with one of its members, with its line. */
  error(member: string, message: string): Error;
}

/** The file with its defaults, its paths absolute. */
export interface Configuration {
  readonly socket: string;
  readonly fleet: FleetOptions;
  readonly metadata: Address;
  readonly metrics: Address | undefined;
  readonly dashboard: (Address & { readonly tokenFile: string | undefined }) | undefined;
  readonly shutdown: ShutdownOptions;
  readonly guests: readonly GuestConfiguration[];
}

const SHUTDOWN: ShutdownOptions = { noticeMs: 2000, drainMs: 10_000 };
const SOCKET = "stillpoint.sock";

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
const validate = ajv.compile<Written>(schema);

/** An error in words, and the member whose name is the trouble, if it is a name. */
function wordsOf(error: ErrorObject): { message: string; key: string | undefined } {
  const { keyword, params, message = "is wrong" } = error;
  if (keyword === "additionalProperties") {
    const key = params.additionalProperty as string;
    return { message: `there is no ${JSON.stringify(key)} here`, key };
  }
  if (keyword === "required")
    return { message: `${JSON.stringify(params.missingProperty)} is missing`, key: undefined };
  const allowed = keyword === "enum" ? `: ${(params.allowedValues as unknown[]).map(String).join(", ")}` : "";
  return { message: `it ${message}${allowed}`, key: undefined };
}

function check(json: PositionedJson): Written {
  if (validate(json.value)) return json.value;
  const errors = (validate.errors ?? []).map((error) => {
    const { message, key } = wordsOf(error);
    return json.error(error.instancePath, message, key);
  });
  const place = ({ message }: Error): number[] => (/:(\d+):(\d+): /.exec(message) ?? []).slice(1).map(Number);
  errors.sort((a, b) => place(a)[0]! - place(b)[0]! || place(a)[1]! - place(b)[1]!);
  throw errors[0]!;
}

function namesOf({ name, count }: WrittenGuest): string[] {
  return count === undefined ? [name] : Array.from({ length: count }, (_, index) => `${name}_${index}`);
}

function urlOf(base: string, text: string): URL {
  return /^[a-z][a-z+.-]+:/i.test(text) ? new URL(text) : pathToFileURL(resolve(base, text));
}

/** @throws {CommandError} naming file, line and column */
export async function readConfiguration(file: string): Promise<Configuration> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw fileError("read", file, error);
  }
  const json = new PositionedJson(file, text);
  const written = check(json);
  const base = dirname(resolve(file));
  const { journal, shutdown, metadata = {}, metrics, updateDomainCount = 5, guests: _, socket = SOCKET } = written;
  const { tokenFile, ...dashboard } = written.dashboard ?? {};
  const { faultDomainCount, noticeMs, recoveryMs, concurrencyMax, approvals } = written;
  const taken = new Set<string>();
  return {
    socket: resolve(base, socket),
    metadata,
    metrics,
    dashboard: written.dashboard && { ...dashboard, tokenFile: tokenFile && resolve(base, tokenFile) },
    shutdown: { ...SHUTDOWN, ...shutdown },
    fleet: {
      updateDomainCount,
      ...(faultDomainCount !== undefined && { faultDomainCount }),
      ...(noticeMs !== undefined && { noticeMs }),
      ...(recoveryMs !== undefined && { recoveryMs }),
      ...(concurrencyMax !== undefined && { concurrencyMax }),
      ...(approvals && { approvals }),
      ...(journal !== undefined && { journal: resolve(base, journal) }),
    },
    guests: written.guests.flatMap((guest, index) => {
      const error = (member: string, message: string): Error => json.error(`/guests/${index}/${member}`, message);
      if (guest.updateDomain !== undefined && guest.updateDomain >= updateDomainCount) {
        throw error("updateDomain", `the fleet has ${updateDomainCount} update domains, counted from 0`);
      }
      if (guest.metadata !== undefined && guest.count !== undefined) {
        throw error("metadata", "several guests cannot share one listener");
      }
      if (guest.metadata?.socket !== undefined && (guest.metadata.host ?? guest.metadata.port) !== undefined) {
        throw error("metadata", "a listener is on a port or at a socket, not both");
      }
      return namesOf(guest).map((name) => {
        if (taken.has(name)) throw error("name", `there are two guests ${name}`);
        taken.add(name);
        return guestOf(guest, { name, base, error });
      });
    }),
  };
}

function guestOf(
  guest: WrittenGuest,
  { name, base, error }: { name: string; base: string; error: GuestConfiguration["error"] },
): GuestConfiguration {
  const { services, set, updateDomain, env, dirs, memoryBytesMax, callQueueMax, track, monotonicClock } = guest;
  const { output = "inherit", metadata } = guest;
  const preopens = Object.entries(dirs ?? {}).map(([path, directory]) => [path, resolve(base, directory)] as const);
  const { socket, ...address } = metadata ?? {};
  return {
    module: resolve(base, guest.module),
    metadata: metadata && (socket === undefined ? address : { socketPath: resolve(base, socket) }),
    error,
    boot: {
      name,
      args: [name, ...(guest.args ?? [])],
      env: env ?? {},
      preopens: Object.fromEntries(preopens),
      stdout: output,
      stderr: output,
      ...(services !== undefined && { services: urlOf(base, services) }),
      ...(set !== undefined && { set }),
      ...(updateDomain !== undefined && { updateDomain }),
      ...(memoryBytesMax !== undefined && { memoryBytesMax }),
      ...(callQueueMax !== undefined && { callQueueMax }),
      ...(track !== undefined && { track }),
      ...(monotonicClock !== undefined && { monotonicClock }),
    },
  };
}
