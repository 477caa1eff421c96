/** stillpoint/node: what exists on Node alone, and all of the main entry. */

export type { MetadataSource } from "./events/endpoint.ts";
export {
  type ListenOptions,
  type MetadataLimits,
  type MetadataListener,
  type MetadataOptions,
  type MetadataServer,
  serveMetadata,
} from "./events/server.ts";
export * from "./index.ts";
