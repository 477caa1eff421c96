/**
 * The handover of a guest that is idle. It has no frames, its globals lie in the ledger, and what its services are the owner was
 * told after the last call; so the new host can have all that beforehand. What is left for the freeze is to see that nothing
 * has run since:
 *
 *   new host    expect: restore, healthy ─▶ adopted                                       the first call takes the globals
 *   owner                                             freeze, look, swap, release
 *
 * The guest serves calls all the while. One that came in between has changed what the new host was told, and the ledger's `begun`
 * says so: then the guest is handed over like any other, and the new host restores once more.
 */

import { IDLE, OFF_BEGUN, OFF_FRAMES_TOP } from "../abi.ts";
import type { Budget } from "./budget.ts";
import type { HandoverSide } from "./handover.ts";
import type { HostLink } from "./link.ts";
import type { HandoverReport } from "./reports.ts";

/** What is said of a new host that is late. */
export const TAKE_OVER = "the new host did not take the guest over";

/** The guest is the new host's, and frozen; undefined if it has to be taken off its thread after all, and runs on. */
export async function moveIdle(
  side: HandoverSide,
  standby: HostLink,
  budget: Budget,
): Promise<Partial<HandoverReport> | undefined> {
  const { core, freezing, host, words } = side;
  const { rest } = host;
  // The state after a call is told before its outcome: with no call under way it is the latest.
  if (rest === undefined || freezing.state !== IDLE || side.underWay() !== undefined) return undefined;
  const begun = Atomics.load(words, OFF_BEGUN >> 2);
  const same = (): boolean => Atomics.load(words, OFF_BEGUN >> 2) === begun;
  standby.post({ type: "expect", rest });
  const { restoreMs } = await budget.within(standby.next("adopted"), TAKE_OVER);
  // No reason to freeze it in vain.
  if (freezing.state !== IDLE || !same()) return undefined;
  side.hold();
  const { how, timeToSafepointMs } = await freezing.freeze(budget.rest());
  // A call stores its number before it touches the guest, and while it runs the guest is not idle.
  if (how === "idle" && same() && core.handOver(host.number, standby.number) === 0) {
    return { how, timeToSafepointMs, restoreMs, stateBytes: Atomics.load(words, OFF_FRAMES_TOP >> 2) };
  }
  await freezing.resume();
  return undefined;
}
