/** A fleet served by the built command, in a directory of its own: started, listened to, asked, ended. */

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Outcome, scratch, start, stillpoint, writeWat } from "./command.ts";

/** A reactor that asks its services which they are, and counts. */
const CLERK = `(module
  (import "env" "version" (func $version (result i32)))
  (memory (export "memory") 1)
  (func (export "bump") (result i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (i32.load (i32.const 0)))
  (func (export "spin") (loop $again (br $again)))
  (func (export "version") (result i32) (call $version)))`;

/** Services by version; the third is sick, and to attach the fourth takes as long as a test may want. */
const SERVICES: Readonly<Record<string, string>> = {
  v1: "export default () => ({ imports: { env: { version: () => 1 } } });",
  v2: "export default () => ({ imports: { env: { version: () => 2 } } });",
  sick: "export default () => ({ imports: { env: { version: () => 3 } }, healthy: () => false });",
  slow: `export default async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return { imports: { env: { version: () => 4 } } };
  };`,
};

/** A directory with what guests need. */
export function fleetDirectory(): string {
  const directory = scratch();
  writeWat(join(directory, "clerk.wasm"), CLERK);
  for (const [name, source] of Object.entries(SERVICES)) writeFileSync(join(directory, `${name}.mjs`), source);
  return directory;
}

/** A fleet outlives many commands. */
const LIMIT_MS = 240_000;

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export class Served {
  readonly directory: string;
  readonly child: ChildProcessWithoutNullStreams;
  readonly log: LogLine[] = [];
  /** What guests and others write to its standard output. */
  output = "";
  readonly #heard = new Set<() => void>();
  readonly exit: Promise<number | string>;

  private constructor(directory: string, file: string) {
    this.directory = directory;
    this.child = start(["serve", join(directory, file)], {}, LIMIT_MS);
    createInterface(this.child.stderr).on("line", (line) => {
      this.log.push(line.startsWith("{") ? JSON.parse(line) : { level: "said", message: line });
      for (const heard of this.#heard) heard();
    });
    this.child.stdout.on("data", (chunk: Buffer) => {
      this.output += chunk;
      for (const heard of this.#heard) heard();
    });
    this.exit = once(this.child, "close").then(([status, signal]) => {
      for (const heard of this.#heard) heard();
      return status ?? signal;
    });
  }

  /** Resolves when the fleet is served. */
  static async start(directory: string, configuration: object, file = "fleet.json"): Promise<Served> {
    writeFileSync(join(directory, file), JSON.stringify(configuration, undefined, 2));
    const served = new Served(directory, file);
    await served.until(() => served.log.some(({ message }) => message === "serving"));
    return served;
  }

  /** Waits for something to show in log or output. Fails when the process ends without it. */
  async until(met: () => boolean): Promise<void> {
    while (!met()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#heard.add(resolve);
      await promise;
      this.#heard.delete(resolve);
      if (met()) return;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`serve has ended: ${JSON.stringify(this.log.slice(-3))}`);
      }
    }
  }

  said(message: string): LogLine | undefined {
    return this.log.find((line) => line.message === message);
  }

  get socket(): string {
    return this.said("serving")!.socket as string;
  }

  /** Where the metadata service is. */
  get metadata(): string {
    return this.said("serving")!.metadata as string;
  }

  /** Runs a command against it. */
  command(...args: string[]): Promise<Outcome> {
    return stillpoint([args[0]!, "--socket", this.socket, ...args.slice(1)]);
  }

  /** The same, and what it prints as JSON. */
  async json<T = any>(...args: string[]): Promise<T> {
    const { stdout, stderr } = await this.command(...args, "--json");
    if (stdout.length === 0) throw new Error(`${args.join(" ")}: ${stderr}`);
    return JSON.parse(stdout.toString()) as T;
  }

  /** Ends it and says how it ended. */
  end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | string> {
    this.child.kill(signal);
    return this.exit;
  }
}
