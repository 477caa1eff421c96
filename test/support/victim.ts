/**
 * A process that is to be killed: a fleet with a journal, three clerks in three update domains, and one wave after the other. It says
 * what happens as it happens, one JSON line each, so that whoever kills it knows what was true.
 *
 *   node victim.ts JOURNAL [GUEST]     with a guest, the wave's new services do not come up under that one
 */

import { writeSync } from "node:fs";
import { Fleet } from "../../dist/index.js";
import { clerk } from "./guests.ts";
import { version } from "./versions.ts";

const [journal, slow] = process.argv.slice(2);
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const fleet = await Fleet.open({ updateDomainCount: 3, noticeMs: 0, recoveryMs: 0, journal: journal! });
fleet.events.addEventListener("changed", ({ detail: { incarnation } }) =>
  say({ incarnation, fleet: fleet.events.incarnation() }),
);
const image = await clerk();
for (const name of ["a0", "a1", "a2"]) await fleet.boot(image, { name, set: "a", services: version(1) });
say({ booted: true });
for (let v = 2; ; v++) {
  const late = slow === undefined ? {} : { guests: [slow], attachMs: 60_000 };
  const wave = fleet.update({
    services: version(v, late),
    budgetMs: 60_000,
    ...(slow !== undefined && { guests: ["a0", "a1", "a2"] }),
  });
  say({ began: v });
  for await (const progress of wave) {
    if (progress.type === "state") {
      const { from, to, updateDomain } = progress;
      say({ from, to, updateDomain, committed: to === "notice" || to === "ended" });
    }
    if (progress.type === "ended") say({ ended: v, outcome: progress.report.outcome });
  }
}
