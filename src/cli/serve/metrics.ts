/**
 * What Prometheus reads of a fleet. Pauses are told by the guests themselves, on the channels that the library publishes to, so that one
 * which was started again goes on being counted; what is a matter of the moment is looked up when somebody asks.
 */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type {
  Fleet,
  FreezeReport,
  GuestState,
  HandoverReport,
  ResumeReport,
  ScheduledEvent,
  WaveReport,
} from "../../index.ts";

const SECOND_MS = 1000;
/** From a few microseconds to ten seconds. */
const BUCKETS: number[] = Array.from({ length: 14 }, (_, index) => 5e-6 * 3 ** index);

const STATES: readonly GuestState[] = [
  ...(["booting", "idle", "running", "waiting", "freezing", "frozen", "exited", "failed"] as const),
];

/** How long looking for dirty pages may wait for one guest, ms. */
const SWEEP_MS = 100;

export class Metrics {
  readonly #fleet: Fleet;
  readonly #registry = new Registry();
  readonly #undo: (() => void)[] = [];
  readonly #calls: Histogram<"function" | "outcome">;
  readonly #waves: Counter<"kind" | "outcome">;
  readonly #waveGuests: Counter<"outcome">;

  constructor(fleet: Fleet, { tracked }: { tracked(guest: string): boolean }) {
    this.#fleet = fleet;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#pauses();
    this.#events();
    this.#moment(tracked);
    this.#calls = new Histogram({
      name: "stillpoint_call_seconds",
      help: "Calls of guests by way of the control API, from their arrival to their outcome.",
      labelNames: ["function", "outcome"],
      buckets: BUCKETS,
      registers,
    });
    this.#waves = new Counter({
      name: "stillpoint_waves_total",
      help: "Waves that have ended.",
      labelNames: ["kind", "outcome"],
      registers,
    });
    this.#waveGuests = new Counter({
      name: "stillpoint_wave_guests_total",
      help: "What became of guests in waves that have ended.",
      labelNames: ["outcome"],
      registers,
    });
  }

  #pauses(): void {
    const registers = [this.#registry];
    const safepoint = new Histogram({
      name: "stillpoint_time_to_safepoint_seconds",
      help: "From the request for a freeze to the moment at which the guest stood still.",
      labelNames: ["how"],
      buckets: BUCKETS,
      registers,
    });
    const pause = new Histogram({
      name: "stillpoint_pause_seconds",
      help: "For how long a guest executed nothing, by what was done to it.",
      labelNames: ["by"],
      buckets: BUCKETS,
      registers,
    });
    this.#hear<FreezeReport>("freeze", ({ how, timeToSafepointMs }) =>
      safepoint.observe({ how }, timeToSafepointMs / SECOND_MS),
    );
    this.#hear<ResumeReport>("resume", ({ held, blackoutMs }) => {
      // A guest that is still held has not gone on yet.
      if (held === 0) pause.observe({ by: "freeze" }, blackoutMs / SECOND_MS);
    });
    this.#hear<HandoverReport>("handover", ({ blackoutMs }) =>
      pause.observe({ by: "handover" }, blackoutMs / SECOND_MS),
    );
  }

  #hear<T>(channel: string, listen: (report: T) => void): void {
    const name = `stillpoint:guest:${channel}`;
    const listener = (message: unknown): void => listen(message as T);
    subscribe(name, listener);
    this.#undo.push(() => unsubscribe(name, listener));
  }

  #events(): void {
    const total = new Counter({
      name: "stillpoint_events_total",
      help: "Scheduled events, by what has happened to them.",
      labelNames: ["type", "change"],
      registers: [this.#registry],
    });
    for (const change of ["scheduled", "started", "completed", "canceled"] as const) {
      const listener = ({ detail }: CustomEvent<ScheduledEvent>): void => total.inc({ type: detail.type, change });
      this.#fleet.events.addEventListener(change, listener);
      this.#undo.push(() => this.#fleet.events.removeEventListener(change, listener));
    }
  }

  #moment(tracked: (guest: string) => boolean): void {
    const fleet = this.#fleet;
    const registers = [this.#registry];
    new Gauge({
      name: "stillpoint_guests",
      help: "Guests that have not ended, by state.",
      labelNames: ["state"],
      registers,
      collect() {
        for (const state of STATES) this.set({ state }, 0);
        for (const { state } of fleet.guests.values()) this.inc({ state });
      },
    });
    new Gauge({
      name: "stillpoint_events",
      help: "Scheduled events that are announced now.",
      labelNames: ["status"],
      registers,
      collect() {
        for (const status of ["Scheduled", "Started"]) this.set({ status }, 0);
        for (const { status } of fleet.events.list()) this.inc({ status });
      },
    });
    new Gauge({
      name: "stillpoint_waves",
      help: "Waves on their way, by state.",
      labelNames: ["state"],
      registers,
      collect() {
        this.reset();
        for (const { state } of fleet.waves) this.inc({ state });
      },
    });
    new Gauge({
      name: "stillpoint_guest_memory_bytes",
      help: "Memory of a guest.",
      labelNames: ["guest"],
      registers,
      collect() {
        this.reset();
        for (const [guest, { memory }] of fleet.guests) this.set({ guest }, memory.buffer.byteLength);
      },
    });
    new Gauge({
      name: "stillpoint_guest_dirty_pages",
      help: "Pages that a tracked guest has written since it booted. Looking freezes it for a moment.",
      labelNames: ["guest"],
      registers,
      async collect() {
        this.reset();
        const sweeps = [...fleet.guests.values()].filter(({ name }) => tracked(name));
        await Promise.allSettled(
          sweeps.map(async (guest) =>
            this.set({ guest: guest.name }, (await guest.dirty({ budgetMs: SWEEP_MS })).pages),
          ),
        );
      },
    });
  }

  /** Times a call; what it throws goes through. */
  async called<T>(name: string, call: () => Promise<T>): Promise<T> {
    const over = this.#calls.startTimer({ function: name });
    try {
      const result = await call();
      over({ outcome: "result" });
      return result;
    } catch (error) {
      over({ outcome: (error as { code?: string }).code ?? "error" });
      throw error;
    }
  }

  waveEnded({ kind, outcome, guests }: WaveReport): void {
    this.#waves.inc({ kind, outcome });
    for (const guest of guests) this.#waveGuests.inc({ outcome: guest.outcome });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Hears nothing any more. */
  close(): void {
    for (const undo of this.#undo) undo();
  }
}
