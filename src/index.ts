/** stillpoint: freeze a running WebAssembly program, replace what is under it, let it go on. */

export {
  type ErrorCode,
  FreezeTimeoutError,
  GuestStateError,
  GuestTrapError,
  HandoverError,
  HostLostError,
  ModuleInvalidError,
  ModuleUnsupportedError,
  StillpointError,
  type WasmFrame,
} from "./errors.ts";
export type { CallOptions } from "./guest/calls.ts";
export { type Capabilities, capabilities, type MissingCapability } from "./guest/capabilities.ts";
export type { DirectoryHandle } from "./guest/directory-handles.ts";
export type { Eligibility, SuspendableFunctions } from "./guest/eligibility.ts";
export type { FreezeOptions } from "./guest/freezing.ts";
export type { Guest } from "./guest/guest.ts";
export type { HandoverOptions } from "./guest/handover.ts";
export type { BootOptions } from "./guest/options.ts";
export type {
  DirtyReport,
  Exit,
  FreezeReport,
  GuestEventMap,
  GuestEvents,
  GuestState,
  HandoverReport,
  ResumeReport,
  TierUpReport,
  TrackReport,
} from "./guest/reports.ts";
export type { Attach, Services, ServicesHost } from "./guest/services.ts";
export type { OutputOption, StdinOption } from "./guest/streams.ts";
export { Image, type ImageInfo } from "./prepare/image.ts";
export { type PrepareOptions, prepare } from "./prepare/off-thread.ts";
export { type PrepareProgress, prepareSync } from "./prepare/prepare.ts";
export type { Clock } from "./schedule/clock.ts";
export type { DocumentEvent, EventDocument } from "./schedule/document.ts";
export type { EventHandle, EventSource, EventStatus, EventType, Readiness, ScheduledEvent } from "./schedule/event.ts";
export type {
  ApprovalPolicies,
  EventRequest,
  EventsOptions,
  Incarnations,
  ScheduledEvents,
  ScheduledEventsMap,
  Scope,
} from "./schedule/events.ts";
export { Fleet, type FleetOptions } from "./schedule/fleet.ts";
export type { Committed, InterruptedWave } from "./schedule/history.ts";
export type { NoticeOption } from "./schedule/notice.ts";
export type { DomainCounts, Placement } from "./schedule/placement.ts";
export type { Ineligible, Plan, PlannedDomain, PlannedGuest } from "./schedule/plan.ts";
export type { GuestOutcome, GuestReport, WaveProgress, WaveReport } from "./schedule/progress.ts";
export type { WaveState } from "./schedule/states.ts";
export type { Update, UpdateKind, Verdict, Way } from "./schedule/update.ts";
export type { Wave } from "./schedule/wave.ts";
export type { WavesOptions } from "./schedule/waves.ts";
export type { FileTree, Preopen } from "./wasi/host.ts";
