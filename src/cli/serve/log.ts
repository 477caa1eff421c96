/**
 * What a long-running process says of itself: on standard error, one JSON object a line for machines, one sentence a line for a person at
 * a terminal. Standard output belongs to the guests.
 */

import { styleText } from "node:util";

export type Level = "info" | "warn" | "error";
type Fields = Readonly<Record<string, unknown>>;

const STYLES = { info: "dim", warn: "yellow", error: "red" } as const;

export class Log {
  readonly #out: NodeJS.WriteStream;
  readonly #human: boolean;

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out;
    this.#human = out.isTTY === true;
    // Whoever read the log has gone; the guests have not.
    out.on("error", () => undefined);
  }

  info(message: string, fields: Fields = {}): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields: Fields = {}): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields: Fields = {}): void {
    this.#write("error", message, fields);
  }

  #write(level: Level, message: string, fields: Fields): void {
    const time = new Date().toISOString();
    if (!this.#human) {
      this.#out.write(`${JSON.stringify({ time, level, message, ...fields })}\n`);
      return;
    }
    const details = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`);
    const stamp = styleText(STYLES[level], time.slice(11, 19), { stream: this.#out });
    this.#out.write(`${stamp} ${message}${styleText("dim", details.join(""), { stream: this.#out })}\n`);
  }
}

function plain(value: unknown): string {
  return typeof value === "string" && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
}

/** The fields of an error that somebody who looks for it needs. */
export function fieldsOf(error: unknown): Fields {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return { ...(typeof code === "string" && { code }), error: typeof message === "string" ? message : String(error) };
}
