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
 * Without a file the same is kept in memory alone.
 */

import { StillpointError } from "../errors.ts";
import type { JournalFile } from "../platform/platform.ts";
import { sha256 } from "../wasm/sha256.ts";
import { type Entry, FORMAT, History } from "./history.ts";

const NEWLINE = 0x0a;

export class Journal {
  readonly history: History = new History();
  readonly #file: JournalFile | undefined;
  /** Bytes of it that are sound. */
  #bytes = 0;
  #broken: StillpointError | undefined;

  /**
   * Reads what is there, and notes that a process begins. The file is the journal's from here on, to close.
   *
   * @throws {StillpointError} SP_JOURNAL_INVALID, SP_JOURNAL_FAILED
   */
  constructor(file?: JournalFile, nowMs: number = Date.now()) {
    this.#file = file;
    try {
      if (file !== undefined) this.#read(file);
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
        this.history.apply(entry);
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
  write(entry: Entry): void {
    const file = this.#file;
    if (file !== undefined) {
      if (this.#broken !== undefined) throw this.#broken;
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
    }
    this.history.apply(entry);
  }

  #trying(work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw new StillpointError("SP_JOURNAL_FAILED", `the journal could not be written: ${String(cause)}`, { cause });
    }
  }

  /**
   * Makes it durable that incarnations up to this one may be served. When it cannot be written, incarnations are served all the same,
   * because readers are owed a document; nothing else is written from then on.
   */
  reserve(incarnation: number): void {
    try {
      this.write({ type: "reserved", incarnation });
    } catch (error) {
      this.#broken ??= error as StillpointError;
    }
  }

  /** Lets others write. */
  close(): void {
    this.#broken ??= new StillpointError("SP_JOURNAL_FAILED", "the journal is closed");
    this.#file?.close();
  }
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
