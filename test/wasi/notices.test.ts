// Goal: notices are files like others for whoever reads them, requests take ids in any pieces and nothing else, and open ones
// survive a move. Method: the calls of WASI against a document that changes under them; random cuts of what is written.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RequestReader } from "../../dist/wasi/start-requests.js";
import { Random } from "../support/random.ts";
import { Calls } from "./calls.ts";
import { Machine } from "./machine.ts";

const [ID, OTHER, THIRD] = [
  "5B0D6C1E-7A43-4D0B-9E52-1F6A0C3B9D77",
  "0e3a1d5c-22aa-4b6e-8e0f-9a7b6c5d4e3f",
  "11111111-2222-3333-4444-555555555555",
] as const;
const NOTICES = 3;

class Source {
  text = '{"DocumentIncarnation":1,"Events":[]}';
  publishedNs = 1_000_000_000n;
  readonly approved: string[] = [];
  read() {
    return { bytes: new TextEncoder().encode(this.text), publishedNs: this.publishedNs };
  }
  approve(ids: readonly string[]): void {
    this.approved.push(...ids);
  }
}

interface Context {
  source: Source;
  calls: Calls;
}

const refused = (work: () => unknown, code: string): void =>
  assert.throws(work, (error: { code: string }) => error.code === code || assert.is(error.code, code));

/** The name under which a guest finds a directory open. */
function preopenName({ wasi, bytes, view }: Calls, fd: number): string | undefined {
  const ask = (name: string, ...args: number[]): number =>
    (wasi.imports[name] as (...args: number[]) => number)(...args);
  if (ask("fd_prestat_get", fd, 0) !== 0) return undefined;
  const length = view.getUint32(4, true);
  assert.is(ask("fd_prestat_dir_name", fd, 8, length), 0);
  return new TextDecoder().decode(bytes.slice(8, 8 + length));
}

const files = suite<Context>("notices as files");
files.before.each((context) => {
  context.source = new Source();
  context.calls = new Calls(new Machine({ notices: context.source }));
});

files("lie in a directory that the guest finds after those of its own", () => {
  const calls = new Calls(new Machine({ notices: new Source(), preopens: { "/": {}, "/run": {} } }));
  assert.equal(
    [3, 4, 5].map((fd) => preopenName(calls, fd)),
    ["/", "/run", "/run/stillpoint"],
  );
  assert.equal(calls.list(5), ["scheduledevents", "startrequests"]);
});

files("are not there for a guest to whom nothing is announced", () => {
  const calls = new Calls(new Machine());
  assert.is(preopenName(calls, NOTICES), undefined);
});

files("show the document of the moment in which it is opened, to the end", ({ calls, source }) => {
  const first = calls.open(NOTICES, "scheduledevents");
  const { text } = source;
  assert.is(calls.read(first, 10), text.slice(0, 10));
  source.text = '{"DocumentIncarnation":2,"Events":["longer than before"]}';
  source.publishedNs = 2_000_000_000n;
  assert.is(calls.read(first, 100), text.slice(10));
  assert.is(calls.read(first, 100, 5), text.slice(5));
  assert.is(calls.stat(first).bytes, text.length);
  const second = calls.open(NOTICES, "scheduledevents");
  assert.is(calls.read(second, 1000), source.text);
  assert.is(calls.read(second, 1000), "");
  assert.is(calls.statAt(NOTICES, "scheduledevents").bytes, source.text.length);
  assert.is(calls.statAt(NOTICES, "scheduledevents").modifiedNs, 2_000_000_000n);
});

files("take approvals by the line, whatever pieces they come in", ({ calls, source }) => {
  const fd = calls.open(NOTICES, "startrequests", { read: false, write: true, create: true, truncate: true });
  calls.write(fd, `${ID}\n${OTHER.slice(0, 7)}`);
  assert.equal(source.approved, [ID]);
  calls.write(fd, `${OTHER.slice(7)}\r\n\n`);
  assert.equal(source.approved, [ID, OTHER]);
  calls.write(fd, THIRD);
  assert.equal(source.approved, [ID, OTHER], "a line that is not over does not count");
  calls.close(fd);
  assert.equal(source.approved, [ID, OTHER, THIRD]);
});

files("refuse what is no request, and go on", ({ calls, source }) => {
  const fd = calls.open(NOTICES, "startrequests", { read: false, write: true });
  for (const text of [`${ID}\nnonsense\n`, "../../etc/passwd", `${ID}x`, "\0", '{"StartRequests":1}', '{"x":[]}'])
    refused(() => calls.write(fd, text), "EINVAL");
  refused(() => calls.write(fd, '{"StartRequests":[{"EventId":"x"}]}'), "EINVAL");
  refused(() => calls.write(fd, "{".padEnd(70_000, "x")), "EFBIG");
  assert.equal(source.approved, [], "of a piece that is refused nothing counts");
  calls.write(fd, ID.slice(0, 10));
  refused(() => calls.write(fd, "nonsense"), "EINVAL");
  assert.is(calls.write(fd, "\n"), 1, "with it goes what it was the end of");
  calls.write(fd, '{"StartRequests": [{"EventId"');
  refused(() => calls.close(fd), "EINVAL");
  refused(() => calls.write(fd, ID), "EBADF");
  const next = calls.open(NOTICES, "startrequests", { read: false, write: true });
  calls.write(next, `${ID}\n`);
  assert.equal(source.approved, [ID]);
});

files("allow nothing else", ({ calls }) => {
  refused(() => calls.open(NOTICES, "scheduledevents", { read: true, write: true }), "EACCES");
  refused(() => calls.open(NOTICES, "startrequests", { read: true }), "EACCES");
  refused(() => calls.open(NOTICES, "startrequests", { write: true, create: true, exclusive: true }), "EEXIST");
  refused(() => calls.open(NOTICES, "other"), "ENOENT");
  refused(() => calls.open(NOTICES, "toString"), "ENOENT");
  refused(() => calls.open(NOTICES, "other", { write: true, create: true }), "EROFS");
  refused(() => calls.open(NOTICES, "scheduledevents/x"), "ENOTDIR");
  refused(() => calls.open(NOTICES, "../x"), "ENOTCAPABLE");
  refused(() => calls.makeDirectory(NOTICES, "x"), "EROFS");
  refused(() => calls.unlink(NOTICES, "scheduledevents"), "EROFS");
});

files("survive a move with what is open and half written", ({ calls, source }) => {
  const document = calls.open(NOTICES, "scheduledevents");
  const { text } = source;
  assert.is(calls.read(document, 4), text.slice(0, 4));
  const requests = calls.open(NOTICES, "startrequests", { read: false, write: true });
  calls.write(requests, ID.slice(0, 20));
  const state = structuredClone(calls.wasi.snapshot());
  calls.wasi.dispose("replaced");
  assert.equal(source.approved, [], "services that are replaced close nothing");

  source.text = "{}";
  const moved = new Calls(new Machine({ notices: source }), state);
  assert.is(moved.read(document, 1000), text.slice(4));
  moved.write(requests, `${ID.slice(20)}\n`);
  assert.equal(source.approved, [ID]);
  assert.is(moved.read(moved.open(NOTICES, "scheduledevents"), 1000), "{}");
});

files("count what a guest has left open when it exits", ({ calls, source }) => {
  for (const text of [ID, "{ half"]) {
    calls.write(calls.open(NOTICES, "startrequests", { read: false, write: true }), text);
  }
  calls.wasi.dispose("exited");
  assert.equal(source.approved, [ID]);
});

files.run();

const requests = suite("start requests");

requests("are the same in whatever pieces they come", () => {
  const random = new Random();
  const json = JSON.stringify({ StartRequests: [{ EventId: ID, Note: "größe" }, { EventId: THIRD }], Other: "5" });
  for (const [text, ids] of [
    [`${ID}\n\r\n ${OTHER} \n${THIRD}`, [ID, OTHER, THIRD]],
    [`\n ${json}\n`, [ID, THIRD]],
    ["", []],
  ] as const) {
    const bytes = new TextEncoder().encode(text);
    for (let turn = 0; turn < 200; turn++) {
      const taken: string[] = [];
      let all = new RequestReader();
      for (let at = 0; at < bytes.length; ) {
        const count = 1 + random.below(20);
        taken.push(...all.take(bytes.subarray(at, at + count)));
        // As after a move in between.
        all = new RequestReader(all.pending);
        at += count;
      }
      taken.push(...all.end());
      assert.equal(taken, [...ids]);
    }
  }
});

requests.run();
