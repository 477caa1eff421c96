/** stillpoint/node: what exists on Node alone, and all of the main entry. */

export * from "./index.ts";
