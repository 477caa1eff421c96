/**
 * The guest's clocks, all derived from one process-wide monotonic source (host.now, ns).
 *
 *   monotonic(t) = t - lag(t)
 *   lag(t)       = 0                                               policy include
 *                = the sum of all pauses                           policy exclude
 *                = max(0, lag0 - (t - slewFrom) * slewPpm / 1e6)   policy slew: excluded first, then caught up
 *
 * lag0 and slewFrom change only in release(), while the guest is FROZEN. It never goes backwards: across a pause of p the
 * reading grows by 0 or by p, and within one stretch dlag/dt is never above 0. floorNs guards against a source that is not
 * quite the same in every thread.
 *
 * Services may read the clock at any time, so also while the guest is frozen: the reading then is that of the moment at
 * which the freeze began. `run` serves as the sequence lock for that: it differs before and after every pause. While it is
 * FROZEN, `holds` tells a pause that stands from one whose end is being worked into the fields: release() takes the last
 * hold away first.
 */

import { now } from "./host";
import {
  FROZEN, OFF_FLOOR_NS, OFF_FROZEN_AT_NS, OFF_HOLDS, OFF_LAG_NS, OFF_PAUSED_NS, OFF_POLICY, OFF_RUN, OFF_SLEW_FROM_NS,
  OFF_SLEW_PPM, OFF_START_NS, OFF_WAITED_NS, STATE_MASK,
} from "./ledger";

export const INCLUDE: u32 = 0;
export const EXCLUDE: u32 = 1;
export const SLEW: u32 = 2;

const PPM: i64 = 1_000_000;

/** a * ppm / 1e6 without overflow for any a below 2^63 / 1e6 * 1e6. */
function scale(a: i64, ppm: i64): i64 {
  return (a / PPM) * ppm + ((a % PPM) * ppm) / PPM;
}

/** How far the guest's monotonic clock is behind at process time `t`, ns. */
function lagAt(t: i64): i64 {
  const lag = atomic.load<i64>(OFF_LAG_NS);
  if (lag == 0 || load<u32>(OFF_POLICY) != SLEW) return lag;
  const since = t - atomic.load<i64>(OFF_SLEW_FROM_NS);
  if (since <= 0) return lag;
  return max<i64>(lag - scale(since, load<u32>(OFF_SLEW_PPM)), 0);
}

/** Starts the clock; the owner calls it once, before any host exists. */
export function startClock(policy: u32, slewPpm: u32): void {
  store<u32>(OFF_POLICY, policy);
  store<u32>(OFF_SLEW_PPM, slewPpm);
  store<i64>(OFF_START_NS, now());
}

/** Puts the clock right after a pause from `frozenAtNs` to `resumedAtNs`. Only while FROZEN. */
export function put(frozenAtNs: i64, resumedAtNs: i64): void {
  const pause = max<i64>(resumedAtNs - frozenAtNs, 0);
  atomic.store<i64>(OFF_PAUSED_NS, atomic.load<i64>(OFF_PAUSED_NS) + pause);
  if (load<u32>(OFF_POLICY) == INCLUDE) return;
  atomic.store<i64>(OFF_LAG_NS, lagAt(frozenAtNs) + pause);
  atomic.store<i64>(OFF_SLEW_FROM_NS, resumedAtNs);
}

/** The guest's monotonic clock, ns. Host side. */
export function monotonicNs(): i64 {
  let reading: i64;
  while (true) {
    const run = atomic.load<u32>(OFF_RUN);
    const frozen = (run & STATE_MASK) == FROZEN;
    const t = frozen ? atomic.load<i64>(OFF_FROZEN_AT_NS) : now();
    reading = t - lagAt(t);
    // Pairs with the first store of the last release(): without a hold, the fields may be half old and half new.
    if (frozen && atomic.load<u32>(OFF_HOLDS) == 0) continue;
    if (atomic.load<u32>(OFF_RUN) == run) break;
  }
  const floor = atomic.load<i64>(OFF_FLOOR_NS);
  if (reading < floor) return floor;
  atomic.store<i64>(OFF_FLOOR_NS, reading);
  return reading;
}

/** Process time until the guest's monotonic clock, as it runs now, reads `deadlineNs`; 0 if it does already. Host side. */
export function untilMonotonicNs(deadlineNs: i64): i64 {
  const reading = monotonicNs();
  if (deadlineNs <= reading) return 0;
  const ahead = deadlineNs - reading;
  if (load<u32>(OFF_POLICY) != SLEW) return ahead;
  const ppm: i64 = load<u32>(OFF_SLEW_PPM);
  // While it catches up the clock runs at 1 + ppm / 1e6; what is left of the lag bounds how much that can shorten.
  const lag = lagAt(now());
  // Rounded up: 0 would mean that the deadline has come.
  const shortened = (ahead / (PPM + ppm)) * PPM + ((ahead % (PPM + ppm)) * PPM + PPM + ppm - 1) / (PPM + ppm);
  return max<i64>(shortened, ahead - lag);
}

/** Time the guest has spent running: neither paused nor waiting, ns. Host side, while RUNNING. */
export function cpuNs(): i64 {
  const spent = now() - load<i64>(OFF_START_NS) - atomic.load<i64>(OFF_PAUSED_NS) - atomic.load<i64>(OFF_WAITED_NS);
  return max<i64>(spent, 0);
}
