/**
 * The socket at which a fleet is controlled. Whoever may connect may do everything, so it is its owner's alone from the moment it exists.
 * A socket at which somebody answers is somebody else's fleet; one that a dead process left behind is taken over.
 */

import { once } from "node:events";
import { lstat, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { connect } from "node:net";
import { CommandError } from "../exit-status.ts";

/** Nothing for group and others. */
const UMASK = 0o177;

/** @throws {CommandError} */
export async function listenAt(server: Server, path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await listen(server, path);
      return;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "EADDRINUSE" || attempt > 0) throw new CommandError(`cannot listen at ${path}: ${message}`);
      if (await answers(path)) throw new CommandError(`another stillpoint serve is running at ${path}`);
      if (!(await lstat(path)).isSocket()) throw new CommandError(`cannot listen at ${path}: it is a file`);
      await rm(path, { force: true });
    }
  }
}

async function listen(server: Server, path: string): Promise<void> {
  // The socket is made within this call, so nobody else's files are made under the mask.
  const umask = process.umask(UMASK);
  try {
    server.listen(path);
  } finally {
    process.umask(umask);
  }
  await once(server, "listening");
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
