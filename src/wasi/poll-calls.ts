/**
 * poll_oneoff: waits until at least one of several things is so, and says all that are.
 *
 * Everything is looked at, then the call sleeps on the bell until the nearest deadline, then everything is looked at again.
 * Relative times count from the call's beginning, so no look moves a deadline.
 */

import type { Calls, Context } from "./context.ts";
import { EBADF, EINVAL, ENOTSUP, SUCCESS } from "./errno.ts";
import { Fault } from "./fault.ts";
import { REGULAR_FILE } from "./files.ts";
import type { Deadline } from "./host.ts";
import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  CLOCK_THREAD_CPUTIME,
  EVENT_BYTES,
  EVENT_CLOCK,
  EVENT_FD_READ,
  EVENT_FD_WRITE,
  EVENT_HANGUP,
  FD_READ,
  FD_WRITE,
  SUBCLOCK_ABSTIME,
  SUBSCRIPTION_BYTES,
} from "./layout.ts";

/** More than a guest can have descriptors and clocks worth waiting for; keeps a hostile call from taking gigabytes here. */
const SUBSCRIPTIONS_MAX = 16384;

/**
 * How long a wait may follow one clock while a deadline on the other is pending, too. A freeze or a new wall time moves the
 * two apart, and the host sleeps by one of them.
 */
const MIXED_CLOCKS_NS = 100_000_000n;

/** Some 292 years, for clocks that count in signed words. */
const TIME_MAX = (1n << 63n) - 1n;

interface Clock {
  readonly kind: "clock";
  readonly userdata: bigint;
  readonly deadline: Deadline;
}

interface Transfer {
  readonly kind: "transfer";
  readonly userdata: bigint;
  readonly type: number;
  readonly fd: number;
}

interface Broken {
  readonly kind: "broken";
  readonly userdata: bigint;
  readonly type: number;
  readonly errno: number;
}

type Subscription = Clock | Transfer | Broken;

/** What a descriptor has to say; undefined while it has nothing. */
interface Readiness {
  readonly bytes: bigint;
  readonly hangup: boolean;
}

export function pollCalls(context: Context): Calls {
  const { host, memory, descriptors, waits } = context;

  const nowNs = (clock: Deadline["clock"]): bigint =>
    clock === "wall" ? host.clock.wallNs() : host.clock.monotonicNs();

  function subscription(ptr: number, begun: { wallNs: bigint; monotonicNs: bigint }): Subscription {
    const userdata = memory.readU64(ptr);
    const type = memory.readU8(ptr + 8);
    if (type === EVENT_FD_READ || type === EVENT_FD_WRITE) {
      return { kind: "transfer", userdata, type, fd: memory.readU32(ptr + 16) };
    }
    if (type !== EVENT_CLOCK) throw new Fault(EINVAL);
    const id = memory.readU32(ptr + 16);
    if (id !== CLOCK_REALTIME && id !== CLOCK_MONOTONIC) {
      // CPU time stands still while one waits for it.
      return { kind: "broken", userdata, type, errno: id <= CLOCK_THREAD_CPUTIME ? ENOTSUP : EINVAL };
    }
    const clock = id === CLOCK_REALTIME ? "wall" : "monotonic";
    const time = memory.readU64(ptr + 24);
    const absolute = (memory.readU16(ptr + 40) & SUBCLOCK_ABSTIME) !== 0;
    const ns = absolute ? time : time + (clock === "wall" ? begun.wallNs : begun.monotonicNs);
    return { kind: "clock", userdata, deadline: { clock, ns: ns > TIME_MAX ? TIME_MAX : ns } };
  }

  function readiness({ fd, type }: Transfer): Readiness | undefined {
    const reads = type === EVENT_FD_READ;
    const descriptor = descriptors.get(fd, reads ? FD_READ : FD_WRITE);
    if (descriptor.kind === "stream") {
      if (reads !== (descriptor.stream === 0)) throw new Fault(EBADF);
      if (reads) {
        const ended = host.stdin.ended();
        const bytes = host.stdin.readable();
        return bytes > 0 || ended ? { bytes: BigInt(bytes), hangup: ended && bytes === 0 } : undefined;
      }
      const output = descriptor.stream === 1 ? host.stdout : host.stderr;
      const hangup = output.refused();
      const bytes = output.writable();
      return bytes > 0 || hangup ? { bytes: BigInt(bytes), hangup } : undefined;
    }
    // The system tells nothing about pipes and devices without blocking, so they count as ready, and the transfer waits.
    if (descriptor.kind === "directory" || descriptor.type !== REGULAR_FILE || !reads)
      return { bytes: 0n, hangup: false };
    const left = context.files(descriptor.volume).stat(descriptor.handle).bytes - BigInt(descriptor.offset);
    return { bytes: left > 0n ? left : 0n, hangup: false };
  }

  function writeEvent(ptr: number, userdata: bigint, error: number, type: number, ready?: Readiness): void {
    const view = new DataView(new ArrayBuffer(EVENT_BYTES));
    view.setBigUint64(0, userdata, true);
    view.setUint16(8, error, true);
    view.setUint8(10, type);
    view.setBigUint64(16, ready?.bytes ?? 0n, true);
    view.setUint16(24, ready?.hangup === true ? EVENT_HANGUP : 0, true);
    memory.writeBytes(ptr, new Uint8Array(view.buffer));
  }

  /** Writes an event for each thing that is so now, and answers how many there are. */
  function look(subscriptions: readonly Subscription[], events: number): number {
    let count = 0;
    for (const subscription of subscriptions) {
      const ptr = events + count * EVENT_BYTES;
      const { userdata } = subscription;
      if (subscription.kind === "clock") {
        const { clock, ns } = subscription.deadline;
        if (nowNs(clock) < ns) continue;
        writeEvent(ptr, userdata, SUCCESS, EVENT_CLOCK);
      } else if (subscription.kind === "broken") {
        writeEvent(ptr, userdata, subscription.errno, subscription.type);
      } else {
        try {
          const ready = readiness(subscription);
          if (ready === undefined) continue;
          writeEvent(ptr, userdata, SUCCESS, subscription.type, ready);
        } catch (error) {
          const number = context.errnoOf(error);
          if (number === undefined) throw error;
          writeEvent(ptr, userdata, number, subscription.type);
        }
      }
      count++;
    }
    return count;
  }

  /** The deadline to sleep to. */
  function nearest(subscriptions: readonly Subscription[]): Deadline | undefined {
    const deadlines = subscriptions.flatMap((one) => (one.kind === "clock" ? [one.deadline] : []));
    const first = (clock: Deadline["clock"]): Deadline | undefined =>
      deadlines.filter((deadline) => deadline.clock === clock).sort((a, b) => (a.ns < b.ns ? -1 : 1))[0];
    const wall = first("wall");
    const monotonic = first("monotonic");
    if (wall === undefined || monotonic === undefined) return wall ?? monotonic;
    const now = nowNs("monotonic");
    const sleeps = [wall.ns - nowNs("wall"), monotonic.ns - now, MIXED_CLOCKS_NS];
    return { clock: "monotonic", ns: now + sleeps.reduce((least, ns) => (ns < least ? ns : least)) };
  }

  return {
    poll_oneoff(subscriptionsPtr: number, eventsPtr: number, count: number, countPtr: number) {
      const length = count >>> 0;
      if (length === 0) throw new Fault(EINVAL);
      const from = memory.check(subscriptionsPtr, length * SUBSCRIPTION_BYTES);
      const events = memory.check(eventsPtr, length * EVENT_BYTES);
      memory.check(countPtr, 4);
      if (length > SUBSCRIPTIONS_MAX) throw new Fault(EINVAL);
      const begun = waits.begun();
      const subscriptions = Array.from({ length }, (_, index) =>
        subscription(from + index * SUBSCRIPTION_BYTES, begun),
      );
      for (;;) {
        // Before looking: what changes from here on wakes the sleep below.
        const seen = host.bell();
        const ready = look(subscriptions, events);
        if (ready > 0) {
          memory.writeU32(countPtr, ready);
          return;
        }
        waits.wait(begun, seen, nearest(subscriptions));
      }
    },
  };
}
