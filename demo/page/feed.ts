/** A fleet in another process: what `stillpoint serve` tells of it as server-sent events, and what one may ask of it. */

import type { EventDocument } from "stillpoint";

export interface LiveGuest {
  readonly name: string;
  readonly state: string;
  readonly set: string | null;
  readonly updateDomain: number | null;
  readonly services: string | null;
  readonly memoryBytes: number | null;
}

export interface LiveWave {
  readonly wave: string;
  readonly kind: string;
  readonly services: string | null;
  readonly state: string;
  readonly held: boolean;
  readonly updateDomain: number | null;
  readonly report: { readonly outcome: string } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface LiveFleet {
  readonly guests: readonly LiveGuest[];
  readonly waves: readonly LiveWave[];
  readonly document: EventDocument;
  /** Whether anything can be asked of it at all. */
  readonly control: boolean;
}

export interface LivePause {
  readonly guest: string;
  readonly kind: "freeze" | "handover";
  /** Wall clock of the process, ms since 1970. */
  readonly endedAt: number;
  readonly safepointMs: number;
  readonly blackoutMs: number;
}

export interface Hearing {
  fleet(fleet: LiveFleet): void;
  pauses(pauses: readonly LivePause[]): void;
  /** Whether there is a connection. A lost one is made again by the browser. */
  connected(is: boolean): void;
}

export function hear(hearing: Hearing): void {
  const source = new EventSource("feed");
  source.addEventListener("fleet", ({ data }) => hearing.fleet(JSON.parse(data) as LiveFleet));
  source.addEventListener("pauses", ({ data }) => hearing.pauses(JSON.parse(data) as LivePause[]));
  source.addEventListener("open", () => hearing.connected(true));
  source.addEventListener("error", () => hearing.connected(false));
}

/** Asks the control API. Refusals are thrown, with their code. */
export async function ask<T>(token: string, path: string, body: object = {}): Promise<T> {
  const response = await fetch(`v1/${path}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as T & {
    readonly error?: { readonly code: string; readonly message: string };
  };
  if (!response.ok && answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return answer;
}
