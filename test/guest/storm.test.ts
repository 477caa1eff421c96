// Goal: freezing at any moment changes nothing but time. Method: programs by others, and kernels whose loops and recursion
// polls have to reach, are frozen at seeded random moments; what they print and answer is compared with an undisturbed run,
// CPython's with the unprepared module under the WASI that Node brings.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fleet } from "../../dist/index.js";
import {
  asking,
  clerk,
  endOf,
  kernels,
  python,
  pythonUnprepared,
  quickjs,
  quickjsServices,
  share,
  textOf,
} from "../support/guests.ts";
import { Random } from "../support/random.ts";
import { histogram, newTally, storm, type Tally } from "../support/storm.ts";

const FREEZES = share(2000, 300);
const OPTIONS = { freezesMax: FREEZES, digestEvery: 20 };

/** Standard library work of several kinds, each round folded into a digest and a line of output. */
const PROGRAM = `
import hashlib, json, re, string
state = hashlib.sha256(b"start")
def numbers(n):
    a, b = 1, 3
    for _ in range(n):
        yield a
        a, b = b, a + b
def fail(depth):
    try:
        if depth == 0:
            raise ValueError("bottom")
        fail(depth - 1)
    except ValueError as error:
        raise KeyError(depth) from error
for round in range(60):
    record = {"round": round, "big": [str(n ** 7) for n in numbers(40)], "text": string.ascii_letters * 5}
    text = json.dumps(record, sort_keys=True)
    assert json.loads(text) == record
    found = re.findall(r"(\\d)(?=(\\d{3})+(?!\\d))", text)
    try:
        fail(30)
    except KeyError as error:
        chain = 0
        while error is not None:
            chain, error = chain + 1, error.__cause__
    power = pow(3, 4001 + round, 10 ** 300 + 7)
    words = sorted(hashlib.md5(f"{round}:{i}".encode()).hexdigest() for i in range(300))
    for piece in (text, repr(found), str(chain), str(power), "".join(words)):
        state.update(piece.encode())
    print(round, len(found), chain, state.hexdigest(), flush=round % 10 == 0)
`;

/** Long enough for most freezes to fall into one: while an answer travels, the guest idles. */
const KERNEL_CALLS: readonly (readonly [name: string, ...args: number[]])[] = [
  ["matmul", 96, 20],
  ["hash", 2_000_000],
  ["sort", 400_000, 7],
  ["fib", 31],
  ["copy", 10_000],
  ["strings", 4000],
  ["count", 50_000_000],
];

const stormy = suite<{ fleet: Fleet }>("freeze storm");
stormy.before(async (context) => {
  context.fleet = await Fleet.open();
});
stormy.after(async ({ fleet }) => {
  await fleet[Symbol.asyncDispose]();
});

function judge(what: string, tally: Tally): void {
  console.log(`# ${what}: ${histogram(tally)}`);
  assert.ok(tally.freezes >= FREEZES);
  assert.ok((tally.how.parked ?? 0) >= 0.8 * tally.freezes, "at least 80 % hit a guest in mid-execution");
  assert.ok(tally.digests > 0);
  assert.is(tally.changes, 0, "memory changed while the guest was frozen");
}

stormy("CPython prints what it prints undisturbed and unprepared", async ({ fleet }) => {
  const expected = pythonUnprepared(PROGRAM);
  const image = await python();
  const random = new Random(1);
  const tally = newTally();
  for (let run = 0; tally.freezes < FREEZES; run++) {
    const args = ["python", "-c", PROGRAM];
    const guest = await fleet.boot(image, { name: `python ${run}`, args, stdout: "pipe", stderr: "pipe" });
    const output = textOf(guest.stdout);
    const errors = textOf(guest.stderr);
    await storm(guest, random, tally, OPTIONS);
    assert.is(endOf(await guest.exited), "code 0", await errors);
    assert.is(await output, expected);
  }
  judge("CPython", tally);
});

stormy("QuickJS answers every call once and in order", async ({ fleet }) => {
  const guest = await fleet.boot(await quickjs(), { name: "quickjs", services: quickjsServices });
  const source = `var n = (globalThis.n ?? 0) + 1, s = 0;
    for (var i = 0; i < 90000 + n % 7 * 30000; i++) s = (s * 31 + i * n) % 1000003;
    [n, s, JSON.stringify({ n }).length, /(\\d)\\1/.test(s)].join()`;
  const answerTo = (n: number): string => {
    let s = 0;
    for (let i = 0; i < 90000 + (n % 7) * 30000; i++) s = (s * 31 + i * n) % 1000003;
    return [n, s, JSON.stringify({ n }).length, /(\d)\1/.test(String(s))].join();
  };
  let over = false;
  let made = 0;
  const caller = async (): Promise<void> => {
    while (!over) {
      // Calls are served in the order in which they are made.
      const n = ++made;
      assert.is(await guest.call("evaluate", [source]), answerTo(n));
    }
  };
  const callers = Promise.all([caller(), caller(), caller()]);
  const tally = newTally();
  await storm(guest, new Random(2), tally, OPTIONS);
  over = true;
  await callers;
  assert.is(await guest.call("evaluate", ["n"]), String(made));
  judge(`QuickJS, ${made} calls`, tally);
  await guest.terminate();
});

stormy("kernels in loops and in recursion give the same answers", async ({ fleet }) => {
  const guest = await fleet.boot(await kernels(), { name: "kernels" });
  const expected = new Map<string, unknown>();
  for (const [name, ...args] of KERNEL_CALLS) expected.set(name, await guest.call(name, args));
  let over = false;
  const calling = (async () => {
    while (!over) {
      for (const [name, ...args] of KERNEL_CALLS) {
        assert.is(await guest.call(name, args), expected.get(name), name);
      }
    }
  })();
  const tally = newTally();
  await storm(guest, new Random(3), tally, OPTIONS);
  over = true;
  await calling;
  judge("kernels", tally);
  await guest.terminate();
});

stormy("a guest that waits again and again, and is called again and again, loses no wake-up", async ({ fleet }) => {
  const waiting = asking("host.wait({ untilMs: host.clock.monotonicMs() + n / 1000 }); return n;");
  const guest = await fleet.boot(await clerk(), { name: "clerk", services: waiting });
  const random = new Random(4);
  let over = false;
  let bumps = 0;
  const calling = (async () => {
    while (!over) {
      const us = random.below(5000);
      const answers = await Promise.all([guest.call("ask", [us]), guest.call("bump"), guest.call("bump")]);
      assert.equal(answers, [us, bumps + 1, bumps + 2]);
      bumps += 2;
    }
  })();
  const tally = newTally();
  await storm(guest, new Random(5), tally, OPTIONS);
  over = true;
  await calling;
  console.log(`# waiting and idling, ${bumps} calls: ${histogram(tally)}`);
  assert.ok((tally.how.waiting ?? 0) > 0 && (tally.how.idle ?? 0) > 0);
  assert.is(tally.changes, 0);
  await guest.terminate();
});

stormy.run();
