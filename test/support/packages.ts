/** Programs that tests run and that npm does not bring: installed where that is possible, and named where it is not. */

import { spawnSync } from "node:child_process";

/** Longer than a download takes on a slow line, ms. */
const LIMIT_MS = 600_000;

export function present(command: string, args: readonly string[] = ["--version"]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).error === undefined;
}

/**
 * Sees to it that `command` can be run, with Debian's `packages` if need be.
 *
 * @throws {Error} with a sentence that says what to install
 */
export function provide(command: string, packages: readonly string[]): void {
  if (present(command)) return;
  if (process.getuid?.() === 0 && present("apt-get")) {
    const install = (args: string[]) => spawnSync("apt-get", args, { stdio: "ignore", timeout: LIMIT_MS });
    install(["update"]);
    install(["install", "-y", "--no-install-recommends", ...packages]);
  }
  if (present(command)) return;
  throw new Error(
    `this test runs ${command}, which is not here: install it (Debian: apt-get install ${packages.join(" ")})`,
  );
}
