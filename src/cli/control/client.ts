/** The other end of the control API (serve/api.ts): requests to a running `stillpoint serve`, and its refusals as exit codes. */

import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { CommandError, STATUS } from "../exit-status.ts";

export interface ControlOptions {
  readonly socket: string;
  readonly json?: true;
}

/** Of a refusal that is about what was asked for, and of one that is about the moment or the fleet. */
const REFUSED_FROM = 400;
const FAILED_FROM = 500;

export class Client {
  readonly #socket: string;

  constructor({ socket }: ControlOptions) {
    this.#socket = socket;
  }

  get<T>(path: string): Promise<T> {
    return this.#json("GET", path);
  }

  post<T>(path: string, body: object = {}): Promise<T> {
    return this.#json("POST", path, body);
  }

  delete<T>(path: string): Promise<T> {
    return this.#json("DELETE", path);
  }

  async text(path: string): Promise<string> {
    return text(await this.#ask("GET", path));
  }

  /** Lines of JSON as they come. */
  async *lines<T>(path: string): AsyncGenerator<T, void, undefined> {
    let rest = "";
    for await (const chunk of (await this.#ask("GET", path)).setEncoding("utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as T;
    }
  }

  async #json<T>(method: string, path: string, body?: object): Promise<T> {
    return JSON.parse(await text(await this.#ask(method, path, body))) as T;
  }

  async #ask(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({ socketPath: this.#socket, method, path, headers: { Connection: "close" } }, resolve);
      asked.on("error", (error: NodeJS.ErrnoException) => {
        const absent = error.code === "ENOENT" || error.code === "ECONNREFUSED";
        const why = absent ? `no stillpoint serve is running at ${this.#socket}` : `${this.#socket}: ${error.message}`;
        reject(new CommandError(why, STATUS.unreachable));
      });
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
    const { statusCode = FAILED_FROM } = response;
    if (statusCode < REFUSED_FROM) return response;
    const { error } = JSON.parse(await text(response)) as { error: { code: string; message: string } };
    const status = statusCode < FAILED_FROM ? STATUS.refused : STATUS.failed;
    throw new CommandError(`${error.code}: ${error.message}`, status);
  }
}

/** A command that controls a fleet: with the options that all of them have. */
export function addControl(program: Command, name: string, summary: string): Command {
  return program
    .command(name)
    .summary(summary)
    .addOption(
      new Option("--socket <path>", "where the fleet is controlled")
        .env("STILLPOINT_SOCKET")
        .default("stillpoint.sock"),
    )
    .option("--json", "print JSON");
}

/** What the help of each of them ends with. */
export const EXITS = `
Ends with 0 if all was done, or with
    1  it failed; the reason is said
    2  the command line is wrong
    3  no fleet is served at the socket
    4  it was refused: no such thing, or not now`;

export function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A part of a path that somebody typed. */
export function part(name: string): string {
  return encodeURIComponent(name);
}
