/** Memory of the machine and of this process. */

import { readFileSync } from "node:fs";
import { freemem } from "node:os";

/** What could be had now, bytes; where the system does not say, what is free. */
export function availableBytes(): number {
  try {
    return Number(/^MemAvailable: +(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
  } catch {
    return freemem();
  }
}
