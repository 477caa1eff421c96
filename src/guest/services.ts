/** The contract of a services module: JavaScript that runs in the host beside the guest. It is trusted code. */

/** What a services module is given. */
export interface ServicesHost {
  readonly guest: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The guest's memory: shared, so views of it become stale when it grows. */
  readonly memory: WebAssembly.Memory;
  /** The guest's exports; valid once it is instantiated, so not inside attach(). Not to be cached. */
  readonly exports: WebAssembly.Exports;
  readonly clock: { wallMs(): number; monotonicMs(): number };
  /**
   * Waits inside a call from the guest, so that the guest can be frozen meanwhile at no cost: until the guest's monotonic
   * clock reads `untilMs`, or until `wake.words[wake.index]` is no longer `wake.value` and somebody notified it.
   *
   * A guest that is handed over in here issues its call again in the next host. The first wait of that call still ends when
   * this one would have, whatever `untilMs` says by then: trust the answer "elapsed", not a clock read beside it.
   */
  wait(options: { untilMs?: number; wake?: { words: Int32Array; index: number; value: number } }): "woken" | "elapsed";
  /** Records a write made into guest memory from JavaScript, for the dirty map. */
  mark(range: { ptr: number; bytes: number }): void;
}

/** What a services module answers. */
export interface Services {
  /** Laid over WASI preview 1, which is there unasked. */
  imports: WebAssembly.Imports;
  /** What guest.call(name) finds before the guest's exports. Synchronous; results must be structured-cloneable. */
  calls?: Record<string, (...args: any[]) => unknown>;
  /**
   * Takes over what an earlier version's snapshot() gave, or undefined at first boot. Synchronous and short. It may come once more
   * with a newer state, in place of the one before, as long as the guest has not run here.
   */
  restore?(state: unknown): void;
  /**
   * What the next version goes on from; structured-cloneable; changes and closes nothing. Short: it is asked in the blackout, and at
   * the end of each call, for the case that the host dies before the next.
   */
  snapshot?(): unknown;
  /** Asked after restore, before the guest's first instruction, and later while the guest is frozen. Synchronous and short. */
  healthy?(): boolean;
  /** The only place that closes things. */
  dispose?(reason: "replaced" | "abandoned" | "exited"): void;
}

/** The default export of a services module. May be slow: the guest is not touched meanwhile. */
export type Attach = (host: ServicesHost) => Services | Promise<Services>;
