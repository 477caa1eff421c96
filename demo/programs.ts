/**
 * The programs of the demonstration. None of them knows that it can be frozen. What they print depends on nothing but
 * themselves, so that two runs can be compared byte for byte.
 */

/** CPython, busy without a pause: text, hashes, regular expressions, generators, exceptions, sorting, big integers. */
export const COMPUTE = `
import hashlib, json, re

def primes():
    sieve, n = {}, 2
    while True:
        factors = sieve.pop(n, None)
        if factors is None:
            yield n
            sieve[n * n] = [n]
        else:
            for p in factors:
                sieve.setdefault(n + p, []).append(p)
        n += 1

def digits(count):
    q, r, t, k, m, x = 1, 0, 1, 1, 3, 3
    while count:
        if 4 * q + r - t < m * t:
            yield m
            count -= 1
            q, r, m = 10 * q, 10 * (r - m * t), (10 * (3 * q + r)) // t - 10 * m
        else:
            q, r, t, k, m, x = q * k, (2 * q + r) * x, t * x, k + 1, (q * (7 * k + 2) + r * x) // (t * x), x + 2

def fails(n):
    try:
        return [][n]
    except IndexError as error:
        return len(str(error))

state = b"stillpoint"
for turn in range(12):
    found = primes()
    rows = [{"n": next(found), "hash": hashlib.sha256(state + bytes([i % 256])).hexdigest()} for i in range(1500)]
    text = json.dumps(sorted(rows, key=lambda row: row["hash"]))
    letters = re.findall(r"[a-f]{3,}", text)
    pi = "".join(map(str, digits(120 + turn)))
    state = hashlib.sha256((text + pi + "".join(letters)).encode()).digest()
    print(turn, len(text), len(letters), pi[-8:], sum(fails(n) for n in range(500)), state.hex()[:16], flush=True)
`;

/** CPython, asleep nearly all the time: what it prints tells whether a sleep has ever been too short. */
export const SLEEP = `
import time
for turn in range(90):
    before = time.monotonic()
    time.sleep(0.025)
    print(turn, "slept at least 25 ms:", time.monotonic() - before >= 0.025, flush=True)
`;

/** How many calls QuickJS serves. */
export const CALL_COUNT = 200;

/** What the calls of QuickJS work on; it stays in the guest from call to call. */
export const PREPARE_CALLS = `
globalThis.orders = new Map();
globalThis.serve = (number) => {
  let mixed = number;
  for (let i = 0; i < 60000; i++) mixed = (Math.imul(mixed, 1103515245) + 12345) >>> 0;
  const customer = "customer " + (mixed % 97);
  orders.set(customer, [...(orders.get(customer) ?? []), number]);
  return JSON.stringify({ number, customer, before: orders.get(customer).slice(-4, -1), customers: orders.size });
};
0`;

export function callSource(number: number): string {
  return `serve(${number})`;
}

/**
 * CPython, deep in its own recursion for most of the time, with random numbers from its host: each line depends on all that
 * were drawn before.
 */
export const DRAW = `
import hashlib, os

def tree(depth, salt):
    if depth == 0:
        return os.urandom(2) + salt
    return hashlib.sha256(b"".join(tree(depth - 1, bytes([i])) for i in range(3)) + salt).digest()

state = b""
for turn in range(600):
    state = tree(6, state[:4])
    if turn % 30 == 29:
        print(turn + 1, state.hex()[:32], flush=True)
`;

/**
 * CPython, hashing one random number after the other for as long as it is let. Whoever is told to lead reads what is announced for
 * its set, as a file, and approves it.
 */
export const CHAIN = `
import hashlib, json, os, sys

def approve():
    with open("/run/stillpoint/scheduledevents") as file:
        events = json.load(file)["Events"]
    wanted = [event["EventId"] for event in events if event["EventStatus"] == "Scheduled"]
    if wanted:
        with open("/run/stillpoint/startrequests", "w") as file:
            file.write("\\n".join(wanted))

leads = sys.argv[1] == "leads"
state, turn = b"", 0
while True:
    for _ in range(400):
        state = hashlib.sha256(state + os.urandom(2)).digest()
    turn += 1
    print(turn, state.hex()[:32], flush=True)
    if leads:
        approve()
`;
