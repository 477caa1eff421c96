/** The guests in C and C++, which test/build-native.ts builds where there is a compiler for them. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const NATIVE_GUESTS = ["sqlite", "sqlite-reactor", "cleanup", "cleanup-exnref"] as const;
export type NativeGuest = (typeof NATIVE_GUESTS)[number];

export function nativePath(name: NativeGuest): string {
  return fileURLToPath(new URL(`../output/${name}.wasm`, import.meta.url));
}

/** Bytes of the guest; undefined where it could not be built, which is said. `npm run build:native` makes them. */
export function nativeWasm(name: NativeGuest): Uint8Array<ArrayBuffer> | undefined {
  const path = nativePath(name);
  if (existsSync(path)) return new Uint8Array(readFileSync(path));
  console.log(`# ${name} was not built, for want of a compiler, and is not tried`);
  return undefined;
}
