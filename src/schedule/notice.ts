/** How long before an event its guests learn of it. */

import { StillpointError } from "../errors.ts";
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

export function isEventType(value: unknown): value is EventType {
  return typeof value === "string" && Object.hasOwn(NOTICE_MS, value);
}

/** @throws {StillpointError} SP_CONFIG_INVALID */
export function checkNoticeMs(value: number, name = "noticeMs"): void {
  if (typeof value !== "number" || !(value >= 0 && value < Infinity)) {
    throw new StillpointError("SP_CONFIG_INVALID", `${name} is ${value}; it must be a number of ms, 0 or more`);
  }
}

/** @throws {StillpointError} SP_CONFIG_INVALID naming what is wrong */
export function checkNotice(option: NoticeOption | undefined): void {
  if (option === undefined) return;
  if (typeof option !== "object" || option === null) return checkNoticeMs(option);
  for (const [type, value] of Object.entries(option)) {
    if (!isEventType(type)) throw new StillpointError("SP_CONFIG_INVALID", `noticeMs: there is no event type ${type}`);
    checkNoticeMs(value, `noticeMs.${type}`);
  }
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
