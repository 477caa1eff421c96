// Goal: what people see of a fleet is right, fits, and cannot be abused by names. Method: tables, the screen of `top` and the log, drawn
// from data that is known.

import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { table } from "../../dist/cli/control/table.js";
import { pausesOf, screenOf } from "../../dist/cli/control/top.js";
import { Log } from "../../dist/cli/serve/log.js";
import type { EventDocument } from "../../dist/index.js";

const plain = (lines: readonly string[]): string[] => lines.map((line) => stripVTControlCharacters(line));

const shown = suite("what is shown");

shown("tables have columns as wide as they must be", () => {
  const rows = [
    { name: "a", count: 7 },
    { name: "longer", count: 12345 },
  ];
  const lines = table(rows, [
    { head: "NAME", text: ({ name }) => name },
    { head: "N", right: true, text: ({ count }) => String(count) },
  ]);
  assert.equal(plain(lines), ["NAME        N", "a           7", "longer  12345"]);
  assert.equal(plain(table([], [{ head: "NAME", text: () => "" }])), ["NAME"]);
});

shown("names cannot move the cursor", () => {
  const [, line] = table([{ name: "a\x1b[2Jb\nc" }], [{ head: "NAME", text: ({ name }) => name }]);
  assert.is(line, "a?[2Jb?c");
});

shown("top tells of domains, waves, events and pauses", () => {
  const guest = (name: string, updateDomain: number, state: string, version: string) => ({
    ...{ name, state, set: "orders", updateDomain, faultDomain: 0, services: `file:///x/${version}.mjs` },
    ...{ memoryBytes: 65536, module: "/x/orders.wasm", exitCode: null, error: null },
  });
  const wave = {
    ...{ wave: "W", kind: "freeze", services: null, state: "impact", held: true, updateDomain: 1 },
    ...{ startedAt: "2026-01-01T00:00:00Z", report: null, error: null },
  };
  const event: EventDocument["Events"][number] = {
    EventId: "E",
    EventStatus: "Started",
    EventType: "Freeze",
    ResourceType: "VirtualMachine",
    Resources: ["b"],
    NotBefore: "",
  };
  const lines = plain(
    screenOf({
      guests: [guest("a", 0, "idle", "v2"), guest("b", 1, "frozen", "v1"), guest("c", 1, "idle", "v2")],
      waves: [wave, { ...wave, wave: "past", state: "ended" }],
      document: { DocumentIncarnation: 3, Events: [event] },
      pauses: [{ by: "handover", count: 4, seconds: 0.008 }],
    }),
  );
  assert.equal(lines.slice(0, 6), [
    "3 guests · 1 wave · 1 event · pauses: 4 by handover, mean 2.00 ms",
    "",
    "  UD  0  1 guest, 0 frozen  v2.mjs",
    "  UD  1  2 guests, 1 frozen  v1.mjs v2.mjs",
    "  wave W: impact, update domain 1 (held)",
    "  Freeze Started: b",
  ]);
  assert.is(lines.length, 11);
});

shown("pauses are read out of what Prometheus reads", () => {
  const metrics = [
    "# TYPE stillpoint_pause_seconds histogram",
    'stillpoint_pause_seconds_bucket{le="0.1",by="freeze"} 2',
    'stillpoint_pause_seconds_sum{by="freeze"} 0.5',
    'stillpoint_pause_seconds_count{by="freeze"} 2',
    'stillpoint_pause_seconds_sum{by="handover"} 1e-3',
    'stillpoint_pause_seconds_count{by="handover"} 1',
  ].join("\n");
  assert.equal(pausesOf(metrics), [
    { by: "freeze", count: 2, seconds: 0.5 },
    { by: "handover", count: 1, seconds: 0.001 },
  ]);
  assert.equal(pausesOf(""), []);
});

shown("the log is JSON for machines and sentences for people, one line each", () => {
  for (const terminal of [false, true]) {
    const out = Object.assign(new PassThrough(), { isTTY: terminal });
    const log = new Log(out as unknown as NodeJS.WriteStream);
    log.info("booted", { guest: "a b\nc", domain: 1 });
    log.error("failed", { code: "SP_LIMIT" });
    const lines = out.read().toString().trimEnd().split("\n");
    assert.is(lines.length, 2);
    if (terminal) {
      assert.match(plain(lines)[0]!, /^\d\d:\d\d:\d\d booted guest="a b\\nc" domain=1$/);
      continue;
    }
    const { time, ...rest } = JSON.parse(lines[0]!);
    assert.equal(rest, { level: "info", message: "booted", guest: "a b\nc", domain: 1 });
    assert.is(new Date(time).toISOString(), time);
    assert.is(JSON.parse(lines[1]!).level, "error");
  }
});

shown.run();
