/**
 * A guest for tests and benches: small programs of the kinds that polls and marks cost most, each an export of its own that
 * returns a checksum of its work. The same arguments always give the same answer, however often the guest is frozen on the
 * way, and nothing is imported. test/support/kernels.ts loads it; `npm run build:guests` compiles it.
 *
 *   matmul   dense f64 matrices: one short call-free innermost loop, a store in each iteration
 *   hash     open addressing: scattered loads and stores over one MiB
 *   sort     quicksort by recursion over an array on the heap
 *   fib      recursion without any loop
 *   copy     memory.copy and memory.fill of changing lengths, overlapping
 *   strings  strings, arrays and a map: the allocator and the collector at work
 *   count    a loop that touches no memory at all
 *   spin     never returns; counts up the word at spinPtr()
 */

/** xorshift32 (Marsaglia, 2003): never 0 when it starts from anything else. */
function nextRandom(state: u32): u32 {
  state ^= state << 13;
  state ^= state >>> 17;
  return state ^ (state << 5);
}

/** Sum of the elements of A^rounds * B, for two n by n matrices with entries of about 1 / n. */
export function matmul(n: i32, rounds: i32): f64 {
  const cells = n * n;
  let a = new StaticArray<f64>(cells);
  const b = new StaticArray<f64>(cells);
  let product = new StaticArray<f64>(cells);
  for (let i = 0; i < cells; ++i) {
    a[i] = f64((i * 7) % 11) / f64(5 * n);
    b[i] = f64((i * 5) % 13) / f64(6 * n);
  }
  for (let round = 0; round < rounds; ++round) {
    memory.fill(changetype<usize>(product), 0, usize(cells) << 3);
    for (let i = 0; i < n; ++i) {
      for (let k = 0; k < n; ++k) {
        const factor = a[i * n + k];
        // Written as stores into the row, not as a sum in a local: this is the loop that marks make slowest.
        for (let j = 0; j < n; ++j) {
          const at = i * n + j;
          unchecked((product[at] = product[at] + factor * b[k * n + j]));
        }
      }
    }
    const last = a;
    a = product;
    product = last;
  }
  let sum: f64 = 0;
  for (let i = 0; i < cells; ++i) sum += a[i];
  return sum;
}

const SLOTS: u32 = 1 << 17;

/** Counts `rounds` random keys in a table of 2^17 slots of key and count, then adds up what is there. */
export function hash(rounds: i32): u32 {
  const table = new StaticArray<u32>(SLOTS << 1);
  let key: u32 = 0x9e3779b9;
  let used: u32 = 0;
  for (let i = 0; i < rounds; ++i) {
    key = nextRandom(key);
    const wanted = (key % 60013) + 1;
    let slot = (wanted * 0x85ebca6b) >>> 15;
    while (table[slot << 1] !== 0 && table[slot << 1] !== wanted) slot = (slot + 1) & (SLOTS - 1);
    if (table[slot << 1] === 0) {
      table[slot << 1] = wanted;
      ++used;
    }
    table[(slot << 1) + 1] += <u32>i ^ wanted;
  }
  let sum = used;
  for (let slot: u32 = 0; slot < SLOTS; ++slot) sum = rotl<u32>(sum, 5) ^ table[(slot << 1) + 1];
  return sum;
}

function quicksort(values: StaticArray<u32>, first: i32, last: i32): void {
  if (first >= last) return;
  const pivot = values[first + ((last - first) >> 1)];
  let low = first;
  let high = last;
  while (low <= high) {
    while (values[low] < pivot) ++low;
    while (values[high] > pivot) --high;
    if (low <= high) {
      const value = values[low];
      values[low++] = values[high];
      values[high--] = value;
    }
  }
  quicksort(values, first, high);
  quicksort(values, low, last);
}

/** Sorts n random words and returns a digest that depends on their order; 0 if they came out unsorted. */
export function sort(n: i32, seed: u32): u32 {
  const values = new StaticArray<u32>(n);
  let state = seed | 1;
  for (let i = 0; i < n; ++i) values[i] = state = nextRandom(state);
  quicksort(values, 0, n - 1);
  let digest: u32 = 1;
  for (let i = 0; i < n; ++i) {
    if (i > 0 && values[i - 1] > values[i]) return 0;
    digest = digest * 31 + values[i];
  }
  return digest;
}

export function fib(n: i32): i32 {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

const COPY_BYTES: u32 = 1 << 18;

/** Moves pieces of a buffer of 256 KiB about, and returns a digest of it. */
export function copy(rounds: i32): u32 {
  const buffer = changetype<usize>(new StaticArray<u8>(COPY_BYTES));
  let state: u32 = 0x2545f491;
  for (let i: u32 = 0; i < COPY_BYTES; i += 4) store<u32>(buffer + i, (state = nextRandom(state)));
  for (let round = 0; round < rounds; ++round) {
    state = nextRandom(state);
    const from = state % (COPY_BYTES / 2);
    state = nextRandom(state);
    const to = state % (COPY_BYTES / 2);
    state = nextRandom(state);
    memory.copy(buffer + to, buffer + from, state % (COPY_BYTES / 2));
    if ((round & 7) === 0) memory.fill(buffer + from, <u8>round, state % 4096);
  }
  let digest: u32 = 0;
  for (let i: u32 = 0; i < COPY_BYTES; i += 4) digest = digest * 33 + load<u32>(buffer + i);
  return digest;
}

/** Builds, splits, counts and joins words; most of what it makes is garbage at once. */
export function strings(rounds: i32): u32 {
  const counts = new Map<string, i32>();
  let state: u32 = 0x1d872b41;
  for (let round = 0; round < rounds; ++round) {
    let line = "";
    for (let i = 0; i < 12; ++i) {
      state = nextRandom(state);
      line += `${i === 0 ? "" : " "}w${state % 97}`;
    }
    const words = line.split(" ");
    for (let i = 0; i < words.length; ++i) {
      const word = words[i].toUpperCase();
      counts.set(word, (counts.has(word) ? counts.get(word) : 0) + 1);
    }
  }
  const keys = counts.keys().sort();
  const report: string[] = [];
  for (let i = 0; i < keys.length; ++i) report.push(`${keys[i]}=${counts.get(keys[i])}`);
  const text = report.join(";");
  let digest: u32 = 2166136261;
  for (let i = 0; i < text.length; ++i) digest = (digest ^ text.charCodeAt(i)) * 16777619;
  return digest;
}

/** Counts to n with an f64, because results of up to 2^53 fit one, and returns what it counted. */
export function count(n: f64): f64 {
  let i: f64 = 0;
  while (i < n) i += 1;
  return i;
}

const counterPtr = memory.data(8, 8);

/** Address of the u64 that spin() counts up. */
export function spinPtr(): usize {
  return counterPtr;
}

export function spin(): void {
  while (true) store<u64>(counterPtr, load<u64>(counterPtr) + 1);
}
