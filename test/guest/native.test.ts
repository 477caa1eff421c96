// Goal: compiled C and C++ moves from Worker to Worker in the middle of its work and answers what it would have answered. Method: SQLite
// as a reactor, in the middle of a long query, and a C++ program whose destructors run while exceptions pass through; handovers one
// after the other, the first answer compared with one that nobody disturbed. Where they could not be built the test says so.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet, type Guest, prepare } from "../../dist/index.js";
import { share, sleep, textOf } from "../support/guests.ts";
import { nativeWasm } from "../support/native.ts";
import { Random } from "../support/random.ts";

const native = suite<{ fleet: Fleet }>("C and C++ handed over");
native.before(async (context) => {
  context.fleet = await Fleet.open();
});
native.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

const utf8 = new TextEncoder();

/** What SQLite answers. The call is under way when `meanwhile` begins, and is told when it is over. */
async function ask(guest: Guest, sql: string, meanwhile: (over: () => boolean) => Promise<void>): Promise<string> {
  const data = utf8.encode(sql);
  const ptr = await guest.call<number>("input", [data.length]);
  await guest.withFrozen(() => guest.write({ ptr, data }));
  let over = false;
  const running = guest.call<number>("run").finally(() => {
    over = true;
  });
  await meanwhile(() => over);
  const bytes = await running;
  const output = await guest.call<number>("output");
  return guest.withFrozen(() => new TextDecoder().decode(guest.read({ ptr: output, bytes })));
}

const nothing = async (): Promise<void> => undefined;

/** Hands over again and again until the guest is done, or often enough; gives how many frames were taken along at most. */
async function moved(guest: Guest, count: number, over: () => boolean): Promise<{ handovers: number; frames: number }> {
  const random = new Random();
  let frames = 0;
  let handovers = 0;
  while (!over() && handovers < count) {
    await sleep(random.below(5));
    if (over()) break;
    // A command may end in the very moment.
    const report = await guest.handover().catch((error: unknown) => {
      if (over() || guest.state === "exited" || (error as { code?: string }).code === "SP_GUEST_STATE")
        return undefined;
      throw error;
    });
    if (report === undefined) break;
    frames = Math.max(frames, report.frames);
    handovers++;
  }
  return { handovers, frames };
}

native("SQLite in the middle of a query", async ({ fleet }) => {
  const bytes = nativeWasm("sqlite-reactor");
  if (bytes === undefined) return;
  const image = await prepare(bytes);
  const query = (steps: number) => `create table if not exists seen (y);
    insert into seen with recursive c (x, y) as
      (select 0, 1 union all select x + 1, (y * 31 + x) % 100003 from c where x < ${steps}) select y from c where y % 97 = 0;
    select count(*), sum(y), min(y), max(y) from seen;`;
  const steps = share(40_000_000, 6_000_000);
  await using still = await fleet.boot(image, { name: "still" });
  await using guest = await fleet.boot(image, { name: "moving" });
  assert.ok((await guest.eligibility()).ok);
  let seen = { handovers: 0, frames: 0 };
  const answer = await ask(guest, query(steps), async (over) => {
    seen = await moved(guest, share(200, 8), over);
  });
  console.log(`# SQLite: ${seen.handovers} handovers, up to ${seen.frames} frames`);
  assert.ok(seen.frames > 3);
  assert.is(answer, await ask(still, query(steps), nothing));
  // The database is in the guest's memory, and goes on being there.
  assert.is(await ask(guest, query(1000), nothing), await ask(still, query(1000), nothing));
});

for (const name of ["cleanup", "cleanup-exnref"] as const) {
  native(`${name}: C++ that works in destructors`, async ({ fleet }) => {
    const bytes = nativeWasm(name);
    if (bytes === undefined) return;
    const image = await prepare(bytes);
    const args = [name, `${share(400_000, 60_000)}`];
    const run = async (meanwhile: (guest: Guest, over: () => boolean) => Promise<void>): Promise<string> => {
      await using guest = await fleet.boot(image, { name, args, stdout: "pipe" });
      const output = textOf(guest.stdout!);
      let over = false;
      const exited = guest.exited.finally(() => {
        over = true;
      });
      await meanwhile(guest, () => over);
      assert.equal(await exited, { kind: "code", code: 0 });
      return output;
    };
    let seen = { handovers: 0, frames: 0 };
    const disturbed = await run(async (guest, over) => {
      assert.ok((await guest.eligibility()).ok);
      seen = await moved(guest, share(200, 8), over);
    });
    console.log(`# ${name}: ${seen.handovers} handovers, up to ${seen.frames} frames`);
    assert.ok(seen.frames > 0);
    assert.is(disturbed, await run(nothing));
  });
}

native.run();
