/**
 * What a dashboard shows, as server-sent events:
 *
 *   fleet    all of the fleet, first of all and whenever something of it has changed: { guests, waves, document, control }
 *   pauses   what has ended since the last ones: [{ guest, kind, endedAt, safepointMs, blackoutMs }, ...]
 *
 * A reader that comes back with Last-Event-ID is given the pauses that it has missed, as far as they are kept. Nothing here grows with
 * readers that do not read: one that has too much before it is dropped, and comes back. While nobody reads, nothing is looked up.
 */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import type { FreezeReport, HandoverReport, ResumeReport } from "../../index.ts";

/** Part of what the dashboard reads: names stay. */
export interface EndedPause {
  readonly guest: string;
  readonly kind: "freeze" | "handover";
  /** Wall clock, ms since 1970. */
  readonly endedAt: number;
  readonly safepointMs: number;
  readonly blackoutMs: number;
}

/** How often readers hear of something, if there is anything. */
const TICK_MS = 250;
/** Silence after which readers, and whatever is between, are told that all is well. */
const HEARTBEAT_MS = 10_000;
export const READERS_MAX = 32;
/** What may lie before a reader. */
const UNREAD_BYTES_MAX = 1 << 20;
/** Of one tick; the oldest of more are left out. */
const PAUSES_MAX = 4096;
/** Messages with pauses that are kept for those who come back. */
const KEPT_MAX = 64;

interface Message {
  readonly id: number;
  readonly text: string;
}

export class Feed {
  readonly #fleet: () => string;
  readonly #readers = new Set<ServerResponse>();
  readonly #undo: (() => void)[] = [];
  readonly #safepoints = new Map<string, number>();
  readonly #kept: Message[] = [];
  #pauses: EndedPause[] = [];
  #shown = "";
  /** Above those of an earlier process. */
  #id: number = Date.now();
  #saidAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `fleet` gives all of the fleet, as JSON. */
  constructor(fleet: () => string) {
    this.#fleet = fleet;
    this.#hear<FreezeReport>("freeze", ({ guest, timeToSafepointMs }) => {
      this.#safepoints.set(guest, timeToSafepointMs);
    });
    this.#hear<ResumeReport>("resume", ({ guest, held, blackoutMs }) => {
      if (held === 0) this.#add({ guest, kind: "freeze", safepointMs: this.#safepoints.get(guest) ?? 0, blackoutMs });
    });
    this.#hear<HandoverReport>("handover", ({ guest, timeToSafepointMs, blackoutMs }) => {
      this.#add({ guest, kind: "handover", safepointMs: timeToSafepointMs, blackoutMs });
    });
  }

  #hear<T>(channel: string, listen: (report: T) => void): void {
    const name = `stillpoint:guest:${channel}`;
    const listener = (message: unknown): void => listen(message as T);
    subscribe(name, listener);
    this.#undo.push(() => unsubscribe(name, listener));
  }

  #add(pause: Omit<EndedPause, "endedAt">): void {
    this.#pauses.push({ ...pause, endedAt: Date.now() });
    if (this.#pauses.length >= 2 * PAUSES_MAX) this.#pauses = this.#pauses.slice(-PAUSES_MAX);
  }

  get full(): boolean {
    return this.#readers.size >= READERS_MAX;
  }

  /** Answers with the feed, until the reader goes or is dropped. `since` is the last message that it has had. */
  serve(response: ServerResponse, since: number): void {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    this.#readers.add(response);
    response.on("close", () => this.#gone(response));
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    this.#shown = this.#fleet();
    this.#write(response, this.#message("fleet", this.#shown).text);
    for (const { id, text } of this.#kept) if (id > since) this.#write(response, text);
  }

  #gone(response: ServerResponse): void {
    this.#readers.delete(response);
    if (this.#readers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #message(event: "fleet" | "pauses", data: string): Message {
    const id = ++this.#id;
    return { id, text: `id: ${id}\nevent: ${event}\ndata: ${data}\n\n` };
  }

  #tick(): void {
    const pauses = this.#pauses.slice(-PAUSES_MAX);
    this.#pauses = [];
    if (pauses.length > 0) {
      const message = this.#message("pauses", JSON.stringify(pauses));
      this.#kept.push(message);
      if (this.#kept.length > KEPT_MAX) this.#kept.shift();
      this.#tell(message.text);
    }
    const fleet = this.#fleet();
    if (fleet !== this.#shown) {
      this.#shown = fleet;
      this.#tell(this.#message("fleet", fleet).text);
    }
    if (performance.now() - this.#saidAt > HEARTBEAT_MS) this.#tell(": all is well\n\n");
  }

  #tell(text: string): void {
    this.#saidAt = performance.now();
    for (const reader of this.#readers) this.#write(reader, text);
  }

  #write(reader: ServerResponse, text: string): void {
    reader.write(text);
    if (reader.writableLength > UNREAD_BYTES_MAX) reader.destroy();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const undo of this.#undo) undo();
    for (const reader of this.#readers) reader.end();
  }
}
