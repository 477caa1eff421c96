/**
 * Reading and writing bytes. Files are read and written at positions, and the position is the descriptor's, not the system's.
 * Streams, pipes and devices have none: there a call waits, on the ledger, until there is something to move.
 */

import type { Calls, Context } from "./context.ts";
import { sizeOf } from "./context.ts";
import type { FileDescriptor, StreamDescriptor } from "./descriptors.ts";
import { EAGAIN, EBADF, EINVAL, EISDIR, EPIPE, ESPIPE } from "./errno.ts";
import { Fault } from "./fault.ts";
import { type Channel, type HostFiles, REGULAR_FILE } from "./files.ts";
import {
  FD_READ,
  FD_SEEK,
  FD_TELL,
  FD_WRITE,
  FDFLAGS_APPEND,
  FDFLAGS_NONBLOCK,
  WHENCE_CUR,
  WHENCE_END,
  WHENCE_SET,
} from "./layout.ts";

function streamChannel({ host, waits }: Context, stream: StreamDescriptor["stream"]): Channel {
  return {
    read(into) {
      if (stream !== 0) throw new Fault(EBADF);
      const bytes = host.stdin.read(into);
      return bytes === 0 && host.stdin.ended() ? undefined : bytes;
    },
    write(from) {
      if (stream === 0) throw new Fault(EBADF);
      const output = stream === 1 ? host.stdout : host.stderr;
      if (output.refused()) throw new Fault(EPIPE);
      return output.write(from);
    },
    pause: ({ takenBytes, seen }) => waits.waitHavingTaken(takenBytes, seen),
  };
}

export function transferCalls(context: Context): Calls {
  const { host, memory, descriptors, waits } = context;
  const streams = ([0, 1, 2] as const).map((stream) => streamChannel(context, stream));
  /** What is no regular file is the system's. */
  const device = ({ handle }: FileDescriptor): Channel => (host.files as HostFiles).channel(handle, context);
  const totalOf = (spans: readonly Uint8Array[]): number => spans.reduce((total, span) => total + span.length, 0);

  /** The first bytes that come, as many as are there: who asked for more asks again. */
  function readChannel(channel: Channel, spans: readonly Uint8Array[], wait: boolean): number {
    waits.takenBytes();
    let done = 0;
    for (const span of spans) {
      for (let attempt = 0, at = 0; at < span.length; attempt++) {
        const seen = host.bell();
        const bytes = channel.read(at === 0 ? span : span.subarray(at));
        if (bytes === undefined) return done;
        if (bytes > 0) {
          memory.wrote(span.subarray(at), bytes);
          at += bytes;
          done += bytes;
        } else if (done > 0) {
          return done;
        } else if (wait) {
          channel.pause({ takenBytes: 0, seen, attempt });
        } else {
          throw new Fault(EAGAIN);
        }
      }
    }
    return done;
  }

  /** All bytes, however long it takes. What was taken before the call was cut off is skipped. */
  function writeChannel(channel: Channel, spans: readonly Uint8Array[], wait: boolean): number {
    let skip = waits.takenBytes();
    let done = skip;
    for (const span of spans) {
      let at = Math.min(skip, span.length);
      skip -= at;
      for (let attempt = 0; at < span.length; attempt++) {
        const seen = host.bell();
        let bytes: number;
        try {
          bytes = channel.write(at === 0 ? span : span.subarray(at));
        } catch (error) {
          // What is taken is taken; who writes again gets the error.
          if (done > 0 && error instanceof Fault) return done;
          throw error;
        }
        if (bytes > 0) {
          at += bytes;
          done += bytes;
          attempt = 0;
        } else if (wait) {
          channel.pause({ takenBytes: done, seen, attempt });
        } else if (done > 0) {
          return done;
        } else {
          throw new Fault(EAGAIN);
        }
      }
    }
    return done;
  }

  function readAt({ volume, handle }: FileDescriptor, spans: readonly Uint8Array[], position: number): number {
    const files = context.files(volume);
    let done = 0;
    for (const span of spans) {
      if (span.length === 0) continue;
      const bytes = files.read(handle, span, position + done);
      memory.wrote(span, bytes);
      done += bytes;
      if (bytes < span.length) break;
    }
    return done;
  }

  function writeAt(
    { volume, handle }: FileDescriptor,
    spans: readonly Uint8Array[],
    position: number | undefined,
  ): number {
    const files = context.files(volume);
    let done = 0;
    for (const span of spans) {
      if (span.length === 0) continue;
      let bytes: number;
      try {
        bytes = files.write(handle, span, position === undefined ? undefined : position + done);
      } catch (error) {
        if (done > 0) return done;
        throw error;
      }
      done += bytes;
      if (bytes < span.length) break;
    }
    return done;
  }

  function read(fd: number, spans: readonly Uint8Array[]): number {
    const descriptor = descriptors.get(fd, 0);
    if (descriptor.kind === "directory") throw new Fault(EISDIR);
    descriptors.get(fd, FD_READ);
    const wait = (descriptor.flags & FDFLAGS_NONBLOCK) === 0;
    if (descriptor.kind === "stream") return readChannel(streams[descriptor.stream]!, spans, wait);
    if (descriptor.type !== REGULAR_FILE) return readChannel(device(descriptor), spans, wait);
    const bytes = readAt(descriptor, spans, descriptor.offset);
    descriptor.offset += bytes;
    return bytes;
  }

  function write(fd: number, spans: readonly Uint8Array[]): number {
    const descriptor = descriptors.get(fd, FD_WRITE);
    if (descriptor.kind === "directory") throw new Fault(EISDIR);
    const wait = (descriptor.flags & FDFLAGS_NONBLOCK) === 0;
    if (descriptor.kind === "stream") return writeChannel(streams[descriptor.stream]!, spans, wait);
    if (descriptor.type !== REGULAR_FILE) return writeChannel(device(descriptor), spans, wait);
    if ((descriptor.flags & FDFLAGS_APPEND) === 0) {
      const bytes = writeAt(descriptor, spans, descriptor.offset);
      descriptor.offset += bytes;
      return bytes;
    }
    const bytes = totalOf(spans) === 0 ? 0 : writeAt(descriptor, spans, undefined);
    if (bytes > 0) descriptor.offset = Number(context.files(descriptor.volume).stat(descriptor.handle).bytes);
    return bytes;
  }

  /** A file in which one can be anywhere. */
  function positioned(fd: number, rights: number): FileDescriptor {
    const descriptor = descriptors.file(fd, 0);
    if (descriptor.type !== REGULAR_FILE) throw new Fault(ESPIPE);
    return descriptors.file(fd, rights);
  }

  return {
    fd_read(fd: number, iovs: number, count: number, readPtr: number) {
      memory.check(readPtr, 4);
      memory.writeU32(readPtr, read(fd, memory.spans(iovs, count)));
    },

    fd_write(fd: number, iovs: number, count: number, writtenPtr: number) {
      memory.check(writtenPtr, 4);
      memory.writeU32(writtenPtr, write(fd, memory.spans(iovs, count)));
    },

    fd_pread(fd: number, iovs: number, count: number, offset: bigint, readPtr: number) {
      memory.check(readPtr, 4);
      const descriptor = positioned(fd, FD_READ | FD_SEEK);
      memory.writeU32(readPtr, readAt(descriptor, memory.spans(iovs, count), sizeOf(offset)));
    },

    fd_pwrite(fd: number, iovs: number, count: number, offset: bigint, writtenPtr: number) {
      memory.check(writtenPtr, 4);
      const descriptor = positioned(fd, FD_WRITE | FD_SEEK);
      memory.writeU32(writtenPtr, writeAt(descriptor, memory.spans(iovs, count), sizeOf(offset)));
    },

    fd_seek(fd: number, delta: bigint, whence: number, offsetPtr: number) {
      memory.check(offsetPtr, 8);
      // Asking where one is needs less than going somewhere.
      const descriptor = positioned(fd, delta === 0n && whence === WHENCE_CUR ? FD_TELL : FD_SEEK);
      let from: number;
      if (whence === WHENCE_SET) from = 0;
      else if (whence === WHENCE_CUR) from = descriptor.offset;
      else if (whence === WHENCE_END) from = Number(context.files(descriptor.volume).stat(descriptor.handle).bytes);
      else throw new Fault(EINVAL);
      descriptor.offset = sizeOf(BigInt(from) + delta);
      memory.writeU64(offsetPtr, BigInt(descriptor.offset));
    },

    fd_tell(fd: number, offsetPtr: number) {
      memory.writeU64(offsetPtr, BigInt(positioned(fd, FD_TELL).offset));
    },
  };
}
