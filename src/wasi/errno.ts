/**
 * Error numbers of WASI preview 1. They are the POSIX names in alphabetical order, with one of its own at the end.
 */

// biome-ignore format: the position of a name is its number.
const NAMES = [
  "SUCCESS", "2BIG", "ACCES", "ADDRINUSE", "ADDRNOTAVAIL", "AFNOSUPPORT", "AGAIN", "ALREADY", "BADF", "BADMSG",
  "BUSY", "CANCELED", "CHILD", "CONNABORTED", "CONNREFUSED", "CONNRESET", "DEADLK", "DESTADDRREQ", "DOM", "DQUOT",
  "EXIST", "FAULT", "FBIG", "HOSTUNREACH", "IDRM", "ILSEQ", "INPROGRESS", "INTR", "INVAL", "IO", "ISCONN", "ISDIR",
  "LOOP", "MFILE", "MLINK", "MSGSIZE", "MULTIHOP", "NAMETOOLONG", "NETDOWN", "NETRESET", "NETUNREACH", "NFILE",
  "NOBUFS", "NODEV", "NOENT", "NOEXEC", "NOLCK", "NOLINK", "NOMEM", "NOMSG", "NOPROTOOPT", "NOSPC", "NOSYS",
  "NOTCONN", "NOTDIR", "NOTEMPTY", "NOTRECOVERABLE", "NOTSOCK", "NOTSUP", "NOTTY", "NXIO", "OVERFLOW", "OWNERDEAD",
  "PERM", "PIPE", "PROTO", "PROTONOSUPPORT", "PROTOTYPE", "RANGE", "ROFS", "SPIPE", "SRCH", "STALE", "TIMEDOUT",
  "TXTBSY", "XDEV", "NOTCAPABLE",
] as const;

export type ErrnoName = `E${(typeof NAMES)[number]}`;

const NUMBERS: ReadonlyMap<string, number> = new Map(NAMES.map((name, number) => [`E${name}`, number]));

export const SUCCESS = 0;

export function errno(name: ErrnoName): number {
  return NUMBERS.get(name)!;
}

/** A call's failure as the guest will see it. No Error: programs look for files that are not there by the thousand. */
export class Fault {
  readonly code: ErrnoName;
  constructor(code: ErrnoName) {
    this.code = code;
  }
}

/** The number for what was thrown on the way, or undefined if that is no failure of a call but one of ours or a signal. */
export function errnoOf(thrown: unknown): number | undefined {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  if (typeof code !== "string") return undefined;
  // The system's own functions refuse some arguments before the system sees them.
  if (code.startsWith("ERR_")) return errno("EINVAL");
  if (code === "EOPNOTSUPP" || code === "ENOTSUP") return errno("ENOTSUP");
  return NUMBERS.get(code) ?? (thrown instanceof Error && "syscall" in thrown ? errno("EIO") : undefined);
}

/** Whether `thrown` is the failure `name`, of ours or of the system. */
export function isFault(thrown: unknown, name: ErrnoName): boolean {
  return (thrown as { code?: unknown } | undefined)?.code === name;
}
