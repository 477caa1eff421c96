/**
 * What guest code itself calls besides poll(). These only pass on to the host: a table of functions takes no plain JavaScript
 * function, but it takes the core's.
 */

import { wait32, wait64 } from "./host";

export function guestWait32(address: u32, expected: i32, timeoutNs: i64): i32 {
  return wait32(address, expected, timeoutNs);
}

export function guestWait64(address: u32, expected: i64, timeoutNs: i64): i32 {
  return wait64(address, expected, timeoutNs);
}
