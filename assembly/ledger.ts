/**
 * Ledger, ABI version 1: how host and guest agree on one guest's state.
 *
 * The ledger is the linear memory of this core and memory 1 of a prepared guest: shared, one for each guest, little-endian.
 * Guest code written by others cannot name it. Every thread that deals with the guest instantiates this core on it, so
 * nothing may live in the core itself: no global, no heap, no data segment. All state is at the addresses below.
 *
 *   address   bytes     what
 *   0x000000      64    Identity     who made this ledger; written once, before any other thread sees it
 *   0x000040      64    Guest code   what prepared code itself reads and writes, with plain loads and stores
 *   0x000080      64    Safepoint    the state word and what belongs to the handshake
 *   0x0000c0      64    Doorbell     what a waiting guest waits on
 *   0x000100     128    Clock        what the guest's clocks read
 *   0x000400   3*192    Ring         standard input, output, error: counters; the bytes are further down
 *   0x001000   16384    descriptors  one i32 for each slot: the operating system's descriptor held for the guest + 1, or 0
 *   0x010000   65536    runs         scratch for sweeps: pairs of u32, first page and page count
 *   0x020000 3*65536    ring bytes
 *   0x100000 1048576    dirty map    one byte for each tracking page: 0 clean, anything else dirty
 *   0x200000 16777216   frames       a stack that has been taken off its thread, and mutable globals
 *
 *   Identity  off  field         writer  meaning
 *               0  magic         owner   0x4c50_5331, "1SPL"
 *               4  version       owner   1. A thread that does not know the version refuses the ledger (SP_ABI_MISMATCH)
 *               8  pageShift     owner   log2 of the tracking page, 12 … 16
 *   Guest code  0  hint          owner   nonzero: call poll(). Never the truth, only a reason to look at `run`
 *               4  unwinding     host    nonzero: each frame saves itself and returns, until the thread is out of the guest
 *               8  framesTop     host    where the next frame is saved
 *              12  pinned        host    frames on this stack that cannot be saved: how many of JavaScript under guest code,
 *                                          and a number above all counts for those of the guest itself
 *              16  glimpse       both    nonzero: the owner wants to know where the guest is; the host tells, and clears it
 *   Safepoint   0  run           both    generation << 3 | 0 IDLE 1 WAITING 2 RUNNING 3 FREEZING 4 FROZEN 5 ENDED
 *               4  found         owner   the state that the freeze found, which resume() restores
 *               8  holds         owner   reasons to be frozen, pending ones included
 *              12  epoch         owner   +1 at each resume
 *              16  woken         guest   generation of the last freeze that the guest came back from, after parking
 *              20  host          owner   number of the host that may run the guest; changes only while FROZEN
 *              24  wanted        both    `run` while FROZEN and the owner wants the thread, or 0; LEAVING once it comes
 *              28  begun         host    number of the last call that it began
 *              32  frozenAtNs    *       process time at which FROZEN began; by whoever swaps it in, before the swap
 *              40  resumedAtNs   guest   process time of the first moment after parking
 *              48  requestedAtNs owner   process time of the last request
 *   Doorbell    0  bell          anyone  +1, then notify: something a waiting guest may wait for has changed
 *   Clock       0  policy        owner   0 include, 1 exclude, 2 slew
 *               4  slewPpm       owner   how much faster than true the clock may run while it catches up
 *               8  lagNs         owner   how far the guest's monotonic clock is behind the process's; changes only while FROZEN
 *              16  slewFromNs    owner   process time at which catching up began; changes only while FROZEN
 *              24  pausedNs      owner   sum of all pauses; changes only while FROZEN
 *              32  floorNs       guest   last monotonic reading given out
 *              40  startNs       owner   process time at boot
 *              48  waitedNs      guest   sum of all time spent WAITING, pauses excluded
 *              56  waitFromNs    guest   process time at which the current wait began
 *              64  waitPausedNs  guest   pausedNs at that moment
 *   Ring        0  head          producer  bytes ever written, modulo 2^32
 *              64  tail          consumer  bytes ever read, modulo 2^32
 *             128  ended         producer  nothing more will be written
 *             132  refused       consumer  nobody reads any more
 *
 * Words are touched with sequentially consistent atomics, except by their one writer where no other thread reads them at the
 * same time, and except the hint, which guest code reads plainly.
 *
 * Freeze    request(): the owner swaps IDLE or WAITING for FROZEN, or RUNNING for FREEZING, with the next generation. In the
 *           latter case it waits while FREEZING. The guest, at a safepoint, swaps FREEZING for FROZEN with the same
 *           generation, notifies, and parks while FROZEN.
 * Withdraw  withdraw(): the owner swaps FREEZING back to RUNNING; if that fails the guest is already FROZEN, or ENDED.
 * Resume    release(): the owner puts the clock right, adds 1 to epoch, stores the state that the freeze found, notifies.
 * Recall    recall(): the owner writes `wanted` and stores FROZEN with the next generation, so that no host sleeps through it.
 *           A host that can leave the guest swaps `wanted` for LEAVING and does: guest code saves its frames and returns,
 *           a service is left by a signal. The guest stays FROZEN. unrecall() takes it back, unless the host was faster.
 * Always    Only the owner leaves FROZEN. While FROZEN the guest writes nothing, so the owner may read all of its memory.
 *           A host leaves IDLE and WAITING only by compare-and-swap, before it touches guest memory, and parks if that fails.
 *           Every compare-and-swap of a host, the grant included, expects a value it read before it looked at `host`, and
 *           `host` changes only while FROZEN, which no request reaches without a new generation: so a host that lost the
 *           guest either sees that or fails its swap. It grants nothing, and reports nothing, for the guest of another.
 * ABA       A host that wakes late from freeze N, and still has the guest, finds RUNNING, or FREEZING or FROZEN with a later
 *           generation, and each of these is right to act upon as found. The owner never mistakes the answer to one request
 *           for that to another, because FROZEN echoes the generation of the request.
 * Growth    New fields use reserved bytes; moving one or changing its meaning bumps the version.
 *
 * The same handshake is written down for the model checker in test/model/, with the names of safepoint.ts.
 */

@unmanaged class Identity { magic: u32; version: u32; pageShift: u32; }
@unmanaged class Safepoint { run: u32; found: u32; holds: u32; epoch: u32; woken: u32; host: u32; wanted: u32; begun: u32; frozenAtNs: i64; resumedAtNs: i64; requestedAtNs: i64; }
@unmanaged class Clock { policy: u32; slewPpm: u32; lagNs: i64; slewFromNs: i64; pausedNs: i64; floorNs: i64; startNs: i64; waitedNs: i64; waitFromNs: i64; waitPausedNs: i64; }

export const ABI_MAGIC: u32 = 0x4c505331;
export const ABI_VERSION: u32 = 1;

export const OFF_MAGIC: u32 = offsetof<Identity>("magic");
export const OFF_VERSION: u32 = offsetof<Identity>("version");
export const OFF_PAGE_SHIFT: u32 = offsetof<Identity>("pageShift");

export const OFF_HINT: u32 = 0x40;
export const OFF_UNWINDING: u32 = 0x44;
export const OFF_FRAMES_TOP: u32 = 0x48;
export const OFF_PINNED: u32 = 0x4c;
export const OFF_GLIMPSE: u32 = 0x50;

const SAFEPOINT: u32 = 0x80;
export const OFF_RUN: u32 = SAFEPOINT + offsetof<Safepoint>("run");
export const OFF_FOUND: u32 = SAFEPOINT + offsetof<Safepoint>("found");
export const OFF_HOLDS: u32 = SAFEPOINT + offsetof<Safepoint>("holds");
export const OFF_EPOCH: u32 = SAFEPOINT + offsetof<Safepoint>("epoch");
export const OFF_WOKEN: u32 = SAFEPOINT + offsetof<Safepoint>("woken");
export const OFF_HOST: u32 = SAFEPOINT + offsetof<Safepoint>("host");
export const OFF_WANTED: u32 = SAFEPOINT + offsetof<Safepoint>("wanted");
export const OFF_BEGUN: u32 = SAFEPOINT + offsetof<Safepoint>("begun");
export const OFF_FROZEN_AT_NS: u32 = SAFEPOINT + offsetof<Safepoint>("frozenAtNs");
export const OFF_RESUMED_AT_NS: u32 = SAFEPOINT + offsetof<Safepoint>("resumedAtNs");
export const OFF_REQUESTED_AT_NS: u32 = SAFEPOINT + offsetof<Safepoint>("requestedAtNs");

export const OFF_BELL: u32 = 0xc0;

const CLOCK: u32 = 0x100;
export const OFF_POLICY: u32 = CLOCK + offsetof<Clock>("policy");
export const OFF_SLEW_PPM: u32 = CLOCK + offsetof<Clock>("slewPpm");
export const OFF_LAG_NS: u32 = CLOCK + offsetof<Clock>("lagNs");
export const OFF_SLEW_FROM_NS: u32 = CLOCK + offsetof<Clock>("slewFromNs");
export const OFF_PAUSED_NS: u32 = CLOCK + offsetof<Clock>("pausedNs");
export const OFF_FLOOR_NS: u32 = CLOCK + offsetof<Clock>("floorNs");
export const OFF_START_NS: u32 = CLOCK + offsetof<Clock>("startNs");
export const OFF_WAITED_NS: u32 = CLOCK + offsetof<Clock>("waitedNs");
export const OFF_WAIT_FROM_NS: u32 = CLOCK + offsetof<Clock>("waitFromNs");
export const OFF_WAIT_PAUSED_NS: u32 = CLOCK + offsetof<Clock>("waitPausedNs");

export const OFF_RINGS: u32 = 0x400;
export const RING_STRIDE: u32 = 192;
export const RING_HEAD: u32 = 0;
export const RING_TAIL: u32 = 64;
export const RING_ENDED: u32 = 128;
export const RING_REFUSED: u32 = 132;
export const OFF_RING_BYTES: u32 = 0x20000;
/** A power of two, so that counters may wrap; the size of a pipe's buffer on common systems. */
export const RING_BYTES: u32 = 0x10000;

export const OFF_DESCRIPTORS: u32 = 0x1000;
export const DESCRIPTOR_SLOTS: u32 = 4096;

export const OFF_RUNS: u32 = 0x10000;
export const RUNS_MAX: u32 = 8192;

export const OFF_DIRTY_MAP: u32 = 0x100000;
/** One byte for each 4096-byte page of a 4 GiB memory. */
export const DIRTY_MAP_BYTES: u32 = 0x100000;

export const OFF_FRAMES: u32 = 0x200000;
/** Enough for 100 000 frames of ordinary programs; pages that are never touched cost nothing. */
export const FRAMES_BYTES: u32 = 0x1000000;

export const LEDGER_PAGES: u32 = 288;

/** In `wanted`: the host has seen it, and comes. `run` never has this value, nor 0 while FROZEN: there is no state 7. */
export const LEAVING: u32 = 0x7fffffff;

export const STATE_BITS: u32 = 3;
export const STATE_MASK: u32 = 7;
export const IDLE: u32 = 0;
export const WAITING: u32 = 1;
export const RUNNING: u32 = 2;
export const FREEZING: u32 = 3;
export const FROZEN: u32 = 4;
export const ENDED: u32 = 5;
