/**
 * Numbers of WASI preview 1: rights, flags, and the sizes of structures in guest memory. Field offsets stand where they are
 * used. Rights are 64-bit words in memory, but all that exist fit in 30 bits, so they are numbers here.
 */

export const FD_DATASYNC: number = 1 << 0;
export const FD_READ: number = 1 << 1;
export const FD_SEEK: number = 1 << 2;
export const FD_FDSTAT_SET_FLAGS: number = 1 << 3;
export const FD_SYNC: number = 1 << 4;
export const FD_TELL: number = 1 << 5;
export const FD_WRITE: number = 1 << 6;
export const FD_ADVISE: number = 1 << 7;
export const FD_ALLOCATE: number = 1 << 8;
export const PATH_CREATE_DIRECTORY: number = 1 << 9;
export const PATH_CREATE_FILE: number = 1 << 10;
export const PATH_LINK_SOURCE: number = 1 << 11;
export const PATH_LINK_TARGET: number = 1 << 12;
export const PATH_OPEN: number = 1 << 13;
export const FD_READDIR: number = 1 << 14;
export const PATH_READLINK: number = 1 << 15;
export const PATH_RENAME_SOURCE: number = 1 << 16;
export const PATH_RENAME_TARGET: number = 1 << 17;
export const PATH_FILESTAT_GET: number = 1 << 18;
export const PATH_FILESTAT_SET_SIZE: number = 1 << 19;
export const PATH_FILESTAT_SET_TIMES: number = 1 << 20;
export const FD_FILESTAT_GET: number = 1 << 21;
export const FD_FILESTAT_SET_SIZE: number = 1 << 22;
export const FD_FILESTAT_SET_TIMES: number = 1 << 23;
export const PATH_SYMLINK: number = 1 << 24;
export const PATH_REMOVE_DIRECTORY: number = 1 << 25;
export const PATH_UNLINK_FILE: number = 1 << 26;
export const POLL_FD_READWRITE: number = 1 << 27;

export const RIGHTS_ALL: number = (1 << 30) - 1;

/** What one can do with bytes, one after the other. */
export const RIGHTS_STREAM: number = FD_READ | FD_WRITE | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;

export const RIGHTS_FILE: number =
  RIGHTS_STREAM |
  FD_DATASYNC |
  FD_SEEK |
  FD_SYNC |
  FD_TELL |
  FD_ADVISE |
  FD_ALLOCATE |
  FD_FILESTAT_SET_SIZE |
  FD_FILESTAT_SET_TIMES;

/** A device or pipe: a stream, with a position that it may not have. */
export const RIGHTS_SPECIAL: number = RIGHTS_STREAM | FD_DATASYNC | FD_SYNC | FD_FILESTAT_SET_TIMES;

/** All that names something, and nothing that reads or writes bytes: programs tell a directory from a file by this. */
export const RIGHTS_DIRECTORY: number =
  RIGHTS_ALL & ~(FD_READ | FD_WRITE | FD_SEEK | FD_TELL | FD_ALLOCATE | FD_FILESTAT_SET_SIZE);

/** All that changes something, be it bytes, names or times; a link from elsewhere would be a way around. */
export const RIGHTS_CHANGE: number =
  FD_WRITE |
  FD_ALLOCATE |
  FD_FILESTAT_SET_SIZE |
  FD_FILESTAT_SET_TIMES |
  PATH_CREATE_DIRECTORY |
  PATH_CREATE_FILE |
  PATH_LINK_SOURCE |
  PATH_LINK_TARGET |
  PATH_RENAME_SOURCE |
  PATH_RENAME_TARGET |
  PATH_FILESTAT_SET_SIZE |
  PATH_FILESTAT_SET_TIMES |
  PATH_SYMLINK |
  PATH_REMOVE_DIRECTORY |
  PATH_UNLINK_FILE;

export const FDFLAGS_APPEND = 1;
export const FDFLAGS_DSYNC = 2;
export const FDFLAGS_NONBLOCK = 4;
export const FDFLAGS_RSYNC = 8;
export const FDFLAGS_SYNC = 16;
export const FDFLAGS_ALL = 31;

export const OFLAGS_CREAT = 1;
export const OFLAGS_DIRECTORY = 2;
export const OFLAGS_EXCL = 4;
export const OFLAGS_TRUNC = 8;
export const OFLAGS_ALL = 15;

export const LOOKUP_SYMLINK_FOLLOW = 1;

export const FSTFLAGS_ATIM = 1;
export const FSTFLAGS_ATIM_NOW = 2;
export const FSTFLAGS_MTIM = 4;
export const FSTFLAGS_MTIM_NOW = 8;

export const WHENCE_SET = 0;
export const WHENCE_CUR = 1;
export const WHENCE_END = 2;

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_PROCESS_CPUTIME = 2;
export const CLOCK_THREAD_CPUTIME = 3;

export const EVENT_CLOCK = 0;
export const EVENT_FD_READ = 1;
export const EVENT_FD_WRITE = 2;

export const SUBCLOCK_ABSTIME = 1;
export const EVENT_HANGUP = 1;

export const IOVEC_BYTES = 8;
export const FDSTAT_BYTES = 24;
export const FILESTAT_BYTES = 64;
export const PRESTAT_BYTES = 8;
export const DIRENT_BYTES = 24;
export const SUBSCRIPTION_BYTES = 48;
export const EVENT_BYTES = 32;
