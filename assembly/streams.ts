/**
 * Standard input, output and error as bounded rings of bytes: one producer, one consumer, in different threads.
 *
 * Counters run from 0 modulo 2^32 and the size is a power of two, so head - tail is what lies in the ring, always. The
 * copying itself is done outside, where guest memory is at hand: ask for a span, copy, then commit.
 *
 *   producer   const bytes = writable(ring); copy to writePtr(ring) …; wrote(ring, n)        and at the end: endRing(ring)
 *   consumer   const bytes = readable(ring); copy from readPtr(ring) …; read(ring, n)        or: refuseRing(ring)
 *
 * A span ends where the ring's bytes end, so a copy never wraps; a second call gets the rest. Whoever commits rings the bell,
 * because the guest may be waiting for it on the other side.
 */

import {
  OFF_BELL, OFF_RINGS, OFF_RING_BYTES, RING_BYTES, RING_ENDED, RING_HEAD, RING_REFUSED, RING_STRIDE, RING_TAIL,
} from "./ledger";

function at(ring: u32, field: u32): u32 {
  return OFF_RINGS + ring * RING_STRIDE + field;
}

function spanOf(counter: u32): u32 {
  return RING_BYTES - (counter & (RING_BYTES - 1));
}

/** Tells whoever waits on the bell that something has changed. */
export function ringBell(): void {
  atomic.add<u32>(OFF_BELL, 1);
  atomic.notify(OFF_BELL, -1);
}

/** Bytes that can be written at writePtr() now. */
export function writable(ring: u32): u32 {
  const head = atomic.load<u32>(at(ring, RING_HEAD));
  // Pairs with the store in read(): what the consumer gave back it has finished copying.
  const free = RING_BYTES - (head - atomic.load<u32>(at(ring, RING_TAIL)));
  return min<u32>(free, spanOf(head));
}

export function writePtr(ring: u32): u32 {
  return OFF_RING_BYTES + ring * RING_BYTES + (atomic.load<u32>(at(ring, RING_HEAD)) & (RING_BYTES - 1));
}

export function wrote(ring: u32, bytes: u32): void {
  // Pairs with the load in readable(): the bytes are in place.
  atomic.store<u32>(at(ring, RING_HEAD), atomic.load<u32>(at(ring, RING_HEAD)) + bytes);
  atomic.notify(at(ring, RING_HEAD), -1);
  ringBell();
}

/** Bytes that can be read at readPtr() now. */
export function readable(ring: u32): u32 {
  const tail = atomic.load<u32>(at(ring, RING_TAIL));
  const filled = atomic.load<u32>(at(ring, RING_HEAD)) - tail;
  return min<u32>(filled, spanOf(tail));
}

/** All bytes in the ring, whether they wrap or not. */
export function buffered(ring: u32): u32 {
  return atomic.load<u32>(at(ring, RING_HEAD)) - atomic.load<u32>(at(ring, RING_TAIL));
}

export function readPtr(ring: u32): u32 {
  return OFF_RING_BYTES + ring * RING_BYTES + (atomic.load<u32>(at(ring, RING_TAIL)) & (RING_BYTES - 1));
}

export function read(ring: u32, bytes: u32): void {
  atomic.store<u32>(at(ring, RING_TAIL), atomic.load<u32>(at(ring, RING_TAIL)) + bytes);
  atomic.notify(at(ring, RING_TAIL), -1);
  ringBell();
}

/** The producer will write no more. */
export function endRing(ring: u32): void {
  atomic.store<u32>(at(ring, RING_ENDED), 1);
  atomic.notify(at(ring, RING_HEAD), -1);
  ringBell();
}

/** Asked after buffered() answered 0: is that the end? */
export function ended(ring: u32): bool {
  return atomic.load<u32>(at(ring, RING_ENDED)) != 0;
}

/** The consumer will read no more. */
export function refuseRing(ring: u32): void {
  atomic.store<u32>(at(ring, RING_REFUSED), 1);
  atomic.notify(at(ring, RING_TAIL), -1);
  ringBell();
}

export function refused(ring: u32): bool {
  return atomic.load<u32>(at(ring, RING_REFUSED)) != 0;
}
