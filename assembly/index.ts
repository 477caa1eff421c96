// The export list of the core; no code. The debug build exports the constants of ledger.ts as well, for tests to compare.
export {
  beginWait, bury, end, endWait, enter, granted, handOver, heed, leave, poll, recall, release, request, stay, takeUp, taken, unrecall,
  withdraw,
} from "./safepoint";
export { cpuNs, monotonicNs, startClock, untilMonotonicNs } from "./clock";
export { clearDirty, countDirty, markRange, sweep } from "./dirty";
export {
  buffered, ended, endRing, read, readable, readPtr, refused, refuseRing, writable, writePtr, wrote,
} from "./streams";
export { guestWait32, guestWait64 } from "./guest";
