/** What the core needs of the thread it runs in; imported as module "host". */

/** Number of the host that this thread is; 0 on the owner's side, which never runs the guest. */
export declare const number: u32;

/** Process-wide monotonic time, ns: the same for every thread. */
export declare function now(): i64;

/** Called when this host finds that the guest is no longer its own. Throws, so that no guest instruction follows. */
export declare function lost(): void;

/** memory.atomic.wait32 and wait64 of a program with shared memory, done outside, because the core cannot see that memory. */
export declare function wait32(address: u32, expected: i32, timeoutNs: i64): i32;
export declare function wait64(address: u32, expected: i64, timeoutNs: i64): i32;
