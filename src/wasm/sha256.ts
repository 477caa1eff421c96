/**
 * SHA-256 (FIPS 180-4), synchronous. Images carry the digest of their original, and prepareSync() must work where the
 * platform offers only an asynchronous digest, or none on pages that are not secure contexts.
 */

const PRIMES: number[] = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every((prime) => n % prime !== 0)) PRIMES.push(n);
/** The first 32 bits of the fractional part. */
const fraction = (root: number): number => (root * 2 ** 32) | 0;
const ROUND: Int32Array = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START: Int32Array = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

const words: Int32Array = new Int32Array(64);
/**
 * The eight working variables: in each round all but two take the value of a neighbour, so a to d are the last four values of
 * `a`, and e to h those of `e`. Those that come from before the first round take up four places.
 */
const as: Int32Array = new Int32Array(68);
const es: Int32Array = new Int32Array(68);

function compress(state: Int32Array, block: DataView, at: number): void {
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15]!;
    const y = words[i - 2]!;
    const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
    const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
    words[i] = (words[i - 16]! + s0 + words[i - 7]! + s1) | 0;
  }
  for (let i = 0; i < 4; i++) {
    as[3 - i] = state[i]!;
    es[3 - i] = state[4 + i]!;
  }
  for (let i = 0; i < 64; i++) {
    const a = as[i + 3]!;
    const b = as[i + 2]!;
    const c = as[i + 1]!;
    const e = es[i + 3]!;
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const t1 = (es[i]! + s1 + ((e & es[i + 2]!) ^ (~e & es[i + 1]!)) + ROUND[i]! + words[i]!) | 0;
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    es[i + 4] = as[i]! + t1;
    as[i + 4] = t1 + s0 + ((a & b) ^ (a & c) ^ (b & c));
  }
  for (let i = 0; i < 4; i++) {
    state[i]! += as[67 - i]!;
    state[4 + i]! += es[67 - i]!;
  }
}

/** The digest as 64 hexadecimal digits. */
export function sha256(bytes: Uint8Array): string {
  const state = START.slice();
  const whole = bytes.length - (bytes.length % 64);
  // The rest, one bit, zeros, and the length in bits as a big-endian u64: one block, or two where the length does not fit.
  const tail = new Uint8Array(bytes.length - whole < 56 ? 64 : 128);
  tail.set(bytes.subarray(whole));
  tail[bytes.length - whole] = 0x80;
  const end = new DataView(tail.buffer);
  end.setBigUint64(tail.length - 8, BigInt(bytes.length) * 8n);

  const blocks = new DataView(bytes.buffer, bytes.byteOffset, whole);
  for (let at = 0; at < whole; at += 64) compress(state, blocks, at);
  for (let at = 0; at < tail.length; at += 64) compress(state, end, at);
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
