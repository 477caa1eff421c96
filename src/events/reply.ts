/**
 * What is answered, before it is written to a connection; and the refusals that every endpoint shares, worded as the protocol's
 * readers have seen them.
 */

export interface Reply {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is of no use afterwards: part of the request has not been read. */
  readonly close?: boolean;
}

export const JSON_TYPE = "application/json; charset=utf-8";

export function json(body: object): Reply {
  return { status: 200, body: JSON.stringify(body), contentType: JSON_TYPE };
}

export function text(body: string): Reply {
  return { status: 200, body, contentType: "text/plain; charset=utf-8" };
}

export const DONE: Reply = { status: 200, body: "" };

function refuse(status: number, error: object, rest: Partial<Reply> = {}): Reply {
  return { status, body: JSON.stringify(error), contentType: JSON_TYPE, ...rest };
}

export function badRequest(reason: string): Reply {
  return refuse(400, { error: `Bad request. ${reason}` });
}

/** The stray `: .` is part of what readers match. */
export const HEADER_MISSING: Reply = refuse(400, {
  error: "Bad request: . Required metadata header not specified",
});

export function versionInvalid(versions: readonly string[]): Reply {
  return refuse(400, {
    error: "Bad request. api-version is invalid or was not specified in the request.",
    "newest-versions": versions.slice(-3).reverse(),
  });
}

export const NOT_FOUND: Reply = refuse(404, { error: "Not found" });
/** For now: whoever asks may ask again within 70 s. */
export const GONE: Reply = refuse(410, { error: "Gone" });
export const TOO_LARGE: Reply = refuse(413, { error: "Bad request. The body is too large" }, { close: true });
export const TOO_MANY: Reply = refuse(429, { error: "Too many requests" }, { headers: { "Retry-After": "1" } });
export const FAILED: Reply = refuse(500, { error: "Internal server error" });

export function methodNotAllowed(allowed: readonly string[]): Reply {
  return refuse(405, { error: "Method not allowed" }, { headers: { Allow: allowed.join(", ") } });
}
