// Goal: what a journal has taken, the next process reads, whatever moment this one dies at; and what it cannot have meant is refused.
// Method: journals in real directories, cut off at every byte and flipped at every byte; writes that fail; processes that are killed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openJournal } from "../../dist/platform/node-journal.js";
import type { Entry } from "../../dist/schedule/history.js";
import { Journal, type JournalFile } from "../../dist/schedule/journal.js";
import { scratch } from "../support/command.ts";
import { codeOf, share } from "../support/guests.ts";
import { World } from "../support/records.ts";

const HOME = scratch();
let directories = 0;
const fresh = (): string => join(HOME, `journal ${directories++}`);

const V2 = new URL("file:///v2.js");
const began = (wave: string): Entry => ({
  type: "began",
  wave,
  kind: "freeze",
  services: V2.href,
  atMs: 5,
  domains: [
    { updateDomain: 0, sets: ["a"] },
    { updateDomain: 1, sets: ["a"] },
  ],
});
const LIFE: readonly Entry[] = [
  { type: "reserved", incarnation: 1024 },
  began("w"),
  { type: "started", wave: "w", updateDomain: 0 },
  { type: "committed", wave: "w", updateDomain: 0, sets: ["a"] },
  { type: "started", wave: "w", updateDomain: 1 },
];

function written(directory: string, entries: readonly Entry[] = LIFE): void {
  const journal = new Journal(openJournal(directory));
  for (const entry of entries) journal.write(entry);
  journal.close();
}

function read(directory: string): Journal {
  const journal = new Journal(openJournal(directory));
  journal.close();
  return journal;
}

const journals = suite("journal");

journals("a new process boots from what was committed, and tells of the wave that was interrupted", () => {
  const directory = fresh();
  written(directory);
  for (let process = 0; process < 3; process++) {
    const history = read(directory);
    assert.equal(history.committed("a", 0), { services: V2.href });
    assert.is(history.committed("a", 1), undefined);
    assert.is(history.committed("b", 0), undefined);
    assert.is(history.firstIncarnation, 1025);
    assert.equal(history.interrupted, [
      {
        wave: "w",
        kind: "freeze",
        services: V2.href,
        startedAt: new Date(5),
        committed: [0],
        underWay: 1,
        memoryLost: true,
      },
    ]);
  }
});

journals("a wave that ended, or that a later one has followed, is no longer told of", () => {
  const directory = fresh();
  written(directory, [...LIFE, { type: "rolledBack", wave: "w", updateDomain: 1, stuck: [] }]);
  assert.is(read(directory).interrupted[0]!.underWay, undefined);
  written(directory, [began("x"), { type: "ended", wave: "x", outcome: "completed" }]);
  assert.equal(read(directory).interrupted, []);
});

journals("of waves side by side each is told of", () => {
  const directory = fresh();
  written(directory, [began("one"), began("two")]);
  assert.equal(
    read(directory).interrupted.map(({ wave }) => wave),
    ["one", "two"],
  );
});

journals("what a wave left as it was stays what an earlier one made of it", () => {
  const directory = fresh();
  const { services: _, ...plain } = began("x") as Entry & { services: string };
  const committed = { type: "committed", updateDomain: 0, sets: ["a"] } as const;
  written(directory, [
    began("w"),
    { ...committed, wave: "w" },
    { ...plain, image: "ab" } as Entry,
    { ...committed, wave: "x" },
  ]);
  assert.equal(read(directory).committed("a", 0), { services: V2.href, image: "ab" });
});

journals("cut off at any byte, it holds what was whole by then, and goes on from there", () => {
  const whole = fresh();
  written(whole);
  const bytes = readFileSync(join(whole, "journal"));
  const directory = fresh();
  mkdirSync(directory);
  const file = join(directory, "journal");
  for (let length = 0; length <= bytes.length; length += share(1, 5)) {
    writeFileSync(file, bytes.subarray(0, length));
    const lines = bytes.subarray(0, length).toString().split("\n").length - 1;
    const history = read(directory);
    assert.is(history.firstIncarnation, lines >= 2 ? 1025 : 1, `${length} bytes`);
    assert.is(history.committed("a", 0)?.services, lines >= 5 ? V2.href : undefined, `${length} bytes`);
    const after = readFileSync(file).toString().split("\n");
    assert.is(after.length - 1, lines + 1, "what was torn is gone, and a new line stands");
  }
});

journals("with any byte changed but in its last line it is refused, and not touched", async () => {
  const directory = fresh();
  written(directory);
  const file = join(directory, "journal");
  const bytes = readFileSync(file);
  const last = bytes.subarray(0, -1).lastIndexOf(0x0a) + 1;
  for (let at = 0; at < bytes.length; at += share(1, 5)) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << (at % 7);
    writeFileSync(file, changed);
    const code = await codeOf(() => void read(directory));
    if (at < last - 1) {
      assert.is(code, "SP_JOURNAL_INVALID", `byte ${at}`);
      assert.equal(readFileSync(file), changed);
    } else if (at >= last) assert.is(code, "nothing was thrown", `byte ${at} of the last line`);
  }
  assert.equal(readdirSync(directory), ["journal"]);
});

journals("of another format it is refused", async () => {
  const directory = fresh();
  written(directory, [{ type: "opened", format: 2 as 1, atMs: 0 }]);
  assert.is(await codeOf(() => void read(directory)), "SP_JOURNAL_INVALID");
});

journals("a directory that cannot be had is refused", async () => {
  const file = join(HOME, "a file");
  writeFileSync(file, "");
  assert.is(await codeOf(() => void openJournal(join(file, "below"))), "SP_JOURNAL_FAILED");
});

journals("incarnations are reserved in blocks, and each before it is served", () => {
  const directory = fresh();
  const journal = new Journal(openJournal(directory));
  const unreserved: number[] = [];
  for (let incarnation = 1; incarnation <= 3000; incarnation++) {
    journal.reserve(incarnation);
    if (journal.firstIncarnation <= incarnation) unreserved.push(incarnation);
  }
  journal.close();
  assert.equal(unreserved, []);
  // One line says that the process began.
  assert.is(readFileSync(join(directory, "journal"), "utf8").match(/\n/g)?.length, 4);
});

// ---- one writer ----

journals("it has one writer at a time", async () => {
  const directory = fresh();
  const journal = new Journal(openJournal(directory));
  assert.is(await codeOf(() => void openJournal(directory)), "SP_JOURNAL_LOCKED");
  journal.close();
  journal.close();
  assert.equal(read(directory).interrupted, []);
});

const HOLD = `
  import { openJournal } from ${JSON.stringify(new URL("../../dist/platform/node-journal.js", import.meta.url).href)};
  try {
    openJournal(process.argv[1]);
    console.log("held");
    setInterval(() => {}, 1000);
  } catch (error) {
    console.log(error.code);
  }`;

async function holder(directory: string): Promise<{ said: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", HOLD, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  const kill = async (): Promise<void> => {
    const gone = once(child, "exit");
    if (child.kill("SIGKILL")) await gone;
  };
  return { said: said.toString().trim(), kill };
}

journals("another process's is refused while that lives, and taken when it was killed", async () => {
  const directory = fresh();
  const first = await holder(directory);
  assert.is(first.said, "held");
  assert.is(await codeOf(() => void openJournal(directory)), "SP_JOURNAL_LOCKED");
  const second = await holder(directory);
  assert.is(second.said, "SP_JOURNAL_LOCKED");
  await second.kill();
  await first.kill();
  assert.is(readdirSync(directory).filter((name) => name.startsWith("lock")).length, 1);
  written(directory);
  assert.equal(readdirSync(directory), ["journal"]);
});

journals("a lock of a process that had this one's number before it is nobody's", () => {
  const directory = fresh();
  mkdirSync(directory);
  writeFileSync(join(directory, `lock-${process.pid}-1`), "");
  writeFileSync(join(directory, "lock-4194304999-1"), "");
  written(directory);
  assert.equal(readdirSync(directory), ["journal"]);
});

journals("of many that come at once at most one gets it", async () => {
  const directory = fresh();
  const holders = await Promise.all(Array.from({ length: 4 }, () => holder(directory)));
  assert.ok(holders.filter(({ said }) => said === "held").length <= 1, holders.map(({ said }) => said).join());
  await Promise.all(holders.map(({ kill }) => kill()));
  written(directory);
});

// ---- writes that fail ----

/** A real journal of which the appends or syncs fail while `broken` says so, after so many bytes. */
function failing(directory: string): { file: JournalFile; broken: { append: boolean; sync: boolean } } {
  const file = openJournal(directory);
  const broken = { append: false, sync: false };
  const failure = (): never => {
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  return {
    broken,
    file: {
      ...file,
      append: (bytes) => {
        if (!broken.append) return file.append(bytes);
        file.append(bytes.subarray(0, bytes.length >> 1));
        failure();
      },
      sync: () => (broken.sync ? failure() : file.sync()),
    },
  };
}

journals("a write that fails leaves nothing behind, and the next one may succeed", async () => {
  const directory = fresh();
  const { file, broken } = failing(directory);
  const journal = new Journal(file);
  broken.append = true;
  assert.is(await codeOf(() => journal.write(LIFE[0]!)), "SP_JOURNAL_FAILED");
  assert.is(journal.firstIncarnation, 1);
  broken.append = false;
  journal.write({ type: "reserved", incarnation: 7 });
  journal.close();
  assert.is(read(directory).firstIncarnation, 8);
});

journals("after a sync that failed nothing is written any more", async () => {
  const directory = fresh();
  const { file, broken } = failing(directory);
  const journal = new Journal(file);
  broken.sync = true;
  assert.is(await codeOf(() => journal.write(LIFE[0]!)), "SP_JOURNAL_FAILED");
  broken.sync = false;
  const before = readFileSync(join(directory, "journal"), "utf8");
  assert.is(await codeOf(() => journal.write(LIFE[0]!)), "SP_JOURNAL_FAILED");
  assert.is(readFileSync(join(directory, "journal"), "utf8"), before);
  journal.close();
  assert.is(await codeOf(() => journal.write(LIFE[0]!)), "SP_JOURNAL_FAILED");
});

for (const [when, committed] of [
  ["began", []],
  ["started", []],
  ["committed", []],
  ["rolledBack", []],
  ["ended", [0, 1]],
] as const) {
  journals(`a disk that is full at "${when}" stops the wave with every guest on what the journal says`, async () => {
    const directory = fresh();
    const { file, broken } = failing(directory);
    // From the first entry of this kind on.
    const full: JournalFile = {
      ...file,
      append: (bytes) => {
        broken.append ||= new TextDecoder().decode(bytes).includes(`"type":"${when}"`);
        file.append(bytes);
      },
    };
    const world = new World({ updateDomainCount: 2, recoveryMs: 0, noticeMs: 0, history: new Journal(full) });
    for (let i = 0; i < 4; i++) world.add(`a${i}`, { set: "a", sick: when === "rolledBack" });
    const report = await world.clock.until(world.waves.begin({ services: V2 }).result);
    assert.equal(world.settled(), []);
    assert.is(report.outcome, when === "ended" ? "completed" : "stopped");
    if (when !== "rolledBack" && when !== "ended") assert.is(report.reason?.code, "SP_JOURNAL_FAILED");
    assert.equal(report.committed, committed);
    world.history.close();
    const history = read(directory);
    for (const record of world.records.values()) {
      const { updateDomain } = world.placements.of(record.name)!;
      assert.is(record.services, history.committed("a", updateDomain)?.services ?? "old");
    }
  });
}

journals("a torn end is cut off on disk before anything is added", () => {
  const directory = fresh();
  written(directory);
  const file = join(directory, "journal");
  const whole = readFileSync(file).length;
  appendFileSync(file, '0123456789abcdef 40 {"type":"ended","wa');
  read(directory);
  assert.is(readFileSync(file).indexOf("0123456789abcdef 40"), -1);
  assert.ok(readFileSync(file).length > whole);
});

journals.run();
