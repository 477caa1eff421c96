/**
 * The notice board: what is announced for a guest, in memory that its owner shares with all hosts of all guests that it
 * concerns. The owner writes it before anybody is told of a change; a host reads it whenever its guest asks, without a message,
 * so that the guest sees what holds at that moment, wherever it is in its own work.
 *
 * There are two places. Edition n lies in place n mod 2, and `edition` says which is the newest, so a reader never waits for the
 * writer: it copies the newest edition and looks whether it is still the newest. If it is, nobody has begun to write over it.
 * A place grows as it must; what would need more than it may ever have is a document that cannot be read (EFBIG).
 *
 *   word 0      edition           owner   +1 when the other place is complete
 *   word 2, 3   bytes in a place  owner   or -1
 *   i64  2, 3   published         owner   wall clock, ns
 */

import { EFBIG } from "../wasi/errno.ts";
import { Fault } from "../wasi/fault.ts";
import type { Notice, Notices } from "../wasi/notice-files.ts";

/** Address space of a place; what is not used costs nothing. Some twenty events of ten thousand guests. */
const PLACE_BYTES_MAX = 16 * 2 ** 20;
const HEAD_BYTES = 32;
const WORD_BYTES = 2;
const TIMES = 2;

/** What is handed to hosts. */
export interface BoardMemory {
  readonly head: SharedArrayBuffer;
  readonly places: readonly [SharedArrayBuffer, SharedArrayBuffer];
}

export class NoticeBoard {
  readonly memory: BoardMemory;
  readonly #words: Int32Array;
  readonly #times: BigInt64Array;

  constructor(memory: BoardMemory = emptyBoard()) {
    this.memory = memory;
    this.#words = new Int32Array(memory.head);
    this.#times = new BigInt64Array(memory.head);
  }

  /** For the owner alone. */
  publish(document: Uint8Array, publishedNs: bigint): void {
    const edition = Atomics.load(this.#words, 0) + 1;
    const place = edition & 1;
    const memory = this.memory.places[place]!;
    const fits = document.length <= PLACE_BYTES_MAX;
    if (fits) {
      if (document.length > memory.byteLength) memory.grow(document.length);
      new Uint8Array(memory).set(document);
    }
    this.#words[WORD_BYTES + place] = fits ? document.length : -1;
    this.#times[TIMES + place] = publishedNs;
    // Pairs with read(). A read-modify-write, so that nothing written for this edition moves behind it, and nothing for the next
    // before it.
    Atomics.add(this.#words, 0, 1);
  }

  /** The newest edition, whole. */
  read(): Notice {
    for (;;) {
      const edition = Atomics.load(this.#words, 0);
      const place = edition & 1;
      const bytes = this.#words[WORD_BYTES + place]!;
      const publishedNs = this.#times[TIMES + place]!;
      const copy = new Uint8Array(new SharedArrayBuffer(Math.max(bytes, 0)));
      // The place may have been begun anew with something longer: what it has then is not looked at.
      copy.set(new Uint8Array(this.memory.places[place]!).subarray(0, copy.length));
      // Pairs with publish(). Not a plain load: what was read above must have been read before this.
      if (Atomics.compareExchange(this.#words, 0, edition, edition) !== edition) continue;
      if (bytes < 0) throw new Fault(EFBIG);
      return { bytes: copy, publishedNs };
    }
  }
}

function emptyBoard(): BoardMemory {
  const place = (): SharedArrayBuffer => new SharedArrayBuffer(0, { maxByteLength: PLACE_BYTES_MAX });
  return { head: new SharedArrayBuffer(HEAD_BYTES), places: [place(), place()] };
}

/**
 * A guest's way to the board, on its host. An approval goes to the owner by message; each is sent once, and only for an event
 * that is announced: a guest that writes nonsense all day sends nothing.
 */
export function hostNotices(memory: BoardMemory, send: (ids: readonly string[]) => void): Notices {
  const board = new NoticeBoard(memory);
  let sent: ReadonlySet<string> = new Set();
  return {
    read: () => board.read(),
    approve(ids) {
      const text = new TextDecoder().decode(board.read().bytes.slice());
      const { Events: events } = JSON.parse(text) as { Events: readonly { EventId: string }[] };
      const announced = new Set(events.map(({ EventId }) => EventId.toUpperCase()));
      const fresh = new Set(ids.map((id) => id.toUpperCase()).filter((id) => announced.has(id) && !sent.has(id)));
      sent = new Set([...[...sent].filter((id) => announced.has(id)), ...fresh]);
      if (fresh.size === 0) return;
      send([...fresh]);
    },
  };
}
