/**
 * Ours: freeze and resume in place, and handover to another Worker, at random moments of guests that compute.
 *
 * Timed are blackouts, from the guest's last instruction before to its first after, by its own threads' time stamps. All other ways are
 * warmed up, and so is this one: a guest has been frozen and handed over for a while before it counts. What the first times cost is in
 * bench/handover.ts.
 *
 * How long a freeze takes depends most of all on where the scheduler has the two threads that wake each other. A guest that has just been
 * resumed is on the core of who resumed it, and its pause a quarter of what it is when it has computed for a while and has a core to itself.
 * Either stays so for seconds, so that hundreds of freezes in a row say the same and the next hundreds another thing. That is why a guest
 * computes before its turn for as long as it takes to be given that core, as one does that is stopped now and then, and why a turn is
 * short: some freezes and handovers in a round, guests one after the other in drawn order, and between two turns, in which all are held
 * frozen, other ways are measured.
 */

import { Fleet, type Guest } from "../../dist/index.js";
import { type FreezeCandidate, freezing, pause } from "../support/freezes.ts";
import type { Run } from "../support/question.ts";
import { shuffled } from "../support/rounds.ts";
import { subjects } from "./guests.ts";
import { FREEZE, HANDOVER, type Pause } from "./way.ts";

/** `aloneMs` is for how long a guest computes before its turn: after 30 ms it has its own core now and then, after 100 nearly always. */
const COUNTS = {
  full: { warmUpMs: 1000, warmups: 500, firstHandovers: 6, rounds: 2, aloneMs: 100, freezes: 30, handovers: 2 },
  smoke: { warmUpMs: 100, warmups: 20, firstHandovers: 1, rounds: 1, aloneMs: 5, freezes: 3, handovers: 1 },
};

/** Before a handover, ms: the new Worker of the one before has warmed up, and the next standby is not in the way. */
const APART_MS = 20;

/** A guest that is held frozen between its turns, and what its pauses were. */
class Subject {
  readonly guest: Guest;
  readonly #run: Run;
  readonly #freezing: FreezeCandidate;
  readonly #handoversMs: number[] = [];
  #bytes = 0;

  private constructor(guest: Guest, run: Run) {
    this.guest = guest;
    this.#run = run;
    this.#freezing = freezing(guest, { name: guest.name, sync: true, timed: "both", random: run.random });
  }

  static async open(guest: Guest, run: Run): Promise<Subject> {
    const { warmUpMs, warmups, firstHandovers } = run.full ? COUNTS.full : COUNTS.smoke;
    const subject = new Subject(guest, run);
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    for (let i = 0; i < warmups; i++) await subject.#freezing.measure();
    for (let i = 0; i < firstHandovers; i++) await subject.#handover();
    subject.#freezing.warm?.();
    subject.#handoversMs.length = 0;
    await subject.#freezing.end?.();
    return subject;
  }

  async #handover(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
    pause(this.#run.random);
    const report = await this.guest.handover();
    this.#handoversMs.push(report.blackoutMs);
    this.#bytes = Math.max(this.#bytes, report.frameBytes + report.stateBytes + report.guestBytesCopied);
  }

  async round(): Promise<void> {
    const { aloneMs, freezes, handovers } = this.#run.full ? COUNTS.full : COUNTS.smoke;
    await this.#freezing.begin?.();
    await new Promise((resolve) => setTimeout(resolve, aloneMs));
    for (let i = 0; i < freezes; i++) await this.#freezing.measure();
    for (let i = 0; i < handovers; i++) await this.#handover();
    await this.#freezing.end?.();
  }

  pauses(): readonly Pause[] {
    const { freezes } = this.#freezing;
    const same = { guest: this.guest.name, keeps: "memory and stack", stopsAt: "any loop" } as const;
    return [
      { ...same, way: FREEZE, newHost: "no", samplesMs: freezes.blackoutMs, bytes: freezes.copied },
      { ...same, way: HANDOVER, newHost: "yes", samplesMs: this.#handoversMs, bytes: this.#bytes },
    ];
  }
}

/** All guests of one process. */
export class Stillpoint {
  readonly #run: Run;
  readonly #subjects: readonly Subject[];

  private constructor(subjects: readonly Subject[], run: Run) {
    this.#subjects = subjects;
    this.#run = run;
  }

  static async open(run: Run): Promise<Stillpoint> {
    const fleet = await Fleet.open();
    const opened: Subject[] = [];
    for (const { name, boot } of subjects(run.full)) {
      run.progress(`warming up ${name}`);
      opened.push(await Subject.open((await boot(fleet)).guest, run));
    }
    return new Stillpoint(opened, run);
  }

  async turn(): Promise<void> {
    const { rounds } = this.#run.full ? COUNTS.full : COUNTS.smoke;
    for (let round = 0; round < rounds; round++) {
      for (const subject of shuffled(this.#subjects, this.#run.random)) {
        this.#run.progress(subject.guest.name);
        await subject.round();
      }
    }
  }

  pauses(): readonly Pause[] {
    return this.#subjects.flatMap((subject) => subject.pauses());
  }
}
