/**
 * What one request gets, whatever it came by: the rules of the protocol in the order in which they are applied.
 *
 *   which identity   the listener's guest, else the one in the path, else the operators' view of the fleet
 *   how often        guests have a rate limit each; operators have none
 *   what             path, method, headers, query, version
 *   then             the document or an approval; who asks; which versions there are
 *
 * An approval by a guest reaches what the guest sees; one by operators counts as the platform's.
 *
 * A request that a browser sends for a page, or that came through a proxy, is refused: neither knows on whose behalf it asks.
 * The first version of the protocol did not ask for the `Metadata` header on every call; here that holds for reading alone.
 */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { StillpointError } from "../errors.ts";
import { EVENT_VERSIONS } from "../schedule/document.ts";
import type { ScheduledEvents } from "../schedule/events.ts";
import type { Placement } from "../schedule/placement.ts";
import { readBody } from "./body.ts";
import { answerInstance, INSTANCE_VERSIONS } from "./instance.ts";
import { RateLimit } from "./rate-limit.ts";
import {
  badRequest,
  DONE,
  GONE,
  HEADER_MISSING,
  JSON_TYPE,
  json,
  methodNotAllowed,
  NOT_FOUND,
  type Reply,
  TOO_LARGE,
  TOO_MANY,
  versionInvalid,
} from "./reply.ts";
import { parseStartRequests } from "./start-requests.ts";
import { parseTarget, repeats, type Target } from "./target.ts";

/** What the service tells of: a fleet, or anything that has its events and places. */
export interface MetadataSource {
  readonly events: Pick<ScheduledEvents, "document" | "incarnation" | "approve">;
  /** Where a guest is; undefined if there is none of that name. */
  placement(guest: string): Placement | undefined;
}

export interface EndpointLimits {
  /** Of each guest. */
  readonly requestsPerSecond: number;
  readonly bodyBytesMax: number;
}

/** Whose view is asked for; undefined: the operators'. */
type Identity = { readonly guest: string; readonly placement: Placement } | undefined;

interface Route {
  readonly methods: readonly string[];
  /** Undefined where none is needed. */
  readonly versions: readonly string[] | undefined;
  answer(request: IncomingMessage, target: Target, identity: Identity): Reply | Promise<Reply | undefined>;
}

const VERSION_FIRST = EVENT_VERSIONS[0]!;
/** Known, and not offered: its readers fall back to an older one when they are told that it is not there. */
const VERSION_PREVIEW = "2024-07-09";
const ALL_VERSIONS: readonly string[] = [...new Set([...EVENT_VERSIONS, ...INSTANCE_VERSIONS])].sort();
/** Above this many, kept documents are thrown away and made again when asked for. */
const DOCUMENTS_MAX = 1024;

/** A made document, good as long as the incarnation is. */
interface Kept {
  readonly incarnation: number;
  readonly reply: Reply;
}

export class Endpoint {
  readonly #source: MetadataSource;
  readonly #limits: EndpointLimits;
  readonly #rates: RateLimit;
  readonly #server: string = randomUUID();
  readonly #documents = new Map<string, Kept>();

  readonly #scheduledEvents: Route = {
    methods: ["GET", "POST"],
    versions: EVENT_VERSIONS,
    answer: (request, target, identity) =>
      request.method === "GET" ? this.#document(request, target, identity) : this.#approve(request, identity),
  };

  readonly #instance: Route = {
    methods: ["GET"],
    versions: INSTANCE_VERSIONS,
    answer: (_request, { path, query }, identity) => {
      if (identity === undefined) return NOT_FOUND;
      return answerInstance(
        { ...identity, server: this.#server },
        { path: path.slice(1), format: query.get("format") },
      );
    },
  };

  readonly #versions: Route = {
    methods: ["GET"],
    versions: undefined,
    answer: () => json({ apiVersions: ALL_VERSIONS }),
  };

  constructor(source: MetadataSource, limits: EndpointLimits) {
    this.#source = source;
    this.#limits = limits;
    this.#rates = new RateLimit(limits.requestsPerSecond);
  }

  /**
   * @param own - the guest that the listener belongs to; it knows no other
   * @returns undefined if the caller has gone before it had asked
   */
  answer(request: IncomingMessage, own: string | undefined): Reply | Promise<Reply | undefined> {
    const target = parseTarget(request.url ?? "");
    if (target === undefined || (own !== undefined && target.guest !== undefined)) return NOT_FOUND;
    const guest = own ?? target.guest;
    const placement = guest === undefined ? undefined : this.#source.placement(guest);
    // A guest that has a listener but is not there is about to be, or has been: the caller may ask again.
    if (guest !== undefined && placement === undefined) return own === undefined ? NOT_FOUND : GONE;
    if (guest !== undefined && !this.#rates.admit(guest)) return TOO_MANY;
    const route = this.#routeOf(target);
    if (route === undefined) return NOT_FOUND;
    return (
      this.#refusal(request, target, route) ??
      route.answer(request, target, guest === undefined ? undefined : { guest, placement: placement! })
    );
  }

  #routeOf({ path }: Target): Route | undefined {
    if (path[0] === "instance") return this.#instance;
    if (path.length !== 1) return undefined;
    if (path[0] === "scheduledevents") return this.#scheduledEvents;
    return path[0] === "versions" ? this.#versions : undefined;
  }

  #refusal({ method = "", headers }: IncomingMessage, { query }: Target, route: Route): Reply | undefined {
    if (!route.methods.includes(method)) return methodNotAllowed(route.methods);
    if (headers["x-forwarded-for"] !== undefined) return badRequest("X-Forwarded-For is not allowed");
    if (headers.origin !== undefined) return badRequest("Origin is not allowed");
    if (repeats(query)) return badRequest("A query parameter is given more than once");
    const version = query.get("api-version") ?? "";
    const lenient = method === "GET" && route === this.#scheduledEvents && version === VERSION_FIRST;
    if (!lenient && `${headers.metadata}`.toLowerCase() !== "true") return HEADER_MISSING;
    if (route.versions === undefined || route.versions.includes(version)) return undefined;
    if (route === this.#scheduledEvents && version === VERSION_PREVIEW) return NOT_FOUND;
    return versionInvalid(route.versions);
  }

  #document({ headers }: IncomingMessage, { query }: Target, identity: Identity): Reply {
    const kept = this.#keep(query.get("api-version")!, identity?.placement.set);
    const asked = headers["if-none-match"];
    if (asked === undefined) return kept.reply;
    const tags = asked.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    const same = tags.includes("*") || tags.includes(`"${kept.incarnation}"`);
    return same ? { status: 304, body: "", headers: kept.reply.headers! } : kept.reply;
  }

  #keep(version: string, set: string | undefined): Kept {
    const scope = set === undefined ? {} : { set };
    const incarnation = this.#source.events.incarnation(scope);
    const key = set === undefined ? version : `${version} ${set}`;
    const known = this.#documents.get(key);
    if (known?.incarnation === incarnation) return known;
    if (this.#documents.size >= DOCUMENTS_MAX) this.#documents.clear();
    const body = new TextEncoder().encode(JSON.stringify(this.#source.events.document(version, scope)));
    const reply = { status: 200, body, contentType: JSON_TYPE, headers: { ETag: `"${incarnation}"` } };
    const kept = { incarnation, reply };
    this.#documents.set(key, kept);
    return kept;
  }

  async #approve(request: IncomingMessage, identity: Identity): Promise<Reply | undefined> {
    const body = await readBody(request, this.#limits.bodyBytesMax);
    if (body === "gone") return undefined;
    if (body === "too large") return TOO_LARGE;
    const ids = parseStartRequests(body);
    if (ids === undefined) return badRequest("The body is no list of StartRequests");
    try {
      this.#source.events.approve(ids, identity === undefined ? {} : { guest: identity.guest });
    } catch (error) {
      if (error instanceof StillpointError && error.code === "SP_EVENT_UNKNOWN") return badRequest(error.message);
      throw error;
    }
    return DONE;
  }
}
