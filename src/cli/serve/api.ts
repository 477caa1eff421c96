/**
 * The control API: HTTP with JSON over a unix socket.
 *
 *   GET    /v1/status                     { pid, startedAt, metadata, guests, interrupted }
 *   GET    /v1/guests                     every guest of the configuration, ended ones too
 *   POST   /v1/guests/NAME/freeze         adds a hold: a FreezeReport         { budgetMs? }
 *   POST   /v1/guests/NAME/resume         releases one: a ResumeReport
 *   POST   /v1/guests/NAME/calls          { result }                          { function, args?, timeoutMs? }
 *   POST   /v1/plan                       what an update would do             an update: see wave-book.ts
 *   GET    /v1/waves   /v1/waves/ID       waves on their way, and the last that were
 *   POST   /v1/waves                      begins one                          an update
 *   GET    /v1/waves/ID/progress          what it tells, one JSON object a line, to its end
 *   POST   /v1/waves/ID/hold | resume | cancel
 *   GET    /v1/events                     the document of Scheduled Events, of the whole fleet
 *   POST   /v1/events                     raises one: the document then       { type, resources, noticeMs?, description?, ... }
 *   POST   /v1/events/ID/approve          the document then
 *   DELETE /v1/events/ID                  ends one that was raised here: the document then
 *   GET    /metrics                       for Prometheus
 *
 * What goes wrong is answered with { error: { code, message } }. Bodies are JSON whatever their type is said to be.
 */

import type { EventRequest, Fleet } from "../../index.ts";
import type { Metrics } from "./metrics.ts";
import type { RaisedEvents } from "./raised-events.ts";
import type { Residences } from "./residences.ts";
import { type UpdateRequest, updateOf, type WaveBook } from "./wave-book.ts";
import { ApiError, wireText } from "./wire.ts";

/** What is answered: JSON, text of a kind, or lines that come one after the other. */
export type Answer =
  | { readonly status?: number; readonly json: unknown }
  | { readonly text: string; readonly contentType: string }
  | { readonly lines: AsyncIterable<string> };

interface ApiSide {
  readonly fleet: Fleet;
  readonly residences: Residences;
  readonly waves: WaveBook;
  readonly events: RaisedEvents;
  readonly metrics: Metrics;
  status(): object;
  /** Whether nothing new is begun any more. */
  closing(): boolean;
}

type Body = Readonly<Record<string, unknown>>;
type Handler = (body: Body, ...names: string[]) => Answer | Promise<Answer>;

async function* linesOf(progress: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  for await (const one of progress) yield wireText(one);
}

export function createApi(side: ApiSide): (method: string, path: string, body: Body) => Promise<Answer> {
  const { fleet, residences, waves, events, metrics } = side;
  const guest = (name: string): NonNullable<ReturnType<Fleet["guests"]["get"]>> => {
    const found = fleet.guests.get(name);
    if (found !== undefined) return found;
    if (residences.has(name)) throw new ApiError(409, "SP_GUEST_STATE", `guest ${name} has ended, or has not begun`);
    throw new ApiError(404, "SP_GUEST_UNKNOWN", `there is no guest ${name}`);
  };
  const wave = (id: string): NonNullable<ReturnType<WaveBook["get"]>> => {
    const found = waves.get(id);
    if (found === undefined) throw new ApiError(404, "SP_WAVE_UNKNOWN", `there is no wave ${id}`);
    return found;
  };
  const open = (): void => {
    if (side.closing()) throw new ApiError(503, "SP_CLOSING", "this fleet is being shut down");
  };
  const document = (status = 200): Answer => ({ status, json: fleet.events.document() });
  const act =
    (verb: "hold" | "resume" | "cancel"): Handler =>
    (_body, id = "") => {
      wave(id)[verb]();
      return { json: waves.view(id) };
    };

  const routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
    ["GET", /^\/v1\/status$/, () => ({ json: side.status() })],
    ["GET", /^\/v1\/guests$/, () => ({ json: residences.list() })],
    [
      "POST",
      /^\/v1\/guests\/([^/]+)\/freeze$/,
      async ({ budgetMs }, name = "") => ({
        json: await guest(name).freeze(budgetMs === undefined ? {} : { budgetMs: Number(budgetMs) }),
      }),
    ],
    ["POST", /^\/v1\/guests\/([^/]+)\/resume$/, async (_body, name = "") => ({ json: await guest(name).resume() })],
    [
      "POST",
      /^\/v1\/guests\/([^/]+)\/calls$/,
      async ({ function: of, args = [], timeoutMs }, name = "") => {
        open();
        if (typeof of !== "string" || !Array.isArray(args)) {
          throw new ApiError(400, "SP_CONFIG_INVALID", "a call needs a function, and args in an array");
        }
        const limit = timeoutMs === undefined ? {} : { timeoutMs: Number(timeoutMs) };
        const result = await metrics.called(of, () => guest(name).call(of, args, limit));
        return { json: { result: result ?? null } };
      },
    ],
    ["POST", /^\/v1\/plan$/, async (body) => ({ json: await fleet.plan(await updateOf(body as UpdateRequest)) })],
    ["GET", /^\/v1\/waves$/, () => ({ json: waves.list() })],
    [
      "POST",
      /^\/v1\/waves$/,
      async (body) => {
        open();
        return { status: 201, json: waves.begin(await updateOf(body as UpdateRequest)) };
      },
    ],
    [
      "GET",
      /^\/v1\/waves\/([^/]+)$/,
      (_body, id = "") => {
        wave(id);
        return { json: waves.view(id) };
      },
    ],
    ["GET", /^\/v1\/waves\/([^/]+)\/progress$/, (_body, id = "") => ({ lines: linesOf(wave(id)) })],
    ["POST", /^\/v1\/waves\/([^/]+)\/hold$/, act("hold")],
    ["POST", /^\/v1\/waves\/([^/]+)\/resume$/, act("resume")],
    ["POST", /^\/v1\/waves\/([^/]+)\/cancel$/, act("cancel")],
    ["GET", /^\/v1\/events$/, () => document()],
    [
      "POST",
      /^\/v1\/events$/,
      (body) => {
        open();
        const { notBefore, ...rest } = body;
        const date = notBefore === undefined ? {} : { notBefore: new Date(String(notBefore)) };
        events.raise({ ...(rest as unknown as EventRequest), ...date });
        return document(201);
      },
    ],
    [
      "POST",
      /^\/v1\/events\/([^/]+)\/approve$/,
      (_body, id = "") => {
        fleet.events.approve([id]);
        return document();
      },
    ],
    [
      "DELETE",
      /^\/v1\/events\/([^/]+)$/,
      (_body, id = "") => {
        if (!events.end(id))
          throw new ApiError(404, "SP_EVENT_UNKNOWN", `there is no event ${id} that was raised here`);
        return document();
      },
    ],
    ["GET", /^\/metrics$/, async () => ({ text: await metrics.text(), contentType: metrics.contentType })],
  ];

  return async (method, path, body) => {
    const there = routes.filter(([, pattern]) => pattern.test(path));
    if (there.length === 0) throw new ApiError(404, "not-found", `there is no ${path}`);
    const route = there.find(([of]) => of === method);
    if (route === undefined) {
      throw new ApiError(405, "method-not-allowed", `${path} knows ${there.map(([of]) => of).join(" and ")}`);
    }
    const [, pattern, handler] = route;
    const names = (pattern.exec(path) ?? []).slice(1).map(decodeURIComponent);
    return handler(body, ...names);
  };
}
