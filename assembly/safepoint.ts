/**
 * The handshake of freeze and resume, both sides. assembly/ledger.ts states the protocol; test/model/safepoint.pml has it for proof,
 * function by function under the same names.
 *
 *            owner                                     host of the guest
 *            request  withdraw  granted  release       enter  leave  poll  beginWait  endWait  end
 *            recall  unrecall  taken  handOver  bury   takeUp  heed  stay
 *
 * The owner's functions never block: the owner waits outside, on `run`, always with a budget. The host's functions block
 * while the guest is FROZEN, in `park`.
 */

import { put as putClock } from "./clock";
import { lost, now, number } from "./host";
import { ringBell } from "./streams";
import {
  ENDED, FREEZING, FROZEN, IDLE, LEAVING, OFF_EPOCH, OFF_FOUND, OFF_FROZEN_AT_NS, OFF_HINT, OFF_HOLDS, OFF_HOST,
  OFF_PAUSED_NS, OFF_PINNED, OFF_REQUESTED_AT_NS, OFF_RESUMED_AT_NS, OFF_RUN, OFF_UNWINDING, OFF_WAITED_NS,
  OFF_WAIT_FROM_NS, OFF_WAIT_PAUSED_NS, OFF_WANTED, OFF_WOKEN, RUNNING, STATE_BITS, STATE_MASK, WAITING,
} from "./ledger";

/** What release(), withdraw() and handOver() answer when the state is not one in which they may act. */
export const REFUSED: i32 = -1;

function stateOf(run: u32): u32 {
  return run & STATE_MASK;
}

/** The same generation, another state. */
function withState(run: u32, state: u32): u32 {
  return (run & ~STATE_MASK) | state;
}

/** The next generation, with this state. */
function nextGeneration(run: u32, state: u32): u32 {
  return (run & ~STATE_MASK) + (1 << STATE_BITS) + state;
}

function swap(expected: u32, next: u32): bool {
  return atomic.cmpxchg<u32>(OFF_RUN, expected, next) == expected;
}

// ---- the owner's side ----

/**
 * Asks for a freeze and adds a hold.
 *
 * Answers the state as it is afterwards: FROZEN (granted at once, or frozen already), FREEZING (wait on `run`, then call
 * granted()), or ENDED (nothing was asked, no hold was added).
 */
export function request(): u32 {
  const holds = atomic.load<u32>(OFF_HOLDS);
  if (holds > 0) {
    const state = stateOf(atomic.load<u32>(OFF_RUN));
    if (state == ENDED) return ENDED;
    atomic.store<u32>(OFF_HOLDS, holds + 1);
    return state;
  }
  while (true) {
    const run = atomic.load<u32>(OFF_RUN);
    const state = stateOf(run);
    if (state == ENDED) return ENDED;
    const at = now();
    if (state == RUNNING) {
      store<i64>(OFF_REQUESTED_AT_NS, at);
      if (!swap(run, nextGeneration(run, FREEZING))) continue;
      store<u32>(OFF_FOUND, RUNNING);
      atomic.store<u32>(OFF_HOLDS, 1);
      // Read plainly by guest code. It comes after the swap, so a guest that sees it finds the request.
      atomic.store<u32>(OFF_HINT, 1);
      return stateOf(atomic.load<u32>(OFF_RUN));
    }
    // IDLE or WAITING: the host cannot leave either without a swap of its own, which this one makes fail. Nobody else
    // writes frozenAtNs now, because only a host that found FREEZING does.
    store<i64>(OFF_REQUESTED_AT_NS, at);
    atomic.store<i64>(OFF_FROZEN_AT_NS, at);
    if (!swap(run, nextGeneration(run, FROZEN))) continue;
    store<u32>(OFF_FOUND, state);
    atomic.store<u32>(OFF_HOLDS, 1);
    return FROZEN;
  }
}

/**
 * Takes back one hold of a request that has not been granted yet.
 *
 * Answers RUNNING (withdrawn; the guest was never stopped), FREEZING (withdrawn, but others still ask), FROZEN (too late:
 * it was granted, the hold stands and release() must follow), or ENDED.
 */
export function withdraw(): u32 {
  const run = atomic.load<u32>(OFF_RUN);
  const state = stateOf(run);
  if (state != FREEZING) return state;
  const holds = atomic.load<u32>(OFF_HOLDS);
  if (holds > 1) {
    atomic.store<u32>(OFF_HOLDS, holds - 1);
    return FREEZING;
  }
  if (!swap(run, withState(run, RUNNING))) return stateOf(atomic.load<u32>(OFF_RUN));
  atomic.store<u32>(OFF_HOLDS, 0);
  atomic.store<u32>(OFF_HINT, 0);
  return RUNNING;
}

/** The state that the present freeze found, once the guest is FROZEN; REFUSED before. */
export function granted(): i32 {
  return stateOf(atomic.load<u32>(OFF_RUN)) == FROZEN ? <i32>load<u32>(OFF_FOUND) : REFUSED;
}

/**
 * Releases one hold; the last one lets the guest go on, with its clock put right.
 *
 * Answers how many holds are left, or REFUSED when the guest is not frozen.
 */
export function release(): i32 {
  const run = atomic.load<u32>(OFF_RUN);
  if (stateOf(run) != FROZEN) return REFUSED;
  const holds = atomic.load<u32>(OFF_HOLDS) - 1;
  atomic.store<u32>(OFF_HOLDS, holds);
  if (holds > 0) return holds;
  putClock(atomic.load<i64>(OFF_FROZEN_AT_NS), now());
  atomic.store<u32>(OFF_EPOCH, atomic.load<u32>(OFF_EPOCH) + 1);
  atomic.store<u32>(OFF_HINT, 0);
  // Pairs with the loads in park(), enter() and endWait(): all that was written above is seen by a host that goes on.
  atomic.store<u32>(OFF_RUN, withState(run, load<u32>(OFF_FOUND)));
  atomic.notify(OFF_RUN, -1);
  return 0;
}

/**
 * Asks the host of a FROZEN guest to take the guest off its thread: to come out of guest code and services, with the stack in
 * the ledger. The guest stays FROZEN. REFUSED when it is not.
 */
export function recall(): i32 {
  const run = atomic.load<u32>(OFF_RUN);
  if (stateOf(run) != FROZEN) return REFUSED;
  const again = nextGeneration(run, FROZEN);
  atomic.store<u32>(OFF_WANTED, again);
  // A new value, because a host that has looked at `wanted` already and is about to sleep on the old one must not.
  atomic.store<u32>(OFF_RUN, again);
  atomic.notify(OFF_RUN, -1);
  ringBell();
  return 0;
}

/** Takes a recall back. REFUSED if the host is on its way out already. */
export function unrecall(): i32 {
  return atomic.cmpxchg<u32>(OFF_WANTED, atomic.load<u32>(OFF_RUN), 0) == LEAVING ? REFUSED : 0;
}

/** The host has left. Whatever the guest waited for, it will ask for again: what resumes is a guest that runs. */
export function taken(): void {
  atomic.store<u32>(OFF_WANTED, 0);
  if (load<u32>(OFF_FOUND) == WAITING) store<u32>(OFF_FOUND, RUNNING);
}

/** Makes `next` the host that may run the guest, if `expected` is. Only while FROZEN; otherwise REFUSED. */
export function handOver(expected: u32, next: u32): i32 {
  if (stateOf(atomic.load<u32>(OFF_RUN)) != FROZEN) return REFUSED;
  return atomic.cmpxchg<u32>(OFF_HOST, expected, next) == expected ? 0 : REFUSED;
}

/**
 * Records that the host's thread is gone. Call it only after the thread has ended: nobody else moves `run` then.
 *
 * Answers what the guest was doing: IDLE (nothing was lost; another host may take it; a freeze stands), or WAITING, RUNNING
 * (its stack is gone with the thread; `run` is ENDED now and holds are void), or ENDED.
 */
export function bury(): u32 {
  const run = atomic.load<u32>(OFF_RUN);
  let was = stateOf(run);
  if (was == FROZEN) was = load<u32>(OFF_FOUND);
  if (was == FREEZING) was = RUNNING;
  if (was == IDLE || was == ENDED) return was;
  finish(run);
  return was;
}

function finish(run: u32): void {
  atomic.store<u32>(OFF_HOLDS, 0);
  atomic.store<u32>(OFF_HINT, 0);
  atomic.store<u32>(OFF_RUN, withState(run, ENDED));
  // Pairs with the owner's wait for FREEZING to end: it finds ENDED and tells its caller.
  atomic.notify(OFF_RUN, -1);
}

// ---- the host's side ----

/** What park() answers besides `run`, which never looks like these: the guest is not with this host; the owner wants the thread. */
const LOST: u32 = u32.MAX_VALUE;
const LEAVE: u32 = u32.MAX_VALUE - 1;

/** What moves of a host answer: it was not in the state to move from (it has ended); done; the owner wants the thread. */
const NO: u32 = 0;
const YES: u32 = 1;
const WANTED: u32 = 2;

/**
 * Waits out every freeze, then answers `run` as found: any state but FREEZING and FROZEN; or LOST, or LEAVE if the thread can
 * leave and is wanted. A grant says that the guest stands still, so nobody but its host may give it, however late some other
 * host wakes up and finds FREEZING. `parked`: this host has been in a freeze already, and tells when it is over.
 */
function park(canLeave: bool, parked: bool = false): u32 {
  while (true) {
    const run = atomic.load<u32>(OFF_RUN);
    if (stateOf(run) == FROZEN) {
      if (canLeave && atomic.load<u32>(OFF_WANTED) == run && atomic.load<u32>(OFF_HOST) == number) {
        // Fails if the owner has taken the recall back.
        if (atomic.cmpxchg<u32>(OFF_WANTED, run, LEAVING) == run) return LEAVE;
      }
      atomic.wait<i32>(OFF_RUN, run, -1);
      continue;
    }
    // Read after `run`: if the guest changes hands later, then not without a new generation, and a swap made of `run` fails.
    if (atomic.load<u32>(OFF_HOST) != number) return LOST;
    if (parked) {
      // Back from every freeze so far, the recalls that it slept through included, but not from one that is only asked for.
      const over = stateOf(run) == FREEZING ? run - (1 << STATE_BITS) : run;
      atomic.store<i64>(OFF_RESUMED_AT_NS, now());
      // Pairs with the owner's wait for the first moment after a resume.
      atomic.store<u32>(OFF_WOKEN, over >> STATE_BITS);
      atomic.notify(OFF_WOKEN, -1);
      parked = false;
    }
    if (stateOf(run) != FREEZING) return run;
    atomic.store<i64>(OFF_FROZEN_AT_NS, now());
    // Fails if the request was withdrawn meanwhile.
    if (swap(run, withState(run, FROZEN))) {
      parked = true;
      atomic.notify(OFF_RUN, -1);
    }
  }
}

/** The same for callers to whom a lost guest is no answer. */
function parkOwned(canLeave: bool, parked: bool = false): u32 {
  const run = park(canLeave, parked);
  if (run == LOST) {
    lost();
    unreachable();
  }
  return run;
}

/** Moves `from` to `to` for the host that owns the guest, after every freeze has been waited out. */
function move(from: u32, to: u32, canLeave: bool): u32 {
  while (true) {
    const run = parkOwned(canLeave);
    if (run == LEAVE) return WANTED;
    if (stateOf(run) != from) return NO;
    if (swap(run, withState(run, to))) return YES;
  }
}

/** Whether only frames that can be saved are on the stack: JavaScript between guest frames cannot. */
function canUnwind(): bool {
  return load<u32>(OFF_PINNED) == 0;
}

/** IDLE to RUNNING: before anything of the guest is touched. */
export function enter(): u32 {
  return move(IDLE, RUNNING, true);
}

/** RUNNING to IDLE: after the last touch. */
export function leave(): u32 {
  return move(RUNNING, IDLE, true);
}

/**
 * A safepoint: parks if a freeze is asked for. Guest code calls it when it sees the hint, and looks at `unwinding` when it
 * comes back.
 */
export function poll(): void {
  if (parkOwned(canUnwind()) == LEAVE) store<u32>(OFF_UNWINDING, 1);
}

/** A new host of a guest that was handed over: waits for the release. YES, or WANTED when the guest is to go on elsewhere. */
export function takeUp(): u32 {
  return parkOwned(true, true) == LEAVE ? WANTED : YES;
}

/** A recall that a host hears of outside the guest, in its message queue: whether it is meant, and not yet heeded. */
export function heed(): bool {
  const run = atomic.load<u32>(OFF_RUN);
  if (stateOf(run) != FROZEN || atomic.load<u32>(OFF_HOST) != number) return false;
  return atomic.cmpxchg<u32>(OFF_WANTED, run, LEAVING) == run;
}

/** The host was on its way out of a wait and cannot leave after all: it parks like any other, and then the wait is over. */
export function stay(): void {
  // Pairs with unrecall(), which finds that nobody comes. Another recall may have come already, and stands.
  atomic.cmpxchg<u32>(OFF_WANTED, LEAVING, 0);
  parkOwned(false, true);
  afterWait(false);
}

/** RUNNING to WAITING: from here to endWait() the host touches nothing of the guest. */
export function beginWait(): u32 {
  // Before the swap: a pause that comes while this parks, or right after, then lies between the two readings as a whole.
  store<i64>(OFF_WAIT_FROM_NS, now());
  store<i64>(OFF_WAIT_PAUSED_NS, atomic.load<i64>(OFF_PAUSED_NS));
  return move(RUNNING, WAITING, canUnwind());
}

/** WAITING to RUNNING: parks first if the guest was frozen meanwhile, however the wait ended. */
export function endWait(): u32 {
  return afterWait(canUnwind());
}

function afterWait(canLeave: bool): u32 {
  const moved = move(WAITING, RUNNING, canLeave);
  if (moved != YES) return moved;
  const paused = atomic.load<i64>(OFF_PAUSED_NS) - load<i64>(OFF_WAIT_PAUSED_NS);
  const waited = now() - load<i64>(OFF_WAIT_FROM_NS) - paused;
  atomic.store<i64>(OFF_WAITED_NS, atomic.load<i64>(OFF_WAITED_NS) + max<i64>(waited, 0));
  return YES;
}

/**
 * The guest has exited or trapped: no host will run it again. A freeze asked for before is honoured first. False if the guest
 * is with another host, and has not ended there.
 */
export function end(): bool {
  while (true) {
    const run = park(false);
    if (run == LOST) return false;
    if (swap(run, withState(run, ENDED))) break;
  }
  atomic.notify(OFF_RUN, -1);
  return true;
}
