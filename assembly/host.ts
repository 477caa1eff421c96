/** What the core needs of the thread it runs in; imported as module "host". */

/** Number of the host that this thread is; 0 on the owner's side, which never runs the guest. */
export declare const number: u32;

/** Process-wide monotonic time, ns: the same for every thread. */
export declare function now(): i64;

/** Called when this host finds that the guest is no longer its own. Throws, so that no guest instruction follows. */
export declare function lost(): void;
