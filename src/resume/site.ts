/** A place in a program at which a guest can be taken off its thread: where it is stopped in one of its frames. */
export interface SiteRef {
  readonly functionIndex: number;
  readonly site: number;
}

/** Module names of what a module of continuations imports; the names are indices. */
export type ImportKind = "memory" | "table" | "tag" | "function" | "global" | "continuation";
/** Name of the table of continuations, among tables. */
export const CONTINUATIONS = "continuations";

/** Where an engine says that a program is: a byte offset in the prepared module. */
export interface CodePlace {
  readonly functionIndex: number;
  readonly offset: number;
}

/** More sites than a function can have: no engine takes a body of as many bytes. */
const SITES_MAX = 0x1000000;

/** One number for each site. */
export function siteKey({ functionIndex, site }: SiteRef): number {
  return functionIndex * SITES_MAX + site;
}

/** The name under which a continuation is imported by others. */
export function siteName({ functionIndex, site }: SiteRef): string {
  return `${functionIndex}:${site}`;
}
