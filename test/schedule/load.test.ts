// Goal: under constant calls a service is updated again and again, and each call has exactly one outcome: none is lost, none is made
// twice. Method: QuickJS as a reactor in three update domains, calls that count in guest memory, waves without a pause, some of them
// on services that turn out sick and are taken back; the latency of calls is told.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest } from "../../dist/index.js";
import { module, quickjs, quickjsServices, share } from "../support/guests.ts";
import { Random } from "../support/random.ts";

const SET = ["js0", "js1", "js2"];
const CALLERS = 2;

/** The demonstration's services, as one version of many. */
function version(v: number, { sick }: { sick: string | undefined }): URL {
  return module(`
    import base from ${JSON.stringify(quickjsServices.href)};
    export default function attach(host) {
      let asked = 0;
      const healthy = () => !(++asked > 1 && host.guest === ${JSON.stringify(sick ?? "")});
      const { imports, calls } = base(host);
      return { imports, calls: { ...calls, version: () => ${v} }, healthy };
    }`);
}

interface Tally {
  made: number;
  readonly answers: number[];
  readonly latenciesMs: number[];
}

/** One call after the other, each of which counts in the guest and says what it counted. */
async function call(guest: Guest, tally: Tally, over: () => boolean): Promise<void> {
  while (!over()) {
    tally.made++;
    const from = performance.now();
    const answer = await guest.call<string>("evaluate", ["globalThis.n = (globalThis.n ?? 0) + 1"]);
    tally.latenciesMs.push(performance.now() - from);
    tally.answers.push(Number(answer));
  }
}

const load = suite("under load");

load("each call to a service that is updated without a pause has exactly one outcome", async () => {
  const random = new Random(80);
  await using fleet = await Fleet.open({ updateDomainCount: SET.length, recoveryMs: 0, noticeMs: 0 });
  const image = await quickjs();
  const guests = await Promise.all(
    SET.map((name) => fleet.boot(image, { name, set: "js", services: version(1, { sick: undefined }) })),
  );
  let over = false;
  const tallies = guests.map((): Tally => ({ made: 0, answers: [], latenciesMs: [] }));
  const calling = guests.flatMap((guest, i) =>
    Array.from({ length: CALLERS }, () => call(guest, tallies[i]!, () => over)),
  );
  const waves = share(100, 8);
  const blackoutsMs: number[] = [];
  let taken = 0;
  for (let v = 2; v < 2 + waves; v++) {
    const sick = random.oneIn(4) ? random.pick(SET) : undefined;
    const report = await fleet.update({ services: version(v, { sick }) }).result;
    assert.is(report.outcome, sick === undefined ? "completed" : "stopped");
    if (sick !== undefined) {
      taken++;
      assert.is(report.reason?.code, "SP_UPDATE_UNHEALTHY");
    }
    blackoutsMs.push(...report.guests.filter(({ blackoutMs }) => blackoutMs > 0).map(({ blackoutMs }) => blackoutMs));
  }
  over = true;
  await Promise.all(calling);
  const latenciesMs = tallies.flatMap((tally) => tally.latenciesMs);
  for (const [i, { made, answers }] of tallies.entries()) {
    // Answers of two callers come in the order of their calls, and every number from 1 on comes once.
    assert.is(answers.length, made);
    assert.equal(new Set(answers).size, made);
    assert.is(Math.max(...answers.slice(-CALLERS)), made);
    assert.is(await guests[i]!.call("evaluate", ["n"]), `${made}`);
  }
  const at = (of: number[], share: number): string =>
    of.sort((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * share))]!.toFixed(2);
  console.log(
    `# ${waves} waves, ${taken} taken back; ${latenciesMs.length} calls, each once; latency p50 ${at(latenciesMs, 0.5)} ms, ` +
      `p99 ${at(latenciesMs, 0.99)}, p99.9 ${at(latenciesMs, 0.999)}, max ${at(latenciesMs, 1)}; ` +
      `${blackoutsMs.length} blackouts, p50 ${at(blackoutsMs, 0.5)} ms, p99 ${at(blackoutsMs, 0.99)}`,
  );
});

load.run();
