/** From image to guest: memory, ledger and streams are made, then a host is started on them. */

import { IMPORT_MODULE } from "../abi.ts";
import { invalid } from "../checks.ts";
import { attachCore, createLedger, ownerSide } from "../core/core.ts";
import { StillpointError } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import { Image } from "../prepare/image.ts";
import { changedTables } from "../prepare/original.ts";
import type { Makers } from "../resume/makers.ts";
import { NOTICE_DIRECTORY } from "../wasi/notice-files.ts";
import { loadAssets } from "./assets.ts";
import { CALL_QUEUE_MAX } from "./calls.ts";
import { readDirectories } from "./directory-handles.ts";
import { Freezing } from "./freezing.ts";
import { groundOf, twinOf } from "./ground.ts";
import { Guest } from "./guest.ts";
import { FIRST_HOST } from "./hosts.ts";
import { GuestMemory } from "./memory.ts";
import type { HostData, OutputMode } from "./messages.ts";
import type { BoardMemory } from "./notices.ts";
import { type BootOptions, CLOCK_POLICIES, SLEW_PPM_MAX } from "./options.ts";
import { mustCapture } from "./recall.ts";
import { STDERR, STDOUT } from "./rings.ts";
import { InputPump, type OutputOption, OutputPump } from "./streams.ts";

const PAGE_BYTES = 0x10000;

function createMemory(image: Image, name: string, bytesMax: number | undefined): WebAssembly.Memory {
  const { minimumPages, maximumPages } = image.info.memory;
  const maximum = Math.min(maximumPages, bytesMax === undefined ? maximumPages : Math.floor(bytesMax / PAGE_BYTES));
  if (maximum < minimumPages) {
    const message = `guest ${name} needs ${minimumPages * PAGE_BYTES} bytes of memory at boot, memoryBytesMax is ${bytesMax}`;
    throw new StillpointError("SP_LIMIT", message);
  }
  try {
    return new WebAssembly.Memory({ initial: minimumPages, maximum, shared: true });
  } catch (cause) {
    const message = `no memory of ${minimumPages} to ${maximum} pages can be had for guest ${name}`;
    throw new StillpointError("SP_LIMIT", message, { cause });
  }
}

/** The image itself, or its twin with the passes that this boot needs. */
async function imageFor(
  image: Image,
  { track, plainPolls, signal }: { track: BootOptions["track"]; plainPolls: boolean; signal: AbortSignal | undefined },
): Promise<Image> {
  const { options } = image.info;
  const twin = twinOf(image, {
    track: track === "marks" ? "marks" : options.track,
    polls: plainPolls ? options.polls : "atomic",
  });
  if (signal === undefined) return twin;
  // Others may wait for the same twin: it is made, whoever gives up.
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([twin, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function modeOf(output: OutputOption): OutputMode {
  return output === "ignore" ? "ignore" : "ring";
}

/** What a function import answers when nobody looks at the answer, by the type that the image's description gives. */
function zeroOf({ type }: Image["info"]["imports"][number]): unknown {
  const results = type?.split("-> (")[1]?.replace(")", "") ?? "";
  const zeros =
    results === "" ? [] : results.split(", ").map((one) => (one === "i64" ? 0n : one.includes("ref") ? null : 0));
  return zeros.length > 1 ? zeros : zeros[0];
}

/** Whether the program asks for notices by import. */
function asksForNotices(image: Image): boolean {
  return image.info.imports.some(({ module, kind }) => module === IMPORT_MODULE && kind === "function");
}

/** What the owner of a guest tells it and hears from it. */
export interface NoticeLine {
  /** Of the guest's set. Asked for only if the guest can read it. */
  board(): BoardMemory;
  approve(ids: readonly string[]): void;
}

/** The host's part of it. A guest that was booted into no set finds nothing that it did not ask for. */
function noticesFor(image: Image, { set, preopens = {} }: BootOptions, line: NoticeLine): HostData["notices"] {
  const files = set !== undefined;
  if (files && Object.keys(preopens).some((path) => path.replace(/\/+$/, "") === NOTICE_DIRECTORY)) {
    const message = `${NOTICE_DIRECTORY} is where a guest of a set finds its notices; preopens cannot have it`;
    throw invalid(message);
  }
  return files || asksForNotices(image) ? { board: line.board(), files } : undefined;
}

/** Boots a guest whose options have been checked. `created` hears of it before anything of it runs. */
export async function bootGuest(
  given: Image,
  options: BootOptions,
  {
    platform,
    plainPolls,
    makers,
    notices,
    created,
  }: {
    platform: Platform;
    plainPolls: boolean;
    /** Guests of an image share its continuations. */
    makers: Makers;
    notices: NoticeLine;
    created(guest: Guest): void;
  },
): Promise<Guest> {
  const { name, signal, stdin = "ignore", stdout = "ignore", stderr = "ignore" } = options;
  if (!(given instanceof Image)) {
    throw invalid("boot needs an Image: prepare() the module, or Image.open() a stored image");
  }
  signal?.throwIfAborted();
  const [assets, found, image] = await Promise.all([
    loadAssets(),
    readDirectories(options.preopens ?? {}),
    imageFor(given, { track: options.track, plainPolls, signal }),
  ]);
  if (options.tierUp === true) mustCapture(image, name);
  const ground = await groundOf(image, makers);
  signal?.throwIfAborted();

  const memory = createMemory(image, name, options.memoryBytesMax);
  const ledger = createLedger({ pageShift: Math.log2(image.info.options.pageBytes), host: FIRST_HOST });
  const core = attachCore(assets.core, ledger, ownerSide(platform.nowNs));
  const policy = options.monotonicClock ?? "include";
  core.startClock(CLOCK_POLICIES.indexOf(policy), options.slewPpmMax ?? SLEW_PPM_MAX);
  const guestMemory = new GuestMemory(memory, core);
  const common: Omit<HostData, "host" | "role" | "services" | "module" | "continuations"> = {
    guest: name,
    style: image.info.style,
    memory,
    memoryImport: { module: image.info.memory.importModule, name: image.info.memory.importName },
    ledger,
    core: assets.core,
    movable: image.info.options.capture,
    changedTables: changedTables(image),
    zeros: image.info.imports.map(zeroOf),
    args: options.args ?? [],
    env: options.env ?? {},
    ...found,
    notices: noticesFor(image, options, notices),
    stdout: modeOf(stdout),
    stderr: modeOf(stderr),
    terminals: [
      stdin === "inherit" && platform.isTerminal(0),
      stdout === "inherit" && platform.isTerminal(1),
      stderr === "inherit" && platform.isTerminal(2),
    ],
  };
  const guest = new Guest({
    name,
    ground,
    groundFor: async (track) => groundOf(await twinOf(image, { ...image.info.options, track }), makers),
    platform,
    core,
    ledger,
    memory: guestMemory,
    freezing: new Freezing(name, core, ledger, {
      nowNs: platform.nowNs,
      memory: guestMemory,
      excludes: policy !== "include",
      mayBlock: platform.mayBlock,
    }),
    track: options.track ?? "none",
    trackers: { core, ledger, memory, pageBytes: image.info.options.pageBytes, scan: assets.scan },
    stdin: new InputPump(core, ledger, stdin, platform),
    stdout: new OutputPump(core, ledger, STDOUT, stdout, platform),
    stderr: new OutputPump(core, ledger, STDERR, stderr, platform),
    callQueueMax: options.callQueueMax ?? CALL_QUEUE_MAX,
    services: options.services?.href,
    approve: notices.approve,
    tierUp: options.tierUp,
    spawn: (host, { module, maker }, events) => {
      const data: HostData = { ...common, ...host, module, continuations: maker.modules };
      return platform.spawn(platform.workers.host, { name: `stillpoint ${name}`, data }, events);
    },
  });
  created(guest);

  const abort = (): void => void guest.terminate();
  signal?.addEventListener("abort", abort);
  try {
    await guest.start();
    signal?.throwIfAborted();
    return guest;
  } catch (error) {
    await guest.terminate();
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
