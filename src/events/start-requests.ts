/** The ids in an approval: `{"StartRequests": [{"EventId": "…"}, …]}`. Other members are whatever callers of the day added. */

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Undefined if it is none. */
export function parseStartRequests(body: Uint8Array): readonly string[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
  if (!isObject(parsed) || !Array.isArray(parsed.StartRequests)) return undefined;
  const ids = parsed.StartRequests.map((entry: unknown) => (isObject(entry) ? entry.EventId : undefined));
  return ids.every((id) => typeof id === "string") ? ids : undefined;
}
