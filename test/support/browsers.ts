/**
 * The browsers that tests run in, as Debian packages them: each opens one page, without a window and with a profile of its own.
 * Nothing drives them: a page tells the site what it has found.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provide } from "./packages.ts";

export type BrowserName = "chromium" | "firefox";

/** Debian's name for the program is that of the package. */
const PROGRAMS: Readonly<Record<BrowserName, string>> = { chromium: "chromium", firefox: "firefox-esr" };

/** Sees to it that the browser can be started, and gives its program. */
export function provideBrowser(browser: BrowserName): string {
  provide(PROGRAMS[browser], [PROGRAMS[browser]]);
  return PROGRAMS[browser];
}

/** Opens a page; disposing of it ends the browser with everything that it started. */
export function openPage(browser: BrowserName, url: URL): Disposable {
  const profile = mkdtempSync(join(tmpdir(), "stillpoint-"));
  const options: Readonly<Record<BrowserName, readonly string[]>> = {
    chromium: [
      "--headless",
      "--no-sandbox",
      "--no-first-run",
      "--disable-gpu",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
    ],
    firefox: ["--headless", "--no-remote", "--profile", profile],
  };
  const child: ChildProcess = spawn(PROGRAMS[browser], [...options[browser], url.href], {
    stdio: "ignore",
    detached: true,
    env: { ...process.env, HOME: profile },
  });
  return {
    [Symbol.dispose]: () => {
      try {
        process.kill(-child.pid!, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
