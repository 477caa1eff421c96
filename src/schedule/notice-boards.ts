/**
 * The notice boards of a fleet, one for each set that has a guest who reads: the set's document in shared memory, where guests find
 * it without asking anybody (guest/notices.ts). It is written when the document changes, before anybody is told of what changed.
 */

import { NoticeBoard } from "../guest/notices.ts";
import type { Clock } from "./clock.ts";
import type { ScheduledEvents } from "./events.ts";

export class NoticeBoards {
  readonly #events: ScheduledEvents;
  readonly #clock: Clock;
  readonly #boards = new Map<string, NoticeBoard>();

  constructor(events: ScheduledEvents, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
    events.addEventListener("changed", ({ detail: { set } }) => {
      const board = this.#boards.get(set);
      if (board !== undefined) this.#publish(board, set);
    });
  }

  of(set: string): NoticeBoard {
    let board = this.#boards.get(set);
    if (board === undefined) {
      board = new NoticeBoard();
      this.#publish(board, set);
      this.#boards.set(set, board);
    }
    return board;
  }

  /** The last guest of a set has gone. */
  forget(set: string): void {
    this.#boards.delete(set);
  }

  #publish(board: NoticeBoard, set: string): void {
    const document = new TextEncoder().encode(`${JSON.stringify(this.#events.document(undefined, { set }))}\n`);
    board.publish(document, BigInt(Math.round(this.#clock.nowMs())) * 1_000_000n);
  }
}
