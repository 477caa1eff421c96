/**
 * Host copy of the ledger's layout. assembly/ledger.ts is the page that explains it; test/assembly/ledger.test.ts compares
 * every name here with what the core's debug build exports. Imports nothing.
 */

export const ABI_MAGIC = 0x4c505331;
export const ABI_VERSION = 1;

export const OFF_MAGIC = 0;
export const OFF_VERSION = 4;
export const OFF_PAGE_SHIFT = 8;

export const OFF_HINT = 0x40;
export const OFF_UNWINDING = 0x44;
export const OFF_FRAMES_TOP = 0x48;
export const OFF_PINNED = 0x4c;
export const OFF_GLIMPSE = 0x50;

export const OFF_RUN = 0x80;
export const OFF_FOUND = 0x84;
export const OFF_HOLDS = 0x88;
export const OFF_EPOCH = 0x8c;
export const OFF_WOKEN = 0x90;
export const OFF_HOST = 0x94;
export const OFF_WANTED = 0x98;
export const OFF_BEGUN = 0x9c;
export const OFF_FROZEN_AT_NS = 0xa0;
export const OFF_RESUMED_AT_NS = 0xa8;
export const OFF_REQUESTED_AT_NS = 0xb0;

export const OFF_BELL = 0xc0;

export const OFF_POLICY = 0x100;
export const OFF_SLEW_PPM = 0x104;
export const OFF_LAG_NS = 0x108;
export const OFF_SLEW_FROM_NS = 0x110;
export const OFF_PAUSED_NS = 0x118;
export const OFF_FLOOR_NS = 0x120;
export const OFF_START_NS = 0x128;
export const OFF_WAITED_NS = 0x130;
export const OFF_WAIT_FROM_NS = 0x138;
export const OFF_WAIT_PAUSED_NS = 0x140;

export const OFF_RINGS = 0x400;
export const RING_STRIDE = 192;
export const RING_HEAD = 0;
export const RING_TAIL = 64;
export const RING_ENDED = 128;
export const RING_REFUSED = 132;
export const OFF_RING_BYTES = 0x20000;
export const RING_BYTES = 0x10000;

export const OFF_DESCRIPTORS = 0x1000;
export const DESCRIPTOR_SLOTS = 4096;

export const OFF_RUNS = 0x10000;
export const RUNS_MAX = 8192;

export const OFF_DIRTY_MAP = 0x100000;
export const DIRTY_MAP_BYTES = 0x100000;

export const OFF_FRAMES = 0x200000;
export const FRAMES_BYTES = 0x1000000;

/** Size of a ledger, in 64 KiB pages. */
export const LEDGER_PAGES = 288;

/** In `wanted`. */
export const LEAVING = 0x7fffffff;

export const STATE_BITS = 3;
export const STATE_MASK = 7;
export const IDLE = 0;
export const WAITING = 1;
export const RUNNING = 2;
export const FREEZING = 3;
export const FROZEN = 4;
export const ENDED = 5;

// ---- names that a prepared module and its host agree on; no guest of others uses a colon like this ----

/** Module name of what the preparer imports. */
export const IMPORT_MODULE = "stillpoint";
/** Memory 0, where the original defined it or had none. An original that imports its memory keeps that import's names. */
export const IMPORT_MEMORY = "memory";
/** Memory 1. */
export const IMPORT_LEDGER = "ledger";
/** Functions of the same module that a program may import by itself: see guest/notice-calls.ts. */
export const IMPORT_EVENTS_READ = "events_read";
export const IMPORT_EVENTS_APPROVE = "events_approve";
/** All names of what the preparer exports begin like this. */
export const EXPORT_PREFIX = "stillpoint:";
/** Exported function: copies data segments, then runs the original's start function. Called once, at boot. */
export const EXPORT_BOOT = "stillpoint:boot";
/** Exported table of functions that guest code calls out of line; the host fills it before boot. */
export const EXPORT_SLOW = "stillpoint:slow";
/** Prefix of the exports of mutable globals that the original does not export: `stillpoint:global:INDEX`. */
export const EXPORT_GLOBAL = "stillpoint:global:";
/** With capture, functions () -> (): copy the mutable globals to a frame of their own and back; drop what boot would have dropped. */
export const EXPORT_SAVE = "stillpoint:save";
export const EXPORT_LOAD = "stillpoint:load";
export const EXPORT_DROP = "stillpoint:drop";
/** With capture: a table of all functions, by index, and the prefixes of the exports of globals (as above), tables and tags. */
export const EXPORT_FUNCTIONS = "stillpoint:functions";
export const EXPORT_TABLE = "stillpoint:table:";
export const EXPORT_TAG = "stillpoint:tag:";
/** Entries of the slow table: () -> (), (address, expected, timeoutNs) -> result as memory.atomic.wait32 / wait64. */
export const SLOW_POLL = 0;
export const SLOW_WAIT32 = 1;
export const SLOW_WAIT64 = 2;
export const SLOW_COUNT = 3;
/** Custom section with what was done to the module, as JSON. */
export const SECTION_INFO = "stillpoint";
/** Custom section at the very end: the original module, byte for byte. */
export const SECTION_ORIGINAL = "stillpoint.original";

/** A dirty page covers its own bytes and this many that follow: offsets are merged in groups of 256, a store has up to 16 bytes. */
export const DIRTY_SLACK_BYTES = 272;
