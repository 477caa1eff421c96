/** The values of options: text from the command line, checked and turned into what the library takes. */

import { pathToFileURL } from "node:url";
import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** `1048576`, `64MiB`, `1.5GiB`. */
export function bytesOf(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(|KiB|MiB|GiB)$/.exec(text) ?? [];
  const bytes = Number(count) * (UNITS[unit ?? ""] ?? Number.NaN);
  if (!Number.isInteger(bytes)) throw new InvalidArgumentError("It must be a number of bytes, such as 65536 or 64MiB.");
  return bytes;
}

/** Milliseconds, fractions allowed. */
export function millisecondsOf(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  // What a timer can hold.
  if (!(ms <= 0x7fffffff)) throw new InvalidArgumentError("It must be a number of milliseconds.");
  return ms;
}

/** `HOST::GUEST`, or one path for both; added to those given before. */
export function directoriesOf(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [host, guest = host, ...more] = text.split("::");
  if (!host || !guest || more.length > 0)
    throw new InvalidArgumentError("It must be HOST::GUEST, such as ./data::/data.");
  return { ...before, [guest]: host };
}

/** `KEY=VALUE`, or `KEY` alone for the value it has here; added to those given before. */
export function environmentOf(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  const key = at < 0 ? text : text.slice(0, at);
  if (key === "") throw new InvalidArgumentError("It must be KEY=VALUE.");
  const value = at < 0 ? process.env[key] : text.slice(at + 1);
  return value === undefined ? { ...before } : { ...before, [key]: value };
}

/** A URL, or a path from here. A single letter before the colon is a drive. */
export function moduleUrlOf(text: string): URL {
  return /^[a-z][a-z+.-]+:/i.test(text) ? new URL(text) : pathToFileURL(text);
}

/** The same, added to those given before. */
export function moduleUrlsOf(text: string, before: readonly URL[] = []): URL[] {
  return [...before, moduleUrlOf(text)];
}
