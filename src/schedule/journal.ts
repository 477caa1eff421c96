/**
 * The journal: what a process after this one has to know, kept where the user says. It is appended to and never changed; an entry is
 * on disk before what it says is acted upon. What entries mean is written in history.ts. One line each:
 *
 *   16 digits of the SHA-256 of the JSON ▏ its length in bytes ▏ the JSON
 *
 * A process that dies in the middle of a write leaves a torn last line. That was not acted upon, so it is cut off. A line that
 * is not what its head says, with a sound one behind it, is damage that nobody here can judge: the journal is refused.
 *
 * A write that fails is taken back, and the next one may succeed: space can be made on a full disk. After a sync that failed nobody
 * knows what is on disk, so nothing is written any more.
 *
 * Writes block. They are few, between impacts and not during them, and what comes next has to wait for them anyway.
 *
 * Guests die with their process. So the next one resumes nothing: it boots from what was committed, tells of waves that began and did
 * not end until a later one begins, and serves incarnations above any that was reserved.
 */

import { StillpointError } from "../errors.ts";
import { sha256 } from "../wasm/sha256.ts";
import { type AtDomain, type Began, broughtBy, type Entry, History, type InterruptedWave } from "./history.ts";

/** A file that one process appends to. All of it blocks, and throws what the system says. */
export interface JournalFile {
  /** All of it. */
  read(): Uint8Array;
  append(bytes: Uint8Array): void;
  /** What was appended is on disk when this returns. */
  sync(): void;
  /** Leaves so many bytes, on disk too. */
  truncate(bytes: number): void;
  /** Lets other processes have it. Again changes nothing. */
  close(): void;
}

/** A wave that has not ended, as far as the entries say. */
interface Standing {
  readonly began: Began;
  readonly committed: number[];
  underWay: number | undefined;
  /** It is of a process before this one. */
  past: boolean;
}

const FORMAT = 1;
const NEWLINE = 0x0a;
/** Incarnations reserved at once: a write in so many changes. */
const RESERVE_COUNT = 1024;

export class Journal extends History {
  readonly #standing = new Map<string, Standing>();
  #reserved = 0;
  readonly #file: JournalFile;
  /** Bytes of it that are sound. */
  #bytes = 0;
  #broken: StillpointError | undefined;

  /**
   * Reads what is there, and notes that a process begins. The file is the journal's from here on, to close.
   *
   * @throws {StillpointError} SP_JOURNAL_INVALID, SP_JOURNAL_FAILED
   */
  constructor(file: JournalFile, nowMs: number = Date.now()) {
    super();
    this.#file = file;
    try {
      this.#read(file);
      this.write({ type: "opened", format: FORMAT, atMs: nowMs });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #read(file: JournalFile): void {
    let bytes: Uint8Array;
    try {
      bytes = file.read();
    } catch (cause) {
      throw new StillpointError("SP_JOURNAL_FAILED", `the journal could not be read: ${String(cause)}`, { cause });
    }
    let unsound: number | undefined;
    for (let start = 0, line = 1; start < bytes.length; line++) {
      const newline = bytes.indexOf(NEWLINE, start);
      const entry = newline < 0 ? undefined : decoded(bytes.subarray(start, newline));
      if (entry === undefined) unsound ??= line;
      else if (unsound !== undefined) {
        throw new StillpointError(
          "SP_JOURNAL_INVALID",
          `line ${unsound} of the journal is damaged, and others follow it`,
        );
      } else {
        if (entry.type === "opened" && entry.format !== FORMAT) {
          throw new StillpointError("SP_JOURNAL_INVALID", `the journal has format ${entry.format}, known is ${FORMAT}`);
        }
        this.#apply(entry);
        this.#bytes = newline + 1;
      }
      if (newline < 0) break;
      start = newline + 1;
    }
    if (this.#bytes < bytes.length) this.#trying(() => file.truncate(this.#bytes));
  }

  /**
   * Writes an entry down; when this returns, it is on disk.
   *
   * @throws {StillpointError} SP_JOURNAL_FAILED: it is not written, or nobody knows
   */
  override write(entry: Entry): void {
    if (this.#broken !== undefined) throw this.#broken;
    const file = this.#file;
    const line = encoded(entry);
    this.#trying(() => {
      try {
        file.append(line);
      } catch (error) {
        file.truncate(this.#bytes);
        throw error;
      }
    });
    try {
      this.#trying(() => file.sync());
    } catch (error) {
      this.#broken = error as StillpointError;
      throw error;
    }
    this.#bytes += line.length;
    this.#apply(entry);
  }

  #trying(work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw new StillpointError("SP_JOURNAL_FAILED", `the journal could not be written: ${String(cause)}`, { cause });
    }
  }

  #apply(entry: Entry): void {
    super.write(entry);
    switch (entry.type) {
      case "opened":
        for (const standing of this.#standing.values()) standing.past = true;
        return;
      case "reserved":
        this.#reserved = Math.max(this.#reserved, entry.incarnation);
        return;
      case "began":
        for (const [wave, { past }] of this.#standing) if (past) this.#standing.delete(wave);
        this.#standing.set(entry.wave, { began: entry, committed: [], underWay: undefined, past: false });
        return;
      case "ended":
        this.#standing.delete(entry.wave);
        return;
      default:
        turned(this.#standing.get(entry.wave)!, entry);
    }
  }

  override get interrupted(): readonly InterruptedWave[] {
    const past = [...this.#standing.values()].filter((standing) => standing.past);
    return past.map(({ began, committed, underWay }) => ({
      wave: began.wave,
      kind: began.kind,
      ...broughtBy(began),
      startedAt: new Date(began.atMs),
      committed,
      ...(underWay !== undefined && { underWay }),
      memoryLost: true,
    }));
  }

  override get firstIncarnation(): number {
    return this.#reserved + 1;
  }

  /**
   * Makes it durable that incarnations up to this one, and some more, may be served. When it cannot be written, incarnations
   * are served all the same, because readers are owed a document; nothing else is written from then on.
   */
  override reserve(incarnation: number): void {
    if (incarnation <= this.#reserved) return;
    try {
      this.write({ type: "reserved", incarnation: incarnation + RESERVE_COUNT });
    } catch (error) {
      this.#broken ??= error as StillpointError;
    }
  }

  /** Lets others write. */
  override close(): void {
    this.#broken ??= new StillpointError("SP_JOURNAL_FAILED", "the journal is closed");
    this.#file.close();
  }
}

function turned(standing: Standing, entry: Extract<Entry, AtDomain>): void {
  standing.underWay = entry.type === "started" ? entry.updateDomain : undefined;
  if (entry.type === "committed") standing.committed.push(entry.updateDomain);
}

function digest(json: Uint8Array): string {
  return sha256(json).slice(0, 16);
}

function encoded(entry: Entry): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(entry));
  const head = new TextEncoder().encode(`${digest(json)} ${json.length} `);
  const line = new Uint8Array(head.length + json.length + 1);
  line.set(head);
  line.set(json, head.length);
  line[line.length - 1] = NEWLINE;
  return line;
}

/** The entry in a line, or undefined if the line is not sound. */
function decoded(line: Uint8Array): Entry | undefined {
  const head = /^([0-9a-f]{16}) (\d{1,9}) /.exec(new TextDecoder("latin1").decode(line.subarray(0, 28)));
  if (head === null) return undefined;
  const json = line.subarray(head[0].length);
  if (json.length !== Number(head[2]) || digest(json) !== head[1]) return undefined;
  return JSON.parse(new TextDecoder().decode(json)) as Entry;
}
