// Goal: a process that is killed in the middle of a wave leaves a journal from which the next one tells the truth and starts clean.
// Method: a process of its own is killed outright, at a moment that is known and at random ones; a fleet is opened on its journal and
// what it says is compared with what the dead one had said.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet } from "../../dist/index.js";
import { scratch } from "../support/command.ts";
import { clerk, share, sleep } from "../support/guests.ts";
import { Random } from "../support/random.ts";
import { version } from "../support/versions.ts";

const VICTIM = fileURLToPath(new URL("../support/victim.ts", import.meta.url));

interface Line {
  readonly incarnation?: number;
  readonly fleet?: number;
  readonly booted?: true;
  readonly began?: number;
  readonly from?: string;
  readonly to?: string;
  readonly updateDomain?: number;
  readonly ended?: number;
}

/** What a victim says until it is killed. */
class Victim {
  readonly said: Line[] = [];
  readonly #child: ChildProcess;
  readonly #heard = new Set<() => void>();

  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", VICTIM, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      this.said.push(JSON.parse(line) as Line);
      for (const heard of this.#heard) heard();
    });
  }

  async hears(what: (line: Line) => boolean): Promise<void> {
    while (!this.said.some(what)) {
      if (this.#child.exitCode !== null) throw new Error(`the victim ended by itself, with ${this.#child.exitCode}`);
      await new Promise<void>((resolve) => this.#heard.add(resolve));
    }
  }

  async kill(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await closed;
  }

  /** The highest incarnations that anybody could have read. */
  get served(): { set: number; fleet: number } {
    return {
      set: Math.max(0, ...this.said.map(({ incarnation = 0 }) => incarnation)),
      fleet: Math.max(0, ...this.said.map(({ fleet = 0 }) => fleet)),
    };
  }
}

const HOME = scratch();

const killed = suite("killed in the middle of a wave");

killed("the next process knows what was committed, and tells what was interrupted", async () => {
  const journal = join(HOME, "known");
  const victim = new Victim(journal, "a1");
  await victim.hears(({ to, updateDomain }) => to === "impact" && updateDomain === 1);
  await victim.kill();

  await using fleet = await Fleet.open({ updateDomainCount: 3, noticeMs: 0, recoveryMs: 0, journal });
  const services = version(2, { guests: ["a1"], attachMs: 60_000 });
  assert.is(fleet.interrupted.length, 1);
  const [wave] = fleet.interrupted;
  assert.equal(
    { committed: wave!.committed, underWay: wave!.underWay, memoryLost: wave!.memoryLost, services: wave!.services },
    { committed: [0], underWay: 1, memoryLost: true, services: services.href },
  );
  assert.equal(fleet.waves, []);
  assert.is(fleet.guests.size, 0);

  const image = await clerk();
  const a0 = await fleet.boot(image, { name: "a0", set: "a" });
  assert.is(await a0.call("version"), 2);
  assert.is(fleet.committed("a", 1), undefined);
  const a1 = await fleet.boot(image, { name: "a1", set: "a", services: version(1) });
  assert.is(await a1.call("version"), 1);
  assert.is(await a0.call("bump"), 1, "its memory is new");

  const document = fleet.events.document(undefined, { guest: "a0" });
  assert.equal(document.Events, []);
  assert.ok(document.DocumentIncarnation > victim.served.set, "incarnations go on above the last one served");
  assert.ok(fleet.events.document().DocumentIncarnation > victim.served.fleet);

  assert.is((await fleet.update({ services: version(3) }).result).outcome, "completed");
  assert.equal(fleet.interrupted, []);
});

killed("at any moment, what the next process says is what was true", async () => {
  const random = new Random(90);
  const told = { interrupted: 0, between: 0 };
  for (let round = 0; round < share(24, 3); round++) {
    const journal = join(HOME, `random ${round}`);
    const victim = new Victim(journal);
    // By what it has said and not by time, because a wave takes as long as the machine is busy.
    const lines = random.below(45);
    await victim.hears(() => victim.said.length > lines && victim.said.some(({ booted }) => booted === true));
    await sleep(random.below(30));
    await victim.kill();
    const { said } = victim;
    await using fleet = await Fleet.open({ updateDomainCount: 3, journal });

    // What it had said is at most one record behind what it had written.
    const began = said.findLast((line) => line.began !== undefined)?.began ?? 1;
    const versions = [0, 1, 2].map((domain) => {
      const services = fleet.committed("a", domain)?.services;
      return services === undefined ? 1 : Number(/return%20(\d+)%3B/.exec(services)?.[1]);
    });
    const last = said.slice(said.findLastIndex((line) => line.began !== undefined));
    const ended = last.some((line) => line.ended !== undefined);
    const committed = last.filter(({ from }) => from === "health").length;
    for (const [domain, v] of versions.entries()) {
      if (domain < committed) assert.is(v, began, `domain ${domain} was committed to ${began}`);
      else if (domain > committed) assert.is(v, began - 1, `domain ${domain} was not reached`);
      else assert.ok(v === began || v === began - 1, `domain ${domain} is said to run ${v}`);
    }
    const [wave, ...others] = fleet.interrupted;
    assert.equal(others, []);
    if (wave === undefined) {
      told.between++;
      // It had ended, if not said so yet, or the next one had not been written down.
      assert.ok(ended || committed === 3 || committed === 0, JSON.stringify(last));
    } else {
      told.interrupted++;
      assert.is(
        wave.committed.length,
        versions.filter((v) => String(wave.services).includes(`return%20${v}%3B`)).length,
      );
      assert.ok(wave.underWay === undefined || wave.underWay === wave.committed.length);
    }
    assert.equal(fleet.events.document().Events, []);
    assert.ok(fleet.events.incarnation() > victim.served.fleet);
    assert.ok(fleet.events.incarnation({ set: "a" }) > victim.served.set);
  }
  console.log(`# killed ${told.interrupted} times in a wave, ${told.between} times between two`);
});

killed.run();
