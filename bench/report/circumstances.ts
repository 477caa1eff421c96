/** Finds out where and on what a run takes place. */

import { execFileSync } from "node:child_process";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import type { Circumstances } from "./report.ts";

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}

function commit(): string {
  const head = git("rev-parse", "--short=12", "HEAD").trim();
  if (head === "") return "unknown";
  const changed = git("status", "--porcelain", "--untracked-files=no").trim() !== "";
  return changed ? `${head} with changes` : head;
}

export function circumstances({ full, seeds }: { full: boolean; seeds: readonly number[] }): Circumstances {
  return {
    date: new Date().toISOString(),
    size: full ? "full" : "smoke",
    seed: seeds[0]!,
    ...(seeds.length > 1 && { seeds }),
    commit: commit(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()} ${arch()}`,
      load: loadavg()[0] ?? 0,
    },
    runtime: {
      node: process.version,
      v8: process.versions.v8,
      flags: [...process.execArgv, ...(process.env.NODE_OPTIONS?.split(" ") ?? [])],
    },
  };
}
