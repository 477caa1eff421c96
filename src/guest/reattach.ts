/**
 * An idle guest whose host died is attached to a new one. Nothing of it died with the thread: memory and ledger are shared, its
 * globals have lain in the ledger since its last call ended, and what its services were then is with the owner, because a host
 * says so before it leaves the guest. A guest in the middle of a call is another matter: its stack is gone.
 */

import { OFF_BEGUN, OFF_FRAMES_TOP } from "../abi.ts";
import { HostLostError } from "../errors.ts";
import { Budget } from "./budget.ts";
import { HANDOVER_BUDGET_MS, retire } from "./handover.ts";
import { TAKE_OVER } from "./idle-handover.ts";
import type { HostLink } from "./link.ts";
import type { Handed } from "./messages.ts";
import type { RecallSide } from "./recall.ts";

export interface ReattachSide extends RecallSide {
  startStandby(): HostLink;
  /** The guest is the new host's. */
  moved(to: HostLink): void;
  /** The call that has been sent and has no outcome, by its number. */
  underWay(): number | undefined;
  /** That call had begun, and what came of it is not known. */
  lost(error: HostLostError): void;
}

/** On failure the guest is idle, and still the dead host's. */
export async function reattach(side: ReattachSide): Promise<void> {
  const { guest, core, freezing, words, host: dead } = side;
  if (dead.rest === undefined) throw new Error("what its services would go on from is not known");
  const { services, wasi } = dead.rest;
  const handed: Handed = {
    activity: { kind: "idle" },
    captured: false,
    deadlineNs: undefined,
    tables: [],
    services,
    wasi,
  };
  const budget = new Budget(HANDOVER_BUDGET_MS, undefined);
  const standby = side.startStandby();
  // An idle guest is frozen at once.
  await freezing.freeze();
  const top = Atomics.load(words, OFF_FRAMES_TOP >> 2);
  try {
    await budget.within(standby.next("standby"), "the new host was not ready");
    standby.post({ type: "adopt", handed, continuations: [] });
    await budget.within(standby.next("adopted"), TAKE_OVER);
    if (core.handOver(dead.number, standby.number) !== 0) throw new Error("the guest changed hands meanwhile");
  } catch (error) {
    await retire(standby, "abandoned");
    // It may have taken the globals off.
    Atomics.store(words, OFF_FRAMES_TOP >> 2, top);
    await freezing.resume();
    throw error;
  } finally {
    budget.end();
  }
  standby.rest = handed;
  side.moved(standby);
  const underWay = side.underWay();
  if (underWay !== undefined && Atomics.load(words, OFF_BEGUN >> 2) === (underWay | 0)) {
    side.lost(new HostLostError(guest, "its Worker ended after a call, before it said what came of it"));
  } else side.again();
  await freezing.resume();
}
