/** How long before an event its guests learn of it. */

import { checkMs, invalid } from "../checks.ts";
import type { EventType } from "./event.ts";

/** Least notice by type, ms: what readers of the protocol count on, and the default. Less is given only where it is asked for. */
export const NOTICE_MS: Readonly<Record<EventType, number>> = {
  Freeze: 15 * 60_000,
  Reboot: 15 * 60_000,
  Redeploy: 10 * 60_000,
  Preempt: 30_000,
  Terminate: 5 * 60_000,
};

/** One figure for all, or by type; types left out have the default. */
export type NoticeOption = number | Readonly<Partial<Record<EventType, number>>>;

/** @throws {StillpointError} SP_CONFIG_INVALID naming what is wrong */
export function checkNotice(option: NoticeOption | undefined): void {
  if (typeof option !== "object" || option === null) return checkMs(option, "noticeMs");
  for (const [type, value] of Object.entries(option)) {
    checkEventType(type);
    checkMs(value, `noticeMs.${type}`);
  }
}

/** @throws {StillpointError} SP_CONFIG_INVALID */
export function checkEventType(type: string): void {
  if (!Object.keys(NOTICE_MS).includes(type)) throw invalid(`there is no event type ${JSON.stringify(type)}`);
}

/**
 * When something may start is said in one of two ways, or left to the fleet.
 *
 * @throws {StillpointError} SP_CONFIG_INVALID
 */
export function checkStart({ noticeMs, notBefore }: { readonly noticeMs?: number; readonly notBefore?: Date }): void {
  checkMs(noticeMs, "noticeMs");
  if (notBefore === undefined) return;
  if (noticeMs !== undefined) throw invalid("there is a noticeMs or a notBefore, not both");
  if (!(notBefore instanceof Date) || Number.isNaN(notBefore.getTime()))
    throw invalid("notBefore must be a valid Date");
}

export function noticeMsOf(type: EventType, option: NoticeOption | undefined): number {
  if (typeof option === "number") return option;
  return option?.[type] ?? NOTICE_MS[type];
}

/**
 * When an event may start at the earliest. Readers see whole seconds, so a notice of a second or more is rounded up: what they read
 * is what holds, and never less than was promised. A shorter one is for those who do not wait for readers.
 */
export function notBeforeOf(nowMs: number, noticeMs: number): Date {
  const atMs = nowMs + noticeMs;
  return new Date(noticeMs < 1000 ? atMs : Math.ceil(atMs / 1000) * 1000);
}
